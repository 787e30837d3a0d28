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
OURS = ("CLIENT_NALOG_", "CLIENT_APIFNS_", "CACHE_", "HISTORY_", "APP_", "MONGO_")
"""Prefixes that nothing but this service is likely to use."""
OF_COMPOSE = {
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
"""What docker compose alone reads in the file that it shares with us."""
SIMILAR = 0.85

Group = TypeVar("Group", bound=SettingsGroup)


class Settings:
    """The groups that are right, and what is wrong with the others."""

    def __init__(self, *, consumer: bool) -> None:
        self._right: dict[type[SettingsGroup], SettingsGroup] = {}
        self.findings: list[Finding] = []
        for group in ALL_GROUPS if consumer else CORE_GROUPS:
            try:
                self._right[group] = load(group)
            except WrongSettings as wrong:
                self.findings += [Finding(Kind.WRONG, NAME, fault) for fault in wrong.faults]
            else:
                self.findings += [Finding(Kind.WRONG, NAME, fault) for fault in example_secrets(group)]
        if not self.findings:
            self.findings.append(Finding(Kind.OK, NAME, "all of them can be read"))
        self.findings += _strangers(environment.names())
        self.findings += self._open_door()

    def has(self, *groups: type[SettingsGroup]) -> bool:
        """Whether these groups are right."""
        return all(group in self._right for group in groups)

    def of(self, group: type[Group]) -> Group:
        """A group that is right."""
        return cast("Group", self._right[group])

    def _open_door(self) -> Iterator[Finding]:
        if not self.has(HttpSettings):
            return
        http = self.of(HttpSettings)
        if not http.bearer_tokens and http.host not in ("127.0.0.1", "::1", "localhost"):
            text = f"HTTP_TOKENS is empty and HTTP_HOST is {http.host}: whoever reaches it may ask; set HTTP_TOKENS"
            yield Finding(Kind.NOTE, NAME, text)


def unreadable() -> list[Finding]:
    """What is wrong with the file of settings itself: then none of them is known."""
    try:
        environment.read()
    except WrongSettings as wrong:
        return [Finding(Kind.WRONG, NAME, fault) for fault in wrong.faults]
    return []


def broker_is_named() -> bool:
    """Whether any of RabbitMQ's settings is there: the HTTP function's processes are given none."""
    return not environment.read().keys().isdisjoint(name.lower() for name in variables_of(RabbitSettings))


def _strangers(names: Iterable[str]) -> Iterator[Finding]:
    """A slip in a name leaves the setting as it was, and nothing would ever say so."""
    known = {name for group in ALL_GROUPS for name in variables_of(group)} | OF_COMPOSE
    for name in sorted(name for name in names if name.upper() not in known):
        similar = get_close_matches(name.upper(), known, n=1, cutoff=SIMILAR)
        if similar:
            yield Finding(Kind.NOTE, NAME, f"{name} is no setting: is {similar[0]} meant?")
        elif name.startswith(OURS):
            yield Finding(Kind.NOTE, NAME, f"{name} is no setting, and is not heeded")
