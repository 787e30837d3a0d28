"""Exit statuses, and the errors that end a command with one line on standard error."""

DONE = 0
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""


class Failure(Exception):
    """Ends a command with this line on stderr and this exit status. The text has no personal data and no secret."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class WrongUse(Failure):
    """Wrong options or input. Nothing was done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, WRONG_USE)


def failure_of(error: Exception) -> Failure | None:
    """What an adapter's error means for a command; None for a bug."""
    if isinstance(error, Failure):
        return error
    # Slow to import.
    from adapters.http.server import ListenError
    from adapters.mongodb import StoreRefuses, WrongAddress
    from adapters.rabbitmq.errors import BrokerRefused
    from adapters.runtime.startup import NotStarted
    from function.outcomes import Reason
    from function.ports import Unavailable

    match error:
        case ListenError() | WrongAddress():
            return WrongUse(str(error))
        case NotStarted() | StoreRefuses():
            return Failure(str(error))
        case BrokerRefused():
            return Failure(f"RabbitMQ: {error}")
        case Unavailable(reason=Reason.STORE_UNAVAILABLE):
            where = "check MONGO_DSN, or MONGO_HOST and MONGO_PORT"
            return Failure(f"MongoDB cannot be reached now, or takes too long: {where}")
    return None
