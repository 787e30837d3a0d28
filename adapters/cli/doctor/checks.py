"""All checks in order, and those of the settings."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Literal

from adapters.cli.doctor import providers, servers
from adapters.cli.doctor.finding import Finding, Kind, Settings
from adapters.cli.errors import Failure, WrongUse
from adapters.config import environment
from adapters.config.environment import WrongSettings
from adapters.config.settings import (
    ALL_GROUPS,
    CORE_GROUPS,
    ApiFnsSettings,
    AppSettings,
    HistorySettings,
    HttpSettings,
    MongoSettings,
    NalogSettings,
    RabbitSettings,
    SettingsGroup,
    example_secrets,
    load,
    variables_of,
)

SETTINGS = "settings"
PREFIXES = ("CLIENT_NALOG_", "CLIENT_APIFNS_", "CACHE_", "HISTORY_", "APP_", "MONGO_")
"""Prefixes that nothing but this service is likely to use."""
COMPOSE_VARIABLES = frozenset({"MONGO_ROOT_PASS", "MONGO_ROOT_USER"})
"""With such a prefix, read by docker compose alone, from the same file."""
SIMILARITY = 0.85

_CHECKS: tuple[tuple[str, set[type], Callable[[Settings], Iterator[Finding]]], ...] = (
    (servers.MONGO, {AppSettings, MongoSettings, HistorySettings}, servers.check_store),
    (servers.RABBIT, {AppSettings, RabbitSettings}, servers.check_broker),
    (providers.TAX_SERVICE, {NalogSettings}, providers.check_tax_service),
    (providers.PAID, {ApiFnsSettings}, providers.check_paid),
)
"""Each with the settings that it needs. A check raises WrongUse for a wrong setting, Failure for another fault."""


def findings(process: Literal["serve", "consume"] | None) -> Iterator[Finding]:
    """Run the checks. `process`: the one whose settings are checked; None: the consumer if any of RabbitMQ's is set."""
    try:
        # Processes that only serve HTTP have none.
        broker_set = {name.lower() for name in variables_of(RabbitSettings)} & environment.read().keys()
        with_broker = process == "consume" or (process is None and bool(broker_set))
        settings, found = _load_groups(ALL_GROUPS if with_broker else CORE_GROUPS)
    except WrongSettings as wrong:
        # The file cannot be read.
        yield from (Finding(Kind.WRONG, SETTINGS, fault) for fault in wrong.faults)
        return
    yield from found
    for name, needed, check in _CHECKS:
        if needed <= settings.keys():
            try:
                yield from check(settings)
            except Failure as failure:
                yield Finding(Kind.WRONG if isinstance(failure, WrongUse) else Kind.FAILED, name, str(failure))
        elif name == servers.RABBIT and not with_broker:
            if process is None:
                text = "no RABBITMQ_... is set, and inn serve needs none; for inn consume: inn doctor --for consume"
                yield Finding(Kind.SKIPPED, name, f"not looked at: {text}")
        elif name != providers.PAID:
            yield Finding(Kind.SKIPPED, name, "not looked at: its settings are wrong")


def _load_groups(groups: Iterable[type[SettingsGroup]]) -> tuple[Settings, list[Finding]]:
    """The valid groups by their class, and the findings of all settings."""
    valid: dict[type, Any] = {}
    faults: list[str] = []
    for group in groups:
        try:
            valid[group] = load(group)
            faults += example_secrets(group)
        except WrongSettings as wrong:
            faults += wrong.faults
    found = [Finding(Kind.WRONG, SETTINGS, fault) for fault in faults]
    found = found or [Finding(Kind.OK, SETTINGS, "all of them can be read")]
    notes = [*_unknown_names(environment.names()), *_open_to_everybody(valid.get(HttpSettings))]
    return valid, found + [Finding(Kind.NOTE, SETTINGS, note) for note in notes]


def _unknown_names(names: Iterable[str]) -> Iterator[str]:
    """Misspelled variables: their settings would silently stay at the defaults."""
    known = {name for group in ALL_GROUPS for name in variables_of(group)} | COMPOSE_VARIABLES
    for name in sorted(name for name in names if name.upper() not in known):
        if similar := get_close_matches(name.upper(), known, n=1, cutoff=SIMILARITY):
            yield f"{name} is no setting: is {similar[0]} meant?"
        elif name.startswith(PREFIXES):
            yield f"{name} is not a known setting and is ignored"


def _open_to_everybody(http: HttpSettings | None) -> Iterator[str]:
    if http is not None and http.is_open:
        yield f"HTTP_TOKENS is empty and HTTP_HOST is {http.host}: whoever reaches it may ask; set HTTP_TOKENS"
