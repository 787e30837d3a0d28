"""All checks in order, and that of MongoDB."""

from collections.abc import Iterator

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from adapters.cli.doctor import providers, rabbit
from adapters.cli.doctor.finding import Finding, Kind, unreachable_cause
from adapters.cli.doctor.settings import CheckedSettings, file_faults, names_broker
from adapters.composition.consumer import broker
from adapters.composition.store import StoreSettings, check_origin, open_store
from adapters.config.settings import (
    ApiFnsSettings,
    AppSettings,
    HistorySettings,
    MongoSettings,
    NalogSettings,
    RabbitSettings,
)
from adapters.mongodb import MongoStore, StoreFault, StoreRefuses, UnderOldKeys, WrongAddress
from function.ports import Unavailable

MONGO = "MongoDB"
_ADDRESS = "MONGO_DSN, or MONGO_HOST and MONGO_PORT"
_NO_BROKER = (
    "not looked at: no RABBITMQ_... is set, and inn serve needs none; for inn consume: inn doctor --for consume"
)


def findings(*, consumer: bool | None) -> Iterator[Finding]:
    """Each as it is found. `consumer`: whether RabbitMQ is checked; None: where any of its settings is set."""
    if faults := file_faults():
        yield from faults
        return
    with_broker = names_broker() if consumer is None else consumer
    settings = CheckedSettings(consumer=with_broker)
    yield from settings.findings
    yield from _check_store(settings)
    if with_broker:
        yield from _check_broker(settings)
    elif consumer is None:
        yield Finding(Kind.SKIPPED, rabbit.NAME, _NO_BROKER)
    if settings.has(NalogSettings):
        yield from providers.check_tax_service(settings.of(NalogSettings))
    else:
        yield _skipped(providers.TAX_SERVICE)
    if settings.has(ApiFnsSettings):
        yield from providers.check_paid(settings.of(ApiFnsSettings))


def _check_broker(settings: CheckedSettings) -> Iterator[Finding]:
    if settings.has(AppSettings, RabbitSettings):
        yield from rabbit.check(broker(settings.of(AppSettings), settings.of(RabbitSettings)))
    else:
        yield _skipped(rabbit.NAME)


def _check_store(settings: CheckedSettings) -> Iterator[Finding]:
    if not settings.has(AppSettings, MongoSettings, HistorySettings):
        yield _skipped(MONGO)
        return
    app, mongo, history = settings.of(AppSettings), settings.of(MongoSettings), settings.of(HistorySettings)
    try:
        with open_store(StoreSettings(app, mongo, history)) as store:
            yield from _check_mongo(store, app, mongo)
            if settings.has(NalogSettings):
                yield from _check_origin(store, settings.of(NalogSettings))
            if settings.has(NalogSettings, ApiFnsSettings):
                yield from providers.check(settings.of(NalogSettings), settings.of(ApiFnsSettings), store)
    except Unavailable:
        yield Finding(Kind.FAILED, MONGO, _unreachable(mongo))
    except WrongAddress as no:
        yield Finding(Kind.WRONG, MONGO, str(no))
    except StoreRefuses as no:
        yield Finding(Kind.FAILED, MONGO, str(no))
    except StoreFault as fault:
        yield Finding(Kind.FAILED, MONGO, f"it gives an error that nobody foresaw, {fault}: look into its log")


def _check_mongo(store: MongoStore, app: AppSettings, settings: MongoSettings) -> Iterator[Finding]:
    """Whether the service can work with it. Raises the store's errors."""
    store.prepare()
    store.try_writing()
    old = store.under_old_keys()
    yield Finding(Kind.OK, MONGO, f"reached, logged in, may write; database {settings.name}")
    if not store.is_replicated:
        text = "a server by itself: what belongs together is not written as one; a replica set (MONGO_RS) does that"
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
        # A name that DNS would have had to resolve, for one.
        nodes = []
    if cause := unreachable_cause((host, port or 27017) for host, port in nodes):
        return f"{cause}: start it, or mend {_ADDRESS}"
    return (
        "something listens, but no server that takes writes was found: is there a primary, is MONGO_RS its replica "
        "set's name, is TLS needed (MONGO_DSN with tls=true), is MONGO_TIMEOUT_SERVER_SELECT too short?"
    )


def _old_keys(old: UnderOldKeys, app: AppSettings) -> str:
    text = f"{old.answers} answers and {old.history} rows of history are kept under other keys than the newest"
    if len(app.keys) == 1:
        remedy = "put those keys behind the first of APP_SECRET_KEYS, or erase what they keep: inn forget --old-keys"
        return f"{text}, and nobody can read them: {remedy}"
    return f"{text}: leave those keys in APP_SECRET_KEYS until it has expired or is erased (inn forget --old-keys)"


def _skipped(name: str) -> Finding:
    return Finding(Kind.SKIPPED, name, "not looked at: its settings are wrong")
