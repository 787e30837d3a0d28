"""Opens the MongoDB store from settings, and connects it at a process's start."""

import asyncio
from concurrent.futures import Future
from contextlib import closing
from datetime import timedelta
from urllib.parse import urlsplit

from adapters.answers.key_ring import KeyRing
from adapters.composition.lookups import THREADS
from adapters.config.settings import EMULATED_URL, AppSettings, MongoSettings, NalogSettings
from adapters.mongodb import MongoConfig, MongoStore, StoreRefuses, WrongAddress
from adapters.runtime.clock import SystemClock
from adapters.runtime.daemon_thread import in_daemon_thread
from adapters.runtime.wait_for_servers import Connect, Refused
from function.ports import Unavailable

CACHE_THREADS = 4  # threads that read the cache beside the fetching ones
TRY_SEC = 1.0  # time after which a start reports that it waits for the indexes


def open_store(app: AppSettings, mongo: MongoSettings) -> closing[MongoStore]:
    """The store; it connects when it is first used. Raises WrongAddress."""
    config = MongoConfig(
        uri=mongo.uri,
        database=mongo.name,
        history_lasts=timedelta(days=mongo.history_days) if mongo.history_days else None,
        operation=mongo.timeout_server_select / 1000,
        connections=THREADS + CACHE_THREADS,
        app_name=app.name,
    )
    return closing(MongoStore(config, KeyRing(app.keys), SystemClock()))


def store_connector(store: MongoStore, nalog: NalogSettings) -> Connect:
    """Connects the store at a process's start: logs in and creates the indexes, in a thread that outlasts one attempt.

    Raises WrongAddress as `check_origin` does.
    """
    done: Future[None] | None = None

    async def connect() -> str:
        nonlocal done
        try:
            await asyncio.to_thread(check_origin, store, nalog)
            done = done or in_daemon_thread(store.prepare)
            async with asyncio.timeout(TRY_SEC):
                await asyncio.wrap_future(done)
        except TimeoutError:
            return "its indexes are not made yet (APP_START_TIMEOUT_SEC, 0: no limit, gives it more time)"
        except Unavailable:
            done = None
            return "no server that takes writes (MONGO_DSN, or MONGO_HOST and MONGO_PORT)"
        except WrongAddress:
            raise
        except StoreRefuses as error:
            raise Refused(str(error)) from None
        return ""

    return connect


def check_origin(store: MongoStore, nalog: NalogSettings) -> None:
    """Raise WrongAddress if the stored answers are the emulator's and the settings name the real service, or vice versa.

    Also raises Unavailable or StoreRefuses.
    """
    emulated = store.emulated_origin()
    if emulated not in (None, urlsplit(nalog.url).hostname == urlsplit(EMULATED_URL).hostname):
        origin, asked = ("emulated", "real") if emulated else ("real", "emulated")
        answers = f"the database holds answers of the {origin} tax service"
        raise WrongAddress(f"{answers}, and CLIENT_NALOG_URL is the {asked} one's: set another MONGO_NAME")
