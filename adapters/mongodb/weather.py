"""The server's errors that pass by themselves, or once somebody has mended the server: no request is to blame for them.

By MongoDB's own list (`src/mongo/base/error_codes.yml`): what it calls retriable, of the network, of a
shutdown, of a time limit or of overload, so far as it is told to clients at all, and a few more by name.
"""

CODES = frozenset(
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
