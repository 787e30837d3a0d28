"""Translates the driver's errors. Their texts are dropped: they hold keys, hosts and documents."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from function.outcomes import Reason
from function.ports import Unavailable


class StoreRefuses(Exception):
    """MongoDB refuses: a wrong login, a missing permission, another index. The text says what to correct."""


class WrongAddress(StoreRefuses):
    """The setting of MongoDB's address, or of the database's name, is wrong."""


class StoreFault(Exception):
    """Any other error of the driver; the text is its type and code."""


class Outage(Exception):
    """The cause of an `Unavailable`: the type and code of the driver's error."""


_REFUSALS = {
    11: "MongoDB does not know the user (MONGO_USER, MONGO_AUTH)",
    13: "MongoDB does not allow what is needed: give the user readWrite on the database (MONGO_USER, MONGO_NAME)",
    18: "MongoDB refuses the login (MONGO_USER, MONGO_PASS, MONGO_AUTH)",
    8000: "MongoDB refuses the login (MONGO_USER, MONGO_PASS, MONGO_AUTH)",
}
# Transient errors: a retry helps, if only after a repair of the server; the request is not the cause. MongoDB's list
# (`src/mongo/base/error_codes.yml`): what it calls retriable, of the network, of a shutdown, of a time limit or of
# overload, so far as clients see it at all, and a few more by name.
_TRANSIENT = {
    "HostUnreachable, HostNotFound, NetworkTimeout, FailedToSatisfyReadPreference": (6, 7, 89, 133),
    "PooledConnectionsDropped, NetworkInterfaceExceededTimeLimit, SocketException": (145, 202, 9001),
    "PooledConnectionAcquisitionExceededTimeLimit, RetriableRemoteCommandFailure": (407, 91331),
    # An election, a start or a shutdown. The driver recognizes them for a command, not for one write of a batch.
    "ShutdownInProgress, PrimarySteppedDown, LegacyNotPrimary, NotWritablePrimary": (91, 189, 10058, 10107),
    "InterruptedAtShutdown, InterruptedDueToReplStateChange": (11600, 11602),
    "NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary": (13435, 13436),
    # Not in time, or interrupted by another client or an administrator.
    "LockTimeout, CursorNotFound, MaxTimeMSExpired, WriteConcernTimeout": (24, 43, 50, 64),
    "QueryPlanKilled, CursorKilled, ExceededTimeLimit, Interrupted": (175, 237, 262, 11601),
    "InterruptedDueToStorageChange, InterruptedDueToReshardingCriticalSection": (355, 453),
    "InterruptedDueToFCVChange": (10045600,),
    # A conflict with another client, or a migration to another shard.
    "WriteConflict, ReadConcernMajorityNotAvailableYet, StaleChunkHistory, StaleConfig": (112, 134, 250, 13388),
    "MigrationConflict": (272,),
    # No room, or overload.
    "TooManyFilesOpen, UserWritesBlocked, ResourceExhausted, AdmissionQueueOverflow": (264, 371, 402, 433),
    "RateLimitExceeded, PooledConnectionAcquisitionRejected, TemporarilyUnavailable": (449, 450, 365),
    "IngressRequestRateLimitExceeded, OutOfDiskSpace": (462, 14031),
}
_TRANSIENT_CODES = frozenset(code for codes in _TRANSIENT.values() for code in codes)


@contextmanager
def driver_errors(*, lookup: bool = False) -> Iterator[None]:
    """Raise `Unavailable` for a transient error, `StoreRefuses` for a refusal, `StoreFault` for any other.

    In a lookup a refusal is `Unavailable` too: MongoDB allowed it when the process started, so it is an outage for an
    operator to correct, not the request's fault.
    """
    try:
        yield
    except PyMongoError as error:
        codes = _codes(error)
        name = " ".join([type(error).__name__, *map(str, sorted(codes))])
        labelled = error.has_error_label("RetryableWriteError")
        if labelled or isinstance(error, ConnectionFailure) or error.timeout or (codes and codes <= _TRANSIENT_CODES):
            raise Unavailable(Reason.STORE_UNAVAILABLE) from Outage(name)
        if codes and codes <= _REFUSALS.keys():
            refusal = StoreRefuses(_REFUSALS[min(codes)])
            if lookup:
                raise Unavailable(Reason.STORE_UNAVAILABLE) from refusal
            raise refusal from None
        raise StoreFault(name) from None


def _codes(error: PyMongoError) -> frozenset[int]:
    """The server's codes: of many writes together, those of the writes that failed."""
    if isinstance(error, BulkWriteError):
        failed = [*error.details.get("writeErrors", ()), *error.details.get("writeConcernErrors", ())]
        return frozenset(each["code"] for each in failed)
    return frozenset({error.code}) if isinstance(error, OperationFailure) and error.code is not None else frozenset()
