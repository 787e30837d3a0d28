"""Opens the store for a command."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from adapters.cli.errors import Failure, WrongUse
from adapters.composition.store import open_store
from adapters.config.settings import AppSettings, HistorySettings, MongoSettings, load_groups
from adapters.mongodb import MongoStore, StoreRefuses, WrongAddress
from function.ports import Unavailable


def store_from_settings() -> AbstractContextManager[MongoStore]:
    """The store of APP_… and MONGO_…, as `store_for_command` opens it."""
    return store_for_command(*load_groups((AppSettings, MongoSettings, HistorySettings)))


@contextmanager
def store_for_command(app: AppSettings, mongo: MongoSettings, history: HistorySettings) -> Iterator[MongoStore]:
    """The store. Its errors, also those in the block, are raised as Failure."""
    try:
        with open_store(app, mongo, history) as store:
            yield store
    except Unavailable:
        text = "MongoDB cannot be reached now, or takes too long: check MONGO_DSN, or MONGO_HOST and MONGO_PORT"
        raise Failure(text) from None
    except WrongAddress as error:
        raise WrongUse(str(error)) from None
    except StoreRefuses as error:
        raise Failure(str(error)) from None
