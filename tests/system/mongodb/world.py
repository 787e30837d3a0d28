"""Stores and lookups for the system tests of the store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from adapters.answers.encryption import KeyRing
from adapters.mongodb import MongoConfig, MongoStore
from adapters.runtime.clock import SystemClock
from function.outcomes import Answer
from function.ports import InnProvider, Lifetimes, Ports, Unavailable
from tests.doubles import FOUND, INN
from tests.servers.process import wait_for

DATABASE = "inn"
RECOVERY_SEC = 120
LIFETIMES = Lifetimes(found=timedelta(days=30), absent=timedelta(hours=24))


def open_store(uri: str, connections: int = 32, operation: float = 5) -> MongoStore:
    """A store that is ready, with a client of its own."""
    config = MongoConfig(uri, DATABASE, lease=60, connections=connections, operation=operation)
    store = MongoStore(config, KeyRing(["k" * 32]), SystemClock())
    # A server on a busy machine may take longer than an operation may.
    wait_for(lambda: available(store.prepare), within=RECOVERY_SEC, what="a store that is ready")
    return store


def available(operation: Callable[[], object]) -> bool:
    """Whether the store did this."""
    try:
        operation()
    except Unavailable:
        return False
    return True


def ports(store: MongoStore, provider: InnProvider) -> Ports:
    return Ports(store, provider, SystemClock(), LIFETIMES)


def answer() -> Answer:
    """What a provider has just said, to the millisecond that MongoDB keeps."""
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Answer(FOUND.status, INN, FOUND.provider, now, now + timedelta(days=30))
