"""MongoDB: reached, logged in, written to; and what is kept there."""

from collections.abc import Iterator

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from adapters.cli.doctor.finding import Finding, Kind
from adapters.cli.doctor.reach import why_none
from adapters.config.settings import AppSettings, MongoSettings
from adapters.mongodb import MongoStore, StoreFault, StoreRefuses, UnderOldKeys
from function.ports import Unavailable

NAME = "MongoDB"
WHERE = "MONGO_DSN, or MONGO_HOST and MONGO_PORT"


def check(store: MongoStore, app: AppSettings, settings: MongoSettings) -> Iterator[Finding]:
    """How it stands; the first finding says whether it can be worked with."""
    try:
        store.prepare()
        store.try_writing()
        replicated, old = store.is_replicated, store.under_old_keys()
    except Unavailable:
        yield Finding(Kind.FAILED, NAME, _away(settings))
        return
    except StoreRefuses as no:
        yield Finding(Kind.FAILED, NAME, str(no))
        return
    except StoreFault as fault:
        yield Finding(Kind.FAILED, NAME, f"it gives an error that nobody foresaw, {fault}: look into its log")
        return
    yield Finding(Kind.OK, NAME, f"reached, logged in, may write; database {settings.name}")
    if not replicated:
        text = "a server by itself: what belongs together is not written as one; a replica set (MONGO_RS) does that"
        yield Finding(Kind.NOTE, NAME, text)
    if old.answers or old.history:
        yield Finding(Kind.NOTE, NAME, _old(old, app))


def _away(settings: MongoSettings) -> str:
    why = why_none(_places(settings.uri))
    if why:
        return f"{why}: start it, or mend {WHERE}"
    return (
        "something listens, but no server that takes writes was found: is there a primary, is MONGO_RS its replica "
        "set's name, is TLS needed (MONGO_DSN with tls=true), is MONGO_TIMEOUT_SERVER_SELECT too short?"
    )


def _places(uri: str) -> list[tuple[str, int]]:
    try:
        nodes = parse_uri(uri, warn=False)["nodelist"]
    except (PyMongoError, ValueError):
        # Of a name that DNS would have had to resolve, for one.
        return []
    return [(host, port or 27017) for host, port in nodes]


def _old(old: UnderOldKeys, app: AppSettings) -> str:
    text = f"{old.answers} answers and {old.history} rows of history are kept under other keys than the newest"
    if len(app.keys) == 1:
        mend = "put those keys behind the first of APP_SECRET_KEYS, or erase what they keep: inn forget --old-keys"
        return f"{text}, and nobody can read them: {mend}"
    return f"{text}: leave those keys in APP_SECRET_KEYS until it has expired or is erased (inn forget --old-keys)"
