"""`inn doctor`: runs the checks, and prints a line for each."""

from typing import Annotated, Literal

import typer

from adapters.cli.doctor.finding import Kind
from adapters.cli.errors import DONE, FAILED, WRONG_USE

_COLOURS = {Kind.OK: typer.colors.GREEN, Kind.NOTE: typer.colors.YELLOW, Kind.SKIPPED: typer.colors.YELLOW}


def doctor(
    *,
    process: Annotated[
        Literal["serve", "consume"] | None,
        typer.Option(
            "--for",
            show_default="consume where any RABBITMQ_... is set, else serve",
            help="The process that is to start; serve does without RabbitMQ.",
        ),
    ] = None,
) -> int:
    """Look at the settings (the environment, or .env) and at each server, and say what to mend.

    Indexes and queues that are missing are made, as a start would. The tax service is asked for its
    form's page, without personal data. The exit status is 1 where a server is not as it should be,
    2 where a setting is wrong.

    Examples:
      inn doctor
      inn doctor --for consume
    """
    from adapters.cli.doctor.checks import findings

    kinds = set()
    for kind, name, text in findings(process):
        word = typer.style(f"{kind:8}", fg=_COLOURS.get(kind, typer.colors.RED))
        typer.echo(f"{word} {name:12} {text}")
        kinds.add(kind)
    if Kind.WRONG in kinds:
        return WRONG_USE
    return FAILED if Kind.FAILED in kinds else DONE
