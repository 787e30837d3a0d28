"""The settings: all groups at once, and variables that look like settings and are none."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from adapters.cli.doctor.finding import Finding, Kind
from adapters.config import environment
from adapters.config.environment import WrongSettings
from adapters.config.hosts import is_loopback
from adapters.config.settings import (
    ALL_GROUPS,
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


def load_groups(groups: Iterable[type[SettingsGroup]]) -> tuple[dict[type[SettingsGroup], Any], list[Finding]]:
    """Those that are valid, by their class; and what is to say of all settings."""
    valid: dict[type[SettingsGroup], Any] = {}
    faults: list[str] = []
    for group in groups:
        try:
            valid[group] = load(group)
            faults += example_secrets(group)
        except WrongSettings as wrong:
            faults += wrong.faults
    found = [Finding(Kind.WRONG, NAME, fault) for fault in faults] or [
        Finding(Kind.OK, NAME, "all of them can be read")
    ]
    return valid, [*found, *_unknown_names(environment.names()), *_open_to_everybody(valid.get(HttpSettings))]


def names_broker() -> bool:
    """Whether any setting of RabbitMQ is set: processes that only serve HTTP have none."""
    return not environment.read().keys().isdisjoint(name.lower() for name in variables_of(RabbitSettings))


def _open_to_everybody(http: HttpSettings | None) -> Iterator[Finding]:
    if http is not None and not http.bearer_tokens and not is_loopback(http.host):
        text = f"HTTP_TOKENS is empty and HTTP_HOST is {http.host}: whoever reaches it may ask; set HTTP_TOKENS"
        yield Finding(Kind.NOTE, NAME, text)


def _unknown_names(names: Iterable[str]) -> Iterator[Finding]:
    """Variables whose name is misspelled: the setting would stay at its default, without any error."""
    known = {name for group in ALL_GROUPS for name in variables_of(group)} | COMPOSE_VARIABLES
    for name in sorted(name for name in names if name.upper() not in known):
        similar = get_close_matches(name.upper(), known, n=1, cutoff=SIMILARITY)
        if similar:
            yield Finding(Kind.NOTE, NAME, f"{name} is no setting: is {similar[0]} meant?")
        elif name.startswith(PREFIXES):
            yield Finding(Kind.NOTE, NAME, f"{name} is no setting, and is not heeded")
