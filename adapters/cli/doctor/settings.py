"""The settings: all groups at once, and variables that look like settings and are none."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TypeVar, cast

from adapters.cli.doctor.finding import Finding, Kind
from adapters.config import environment
from adapters.config.environment import WrongSettings
from adapters.config.settings import (
    ALL_GROUPS,
    CORE_GROUPS,
    HttpSettings,
    RabbitSettings,
    SettingsGroup,
    example_secrets,
    load,
    variables_of,
)

NAME = "settings"
PREFIXES = ("CLIENT_NALOG_", "CLIENT_APIFNS_", "CACHE_", "HISTORY_", "APP_", "MONGO_")
"""Prefixes that nothing but this service is likely to use."""
COMPOSE_VARIABLES = {
    "BUILDX_NO_DEFAULT_ATTESTATIONS",
    "COMPOSE_PROFILES",
    "INN_IMAGE",
    "LOGS_MAX_FILES",
    "LOGS_MAX_SIZE",
    "MEMORY_INN",
    "MEMORY_MONGO",
    "MEMORY_RABBITMQ",
    "MONGO_ROOT_PASS",
    "MONGO_ROOT_USER",
    "PUBLISH_EMULATOR",
    "PUBLISH_ON",
    "PUBLISH_PLAYGROUND",
    "PUBLISH_RABBITMQ",
    "PUBLISH_RABBITMQ_PAGE",
}
"""Read by docker compose alone, from the same file."""
SIMILARITY = 0.85

Group = TypeVar("Group", bound=SettingsGroup)


class CheckedSettings:
    """The groups that are valid, and what is wrong with the others."""

    def __init__(self, *, consumer: bool) -> None:
        self._valid: dict[type[SettingsGroup], SettingsGroup] = {}
        faults: list[str] = []
        for group in ALL_GROUPS if consumer else CORE_GROUPS:
            try:
                self._valid[group] = load(group)
                faults += example_secrets(group)
            except WrongSettings as wrong:
                faults += wrong.faults
        self.findings = [Finding(Kind.WRONG, NAME, fault) for fault in faults]
        if not faults:
            self.findings.append(Finding(Kind.OK, NAME, "all of them can be read"))
        self.findings += _unknown_names(environment.names())
        self.findings += self._open_to_everybody()

    def has(self, *groups: type[SettingsGroup]) -> bool:
        """Whether these groups are valid."""
        return all(group in self._valid for group in groups)

    def of(self, group: type[Group]) -> Group:
        """A group that is valid."""
        return cast("Group", self._valid[group])

    def _open_to_everybody(self) -> Iterator[Finding]:
        if not self.has(HttpSettings):
            return
        http = self.of(HttpSettings)
        if not http.bearer_tokens and http.host not in ("127.0.0.1", "::1", "localhost"):
            text = f"HTTP_TOKENS is empty and HTTP_HOST is {http.host}: whoever reaches it may ask; set HTTP_TOKENS"
            yield Finding(Kind.NOTE, NAME, text)


def file_faults() -> list[Finding]:
    """What is wrong with the file of settings itself: then no setting is known."""
    try:
        environment.read()
    except WrongSettings as wrong:
        return [Finding(Kind.WRONG, NAME, fault) for fault in wrong.faults]
    return []


def names_broker() -> bool:
    """Whether any setting of RabbitMQ is set: processes that only serve HTTP have none."""
    return not environment.read().keys().isdisjoint(name.lower() for name in variables_of(RabbitSettings))


def _unknown_names(names: Iterable[str]) -> Iterator[Finding]:
    """Variables whose name is misspelled: the setting would stay at its default, without any error."""
    known = {name for group in ALL_GROUPS for name in variables_of(group)} | COMPOSE_VARIABLES
    for name in sorted(name for name in names if name.upper() not in known):
        similar = get_close_matches(name.upper(), known, n=1, cutoff=SIMILARITY)
        if similar:
            yield Finding(Kind.NOTE, NAME, f"{name} is no setting: is {similar[0]} meant?")
        elif name.startswith(PREFIXES):
            yield Finding(Kind.NOTE, NAME, f"{name} is no setting, and is not heeded")
