"""Translates the driver's errors, in one table. Their texts and details go no further: they hold keys, hosts and documents."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from function.outcomes import Reason
from function.ports import Unavailable


class StoreRefuses(Exception):
    """MongoDB refuses us: a wrong login, a missing permission, another index. The text says what to mend."""


class WrongAddress(StoreRefuses):
    """The setting of MongoDB's address, or of the database's name, is wrong: nothing was sent."""


class StoreFault(Exception):
    """An unexpected error of the driver, by its type and code alone."""


class Outage(Exception):
    """The cause of an `Unavailable`: the driver's error by its type and code alone."""


_REFUSALS = {
    11: "MongoDB does not know the user (MONGO_USER, MONGO_AUTH)",
    13: "MongoDB does not allow what is needed: give the user readWrite on the database (MONGO_USER, MONGO_NAME)",
    18: "MongoDB refuses the login (MONGO_USER, MONGO_PASS, MONGO_AUTH)",
    8000: "MongoDB refuses the login (MONGO_USER, MONGO_PASS, MONGO_AUTH)",
}
_OTHER_INDEX = (85, 86)

# Errors that pass by themselves, or once the server is mended; the request is not to blame. By MongoDB's own list
# (`src/mongo/base/error_codes.yml`): what it calls retriable, of the network, of a shutdown, of a time limit or of
# overload, so far as clients see it at all, and a few more by name.
TRANSIENT_CODES = frozenset(
    {
        # A router that cannot reach a shard, or does not find its primary.
        6,  # HostUnreachable
        7,  # HostNotFound
        89,  # NetworkTimeout
        133,  # FailedToSatisfyReadPreference
        145,  # PooledConnectionsDropped
        202,  # NetworkInterfaceExceededTimeLimit
        407,  # PooledConnectionAcquisitionExceededTimeLimit
        9001,  # SocketException
        91331,  # RetriableRemoteCommandFailure
        # An election, a start or an end. Of a command the driver knows them, of one write among many it does not.
        91,  # ShutdownInProgress
        189,  # PrimarySteppedDown
        10058,  # LegacyNotPrimary
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11602,  # InterruptedDueToReplStateChange
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
        # Not in time, or broken off by another or by whoever looks after the server.
        24,  # LockTimeout
        43,  # CursorNotFound
        50,  # MaxTimeMSExpired
        64,  # WriteConcernTimeout
        175,  # QueryPlanKilled
        237,  # CursorKilled
        262,  # ExceededTimeLimit
        290,  # TransactionExceededLifetimeLimitSeconds
        355,  # InterruptedDueToStorageChange
        453,  # InterruptedDueToReshardingCriticalSection
        11601,  # Interrupted
        10045600,  # InterruptedDueToFCVChange
        # Another was quicker, or the data are on their way to another shard.
        112,  # WriteConflict, outside a transaction's own retries
        134,  # ReadConcernMajorityNotAvailableYet
        239,  # SnapshotTooOld
        246,  # SnapshotUnavailable
        250,  # StaleChunkHistory
        251,  # NoSuchTransaction: its primary is gone
        272,  # MigrationConflict
        365,  # TemporarilyUnavailable
        13388,  # StaleConfig
        # No room, or too much to do.
        264,  # TooManyFilesOpen
        371,  # UserWritesBlocked
        402,  # ResourceExhausted
        433,  # AdmissionQueueOverflow
        449,  # RateLimitExceeded
        450,  # PooledConnectionAcquisitionRejected
        462,  # IngressRequestRateLimitExceeded
        14031,  # OutOfDiskSpace
    }
)
_TRANSIENT_LABELS = ("TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError")


@contextmanager
def operator_errors() -> Iterator[None]:
    """Turn a transient error into `Unavailable`, a refusal into `StoreRefuses`, and any other into `StoreFault`."""
    try:
        yield
    except PyMongoError as error:
        name = _name(error)
        if _is_transient(error):
            raise Unavailable(Reason.STORE_UNAVAILABLE) from Outage(name)
        raise _refusal(error) or StoreFault(name) from None


@contextmanager
def lookup_errors() -> Iterator[None]:
    """As `operator_errors`, for lookups: a refusal is `Unavailable` as well.

    MongoDB allowed it when the process started. So an operator mends it as an outage, and no request is to blame.
    """
    try:
        with operator_errors():
            yield
    except StoreRefuses as no:
        raise Unavailable(Reason.STORE_UNAVAILABLE) from no


@contextmanager
def index_errors(collection: str, index: str) -> Iterator[None]:
    """Name the index that has another definition in the database."""
    try:
        yield
    except OperationFailure as error:
        if error.code not in _OTHER_INDEX:
            raise
        raise StoreRefuses(
            f"the index {index} of the collection {collection} has another definition: drop it, and start again"
        ) from None


def _is_transient(error: PyMongoError) -> bool:
    if isinstance(error, ConnectionFailure) or error.timeout:
        return True
    codes = _codes(error)
    if codes and codes <= TRANSIENT_CODES:
        return True
    return any(map(error.has_error_label, _TRANSIENT_LABELS))


def _refusal(error: PyMongoError) -> StoreRefuses | None:
    if isinstance(error, OperationFailure) and error.code in _REFUSALS:
        return StoreRefuses(_REFUSALS[error.code])
    return None


def _name(error: PyMongoError) -> str:
    return " ".join([type(error).__name__, *map(str, sorted(_codes(error)))])


def _codes(error: PyMongoError) -> frozenset[int]:
    """The server's codes: of many writes together, those of the writes that failed."""
    if isinstance(error, BulkWriteError):
        failed = [*error.details.get("writeErrors", ()), *error.details.get("writeConcernErrors", ())]
        return frozenset(each["code"] for each in failed)
    return frozenset({error.code}) if isinstance(error, OperationFailure) and error.code is not None else frozenset()
