"""The driver's errors, translated once. Their texts and details stay behind: they hold keys, hosts and documents."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from adapters.mongodb import weather
from function.outcomes import Reason
from function.ports import Unavailable


class StoreRefuses(Exception):
    """MongoDB won't work for us as we are set up: a wrong login, a missing permission, another index. Says what to mend."""


class WrongAddress(StoreRefuses):
    """What is set as MongoDB's address, or as the database's name, is none: nothing was sent."""


class StoreFault(Exception):
    """Something that should not happen: the driver's error by its type and code alone."""


class Outage(Exception):
    """The cause of an `Unavailable`: the driver's error by its type and code alone."""


_REFUSALS = {
    11: "MongoDB does not know the user (MONGO_USER, MONGO_AUTH)",
    13: "MongoDB does not allow what is needed: give the user readWrite on the database (MONGO_USER, MONGO_NAME)",
    18: "MongoDB refuses the login (MONGO_USER, MONGO_PASS, MONGO_AUTH)",
    8000: "MongoDB refuses the login (MONGO_USER, MONGO_PASS, MONGO_AUTH)",
}
_OTHER_INDEX = (85, 86)
_WEATHER_LABELS = ("TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError")


@contextmanager
def translated() -> Iterator[None]:
    """Turn weather into `Unavailable`, a refusal into `StoreRefuses`, and the rest into `StoreFault`."""
    try:
        yield
    except PyMongoError as error:
        known = _called(error)
        if _is_weather(error):
            raise Unavailable(Reason.STORE_UNAVAILABLE) from Outage(known)
        raise _refusal(error) or StoreFault(known) from None


@contextmanager
def waited_out() -> Iterator[None]:
    """As `translated`, where a client waits: what is refused is `Unavailable` as well.

    It was allowed when the process started. So it is mended as an outage is, and no request is to blame for it.
    """
    try:
        with translated():
            yield
    except StoreRefuses as no:
        raise Unavailable(Reason.STORE_UNAVAILABLE) from no


@contextmanager
def naming_index(collection: str, index: str) -> Iterator[None]:
    """Say which index it is that has another definition in the database."""
    try:
        yield
    except OperationFailure as error:
        if error.code not in _OTHER_INDEX:
            raise
        raise StoreRefuses(
            f"the index {index} of the collection {collection} has another definition: drop it, and start again"
        ) from None


def _is_weather(error: PyMongoError) -> bool:
    if isinstance(error, ConnectionFailure) or error.timeout:
        return True
    codes = _codes(error)
    if codes and codes <= weather.CODES:
        return True
    return any(map(error.has_error_label, _WEATHER_LABELS))


def _refusal(error: PyMongoError) -> StoreRefuses | None:
    if isinstance(error, OperationFailure) and error.code in _REFUSALS:
        return StoreRefuses(_REFUSALS[error.code])
    return None


def _called(error: PyMongoError) -> str:
    return " ".join([type(error).__name__, *map(str, sorted(_codes(error)))])


def _codes(error: PyMongoError) -> frozenset[int]:
    """The server's codes: of many writes together, those of the writes that failed."""
    if isinstance(error, BulkWriteError):
        failed = [*error.details.get("writeErrors", ()), *error.details.get("writeConcernErrors", ())]
        return frozenset(each["code"] for each in failed)
    return frozenset({error.code}) if isinstance(error, OperationFailure) and error.code is not None else frozenset()
