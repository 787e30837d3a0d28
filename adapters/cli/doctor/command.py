"""The command: checks the settings, then runs the check of each server, and prints a line for each finding."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Literal

import typer

from adapters.cli.doctor.server_checks import Finding, check_paid, check_queues, check_store, check_tax_service
from adapters.cli.errors import DONE, FAILED, WRONG_USE, failure_of
from adapters.composition.consumer import broker
from adapters.config import environment
from adapters.config.environment import WrongSettings
from adapters.config.settings import (
    ALL_GROUPS,
    CORE_GROUPS,
    RabbitSettings,
    example_secrets,
    load_all,
    load_core,
    variables_of,
)

SIMILARITY = 0.85
Line = tuple[str, str, str]
"""The result (ok, note, skipped, wrong: a setting, failed: a server), what was checked, and the cause and remedy."""
Process = Literal["serve", "consume"]


def doctor(
    *,
    process: Annotated[
        Process | None,
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
    kinds = set()
    for kind, name, text in _lines(process):
        typer.echo(f"{kind:8} {name:12} {text}")
        kinds.add(kind)
    return WRONG_USE if "wrong" in kinds else FAILED if "failed" in kinds else DONE


def _lines(process: Process | None) -> Iterator[Line]:
    """Check the settings of the process (None: the consumer if any of RabbitMQ's is set), then its servers."""
    try:
        yield from _misspelled()
        # Processes that only serve HTTP have no such variables.
        has_broker = bool(variables_of(RabbitSettings) & environment.read().keys())
        is_consumer = process == "consume" or (process is None and has_broker)
        core, rabbit = load_all() if is_consumer else (load_core(), None)
    except WrongSettings as wrong:
        yield from (("wrong", "settings", fault) for fault in wrong.faults)
        yield "skipped", "servers", "not looked at: settings are wrong"
        return
    # A start accepts them for the emulated tax service.
    examples = example_secrets(ALL_GROUPS if rabbit else CORE_GROUPS)
    yield from (("wrong", "settings", fault) for fault in examples)
    if not examples:
        yield "ok", "settings", "all of them can be read"
    yield from _check("MongoDB", check_store(core))
    if rabbit:
        yield from _check("RabbitMQ", check_queues(broker(core.app, rabbit)))
    elif process is None:
        text = (
            "not looked at: no RABBITMQ_... is set, and inn serve needs none; for inn consume: inn doctor --for consume"
        )
        yield "skipped", "RabbitMQ", text
    yield from _check("tax service", check_tax_service(core.nalog))
    if core.apifns.enabled:
        yield from _check("paid service", check_paid(core.apifns))


def _misspelled() -> Iterator[Line]:
    """Find variables that look like a setting, whose own value would silently stay at its default."""
    known = {name for group in ALL_GROUPS for name in variables_of(group)}
    for name in sorted(environment.read().keys() - known):
        if similar := get_close_matches(name, known, n=1, cutoff=SIMILARITY):
            yield "note", "settings", f"{name} is no setting: is {similar[0]} meant?"


def _check(name: str, findings: Iterator[Finding]) -> Iterator[Line]:
    """The findings about a server, and its error as the last one."""
    try:
        yield from ((kind, name, text) for kind, text in findings)
    except Exception as error:
        if (failure := failure_of(error)) is None:
            raise
        yield "wrong" if failure.status == WRONG_USE else "failed", name, str(failure).removeprefix(f"{name}: ")
