"""The store on MongoDB, from its settings."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from adapters.answers.encryption import KeyRing
from adapters.composition.providers import THREADS
from adapters.config.settings import EMULATED_URL, AppSettings, HistorySettings, MongoSettings, NalogSettings
from adapters.mongodb import MongoConfig, MongoStore, StoreRefuses, WrongAddress
from adapters.runtime.clock import SystemClock
from adapters.runtime.startup import Connect, Refused, in_daemon_thread
from function.ports import Unavailable

CACHE_THREADS = 4
"""Threads that read the cache beside those that ask."""
TRY_SEC = 1.0
"""After that a start says that it still waits for the indexes."""


class StoreSettings(NamedTuple):
    """Where and how answers are kept."""

    app: AppSettings
    mongo: MongoSettings
    history: HistorySettings


@contextmanager
def open_store(settings: StoreSettings) -> Iterator[MongoStore]:
    """The store; it connects when it is first used. Raises WrongAddress."""
    config = MongoConfig(
        uri=settings.mongo.uri,
        database=settings.mongo.name,
        history_lasts=timedelta(days=settings.history.days) if settings.history.days else None,
        operation=settings.mongo.call_sec,
        connections=THREADS + CACHE_THREADS,
        app_name=settings.app.name,
    )
    with closing(MongoStore(config, KeyRing(settings.app.keys), SystemClock())) as store:
        yield store


class _Preparation:
    """Prepares the store, for as long as it takes: what is not done by the end of one try goes on to the next."""

    def __init__(self, store: MongoStore, nalog: NalogSettings) -> None:
        self._store = store
        self._nalog = nalog
        self._end: Future[None] | None = None

    async def __call__(self) -> str:
        try:
            await asyncio.to_thread(check_origin, self._store, self._nalog)
            end = self._end = self._end or in_daemon_thread(self._store.prepare)
            async with asyncio.timeout(TRY_SEC):
                await asyncio.wrap_future(end)
        except TimeoutError:
            return "its indexes are not made yet (APP_START_TIMEOUT_SEC, 0: no limit, gives it more time)"
        except Unavailable:
            self._end = None
            return "no server that takes writes (MONGO_DSN, or MONGO_HOST and MONGO_PORT)"
        except WrongAddress:
            raise
        except StoreRefuses as no:
            raise Refused(str(no)) from None
        return ""


def store_start(store: MongoStore, nalog: NalogSettings) -> Connect:
    """How a process's start reaches the store: logged in, its indexes made. Raises WrongAddress as `check_origin` does."""
    return _Preparation(store, nalog)


def check_origin(store: MongoStore, nalog: NalogSettings) -> None:
    """Raise WrongAddress where the emulated tax service invented the answers and the real one is to be asked, or the other way.

    Raises Unavailable or StoreRefuses, too.
    """
    emulated = store.emulated_origin()
    if emulated not in (None, urlsplit(nalog.url).hostname == urlsplit(EMULATED_URL).hostname):
        origin, asked = ("emulated", "real") if emulated else ("real", "emulated")
        answers = f"the database holds answers of the {origin} tax service"
        raise WrongAddress(f"{answers}, and CLIENT_NALOG_URL is the {asked} one's: set another MONGO_NAME")
