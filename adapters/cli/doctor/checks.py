"""All checks in order, and those of the settings and of MongoDB."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from adapters.cli.doctor import providers, rabbit
from adapters.cli.doctor.finding import Finding, Kind, unreachable_cause
from adapters.composition.consumer import broker
from adapters.composition.store import check_origin, open_store
from adapters.config import environment
from adapters.config.environment import WrongSettings
from adapters.config.host_names import is_loopback
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
from adapters.mongodb import MongoStore, StoredCounts, StoreFault, StoreRefuses, WrongAddress
from function.ports import Unavailable

Settings = Mapping[type[SettingsGroup], Any]
"""The groups that are valid."""
Check = Callable[[Settings], Iterator[Finding]]
SETTINGS = "settings"
MONGO = "MongoDB"
_ADDRESS = "MONGO_DSN, or MONGO_HOST and MONGO_PORT"
_NO_BROKER = (
    "not looked at: no RABBITMQ_... is set, and inn serve needs none; for inn consume: inn doctor --for consume"
)
PREFIXES = ("CLIENT_NALOG_", "CLIENT_APIFNS_", "CACHE_", "HISTORY_", "APP_", "MONGO_")
"""Prefixes that nothing but this service is likely to use."""
COMPOSE_VARIABLES = {
    *("BUILDX_NO_DEFAULT_ATTESTATIONS", "COMPOSE_PROFILES", "INN_IMAGE", "LOGS_MAX_FILES", "LOGS_MAX_SIZE"),
    *("MEMORY_INN", "MEMORY_MONGO", "MEMORY_RABBITMQ", "MONGO_ROOT_PASS", "MONGO_ROOT_USER"),
    *("PUBLISH_EMULATOR", "PUBLISH_ON", "PUBLISH_PLAYGROUND", "PUBLISH_RABBITMQ", "PUBLISH_RABBITMQ_PAGE"),
}
"""Read by docker compose alone, from the same file."""
SIMILARITY = 0.85


def findings(*, consumer: bool | None) -> Iterator[Finding]:
    """Run the checks. `consumer`: whether RabbitMQ is checked; None: if any of its settings is set."""
    try:
        with_broker = _names_broker() if consumer is None else consumer
        settings, found = _load_groups(ALL_GROUPS if with_broker else CORE_GROUPS)
    except WrongSettings as wrong:
        # The file cannot be read.
        yield from (Finding(Kind.WRONG, SETTINGS, fault) for fault in wrong.faults)
        return
    yield from found
    checks: list[tuple[str, set[type[SettingsGroup]], Check]] = [
        (MONGO, {AppSettings, MongoSettings, HistorySettings}, _check_store),
        (rabbit.NAME, {AppSettings, RabbitSettings}, _check_broker),
        (providers.TAX_SERVICE, {NalogSettings}, lambda valid: providers.check_tax_service(valid[NalogSettings])),
    ]
    for name, needed, check in checks:
        if name == rabbit.NAME and not with_broker:
            if consumer is None:
                yield Finding(Kind.SKIPPED, name, _NO_BROKER)
        elif needed <= settings.keys():
            yield from check(settings)
        else:
            yield Finding(Kind.SKIPPED, name, "not looked at: its settings are wrong")
    if ApiFnsSettings in settings:
        yield from providers.check_paid(settings[ApiFnsSettings])


def _load_groups(groups: Iterable[type[SettingsGroup]]) -> tuple[Settings, list[Finding]]:
    """The valid groups by their class, and the findings of all settings."""
    valid: dict[type[SettingsGroup], Any] = {}
    faults: list[str] = []
    for group in groups:
        try:
            valid[group] = load(group)
            faults += example_secrets(group)
        except WrongSettings as wrong:
            faults += wrong.faults
    found = [Finding(Kind.WRONG, SETTINGS, fault) for fault in faults] or [
        Finding(Kind.OK, SETTINGS, "all of them can be read")
    ]
    return valid, [*found, *_unknown_names(environment.names()), *_open_to_everybody(valid.get(HttpSettings))]


def _names_broker() -> bool:
    """Whether any RABBITMQ_… variable is set: processes that only serve HTTP have none."""
    return not environment.read().keys().isdisjoint(name.lower() for name in variables_of(RabbitSettings))


def _open_to_everybody(http: HttpSettings | None) -> Iterator[Finding]:
    if http is not None and not http.bearer_tokens and not is_loopback(http.host):
        text = f"HTTP_TOKENS is empty and HTTP_HOST is {http.host}: whoever reaches it may ask; set HTTP_TOKENS"
        yield Finding(Kind.NOTE, SETTINGS, text)


def _unknown_names(names: Iterable[str]) -> Iterator[Finding]:
    """Misspelled variables: their settings would silently stay at the defaults."""
    known = {name for group in ALL_GROUPS for name in variables_of(group)} | COMPOSE_VARIABLES
    for name in sorted(name for name in names if name.upper() not in known):
        similar = get_close_matches(name.upper(), known, n=1, cutoff=SIMILARITY)
        if similar:
            yield Finding(Kind.NOTE, SETTINGS, f"{name} is no setting: is {similar[0]} meant?")
        elif name.startswith(PREFIXES):
            yield Finding(Kind.NOTE, SETTINGS, f"{name} is not a known setting and is ignored")


def _check_broker(settings: Settings) -> Iterator[Finding]:
    yield from rabbit.check(broker(settings[AppSettings], settings[RabbitSettings]))


def _check_store(settings: Settings) -> Iterator[Finding]:
    app, mongo = settings[AppSettings], settings[MongoSettings]
    try:
        with open_store(app, mongo, settings[HistorySettings]) as store:
            yield from _check_mongo(store, app, mongo)
            if NalogSettings in settings:
                yield from _check_origin(store, settings[NalogSettings])
            if {NalogSettings, ApiFnsSettings} <= settings.keys():
                yield from providers.check(settings[NalogSettings], settings[ApiFnsSettings], store)
    except Unavailable:
        yield Finding(Kind.FAILED, MONGO, _unreachable(mongo))
    except WrongAddress as error:
        yield Finding(Kind.WRONG, MONGO, str(error))
    except StoreRefuses as error:
        yield Finding(Kind.FAILED, MONGO, str(error))
    except StoreFault as fault:
        yield Finding(Kind.FAILED, MONGO, f"it gives an error that nobody foresaw, {fault}: look into its log")


def _check_mongo(store: MongoStore, app: AppSettings, settings: MongoSettings) -> Iterator[Finding]:
    """Check that the service can use MongoDB. Raises the store's errors."""
    store.prepare()
    store.try_writing()
    old = store.count_under_old_keys()
    yield Finding(Kind.OK, MONGO, f"reached, logged in, may write; database {settings.name}")
    if not store.is_replicated:
        text = "a server by itself: it is down as long as its machine is; a replica set (MONGO_RS) goes on"
        yield Finding(Kind.NOTE, MONGO, text)
    if old.answers or old.history:
        yield Finding(Kind.NOTE, MONGO, _old_keys(old, app))


def _check_origin(store: MongoStore, nalog: NalogSettings) -> Iterator[Finding]:
    try:
        check_origin(store, nalog)
    except WrongAddress as wrong:
        yield Finding(Kind.FAILED, MONGO, str(wrong))


def _unreachable(settings: MongoSettings) -> str:
    try:
        nodes = parse_uri(settings.uri, warn=False)["nodelist"]
    except (PyMongoError, ValueError):
        # For instance an SRV name that DNS does not resolve.
        nodes = []
    if cause := unreachable_cause((host, port or 27017) for host, port in nodes):
        return f"{cause}: start it, or mend {_ADDRESS}"
    return (
        "something listens, but no server that takes writes was found: is there a primary, is MONGO_RS its replica "
        "set's name, is TLS needed (MONGO_DSN with tls=true), is MONGO_TIMEOUT_SERVER_SELECT too short?"
    )


def _old_keys(old: StoredCounts, app: AppSettings) -> str:
    text = f"{old.answers} answers and {old.history} rows of history are kept under other keys than the newest"
    if len(app.keys) == 1:
        remedy = "put those keys behind the first of APP_SECRET_KEYS, or erase what they keep: inn forget --old-keys"
        return f"{text}, and nobody can read them: {remedy}"
    return f"{text}: leave those keys in APP_SECRET_KEYS until it has expired or is erased (inn forget --old-keys)"
