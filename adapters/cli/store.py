"""Opens the store for a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from adapters.cli.errors import Failure, WrongUse
from adapters.composition.store import open_store
from adapters.config.settings import AppSettings, HistorySettings, MongoSettings, load_groups
from adapters.mongodb import MongoStore, StoreRefuses, WrongAddress
from function.ports import Unavailable


@contextmanager
def store_from_settings() -> Iterator[MongoStore]:
    """The store of APP_… and MONGO_…. Its errors, also those in the block, are raised as Failure."""
    app, mongo, history = load_groups((AppSettings, MongoSettings, HistorySettings))
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
