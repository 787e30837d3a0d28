"""`inn doctor`: checks the settings, runs the other checks in order, and prints a line for each finding."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import typer

from adapters.cli.doctor import Finding, Settings, providers, servers
from adapters.cli.errors import DONE, FAILED, WRONG_USE, failure_of
from adapters.config import environment
from adapters.config import settings as groups
from adapters.config.environment import WrongSettings

PREFIXES = ("CLIENT_NALOG_", "CLIENT_APIFNS_", "CACHE_", "HISTORY_", "APP_", "MONGO_")
"""Prefixes that nothing but this service is likely to use."""
COMPOSE_VARIABLES = frozenset({"MONGO_ROOT_PASS", "MONGO_ROOT_USER"})
"""With such a prefix, read by docker compose alone, from the same file."""
SIMILARITY = 0.85

_CHECKS: tuple[tuple[str, set[type], Callable[[Settings], Iterator[Finding]]], ...] = (
    (servers.MONGO, {groups.AppSettings, groups.MongoSettings, groups.HistorySettings}, servers.check_store),
    (servers.RABBIT, {groups.AppSettings, groups.RabbitSettings}, servers.check_broker),
    (providers.TAX_SERVICE, {groups.NalogSettings}, providers.check_tax_service),
    (providers.PAID, {groups.ApiFnsSettings}, providers.check_paid),
)
"""Each with the settings that it needs. A check raises what `failure_of` reads, WrongUse for a wrong setting."""


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
    kinds = set()
    for kind, name, text in _findings(process):
        typer.echo(f"{kind:8} {name:12} {text}")
        kinds.add(kind)
    return WRONG_USE if "wrong" in kinds else FAILED if "failed" in kinds else DONE


def _findings(process: Literal["serve", "consume"] | None) -> Iterator[Finding]:
    """Run the checks. `process`: the one whose settings are checked; None: the consumer if any of RabbitMQ's is set."""
    settings: dict[type, Any] = {}
    try:
        # Processes that only serve HTTP have none.
        broker_set = groups.variables_of(groups.RabbitSettings) & environment.read().keys()
        with_broker = process == "consume" or (process is None and bool(broker_set))
        yield from _check_settings(groups.ALL_GROUPS if with_broker else groups.CORE_GROUPS, settings)
    except WrongSettings as wrong:
        # The file cannot be read.
        yield from (("wrong", "settings", fault) for fault in wrong.faults)
        return
    for name, needed, check in _CHECKS:
        if needed <= settings.keys():
            try:
                yield from check(settings)
            except Exception as error:
                if (failure := failure_of(error)) is None:
                    raise
                yield "wrong" if failure.status == WRONG_USE else "failed", name, str(failure)
        elif name == servers.RABBIT and not with_broker:
            if process is None:
                text = "no RABBITMQ_... is set, and inn serve needs none; for inn consume: inn doctor --for consume"
                yield "skipped", name, f"not looked at: {text}"
        elif name != providers.PAID:
            yield "skipped", name, "not looked at: its settings are wrong"


def _check_settings(checked: groups.Groups, valid: dict[type, Any]) -> Iterator[Finding]:
    """Check these groups of settings, and add the valid ones to `valid`, by their class."""
    faults: list[str] = []
    for group in checked:
        try:
            valid[group] = groups.load(group)
            faults += groups.example_secrets(group)
        except WrongSettings as wrong:
            faults += wrong.faults
    yield from (("wrong", "settings", fault) for fault in faults)
    if not faults:
        yield "ok", "settings", "all of them can be read"
    # The setting of a misspelled variable would silently stay at its default.
    known = {name for group in groups.ALL_GROUPS for name in groups.variables_of(group)} | COMPOSE_VARIABLES
    for name in sorted(environment.read().keys() - known):
        if similar := get_close_matches(name, known, n=1, cutoff=SIMILARITY):
            yield "note", "settings", f"{name} is no setting: is {similar[0]} meant?"
        elif name.startswith(PREFIXES):
            yield "note", "settings", f"{name} is not a known setting and is ignored"
    http = valid.get(groups.HttpSettings)
    if http and http.is_open:
        text = f"HTTP_TOKENS is empty and HTTP_HOST is {http.host}: whoever reaches it may ask; set HTTP_TOKENS"
        yield "note", "settings", text
