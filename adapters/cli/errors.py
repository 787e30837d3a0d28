"""Exit statuses, the errors that end a command with one line on standard error, and untrusted text made printable."""

from adapters.config.environment import WrongSettings
from adapters.tables import WrongTable

DONE = 0
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130  # Ctrl-C, as shells count it
MAX_TEXT = 500  # characters of an untrusted text that are shown


class Failure(Exception):
    """Ends a command with this line on stderr and this exit status. The text has no personal data and no secret."""

    status = FAILED

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status or self.status


class WrongUse(Failure):
    """Wrong options or input. Nothing was done."""

    status = WRONG_USE


class Unwritable(Failure):
    """Standard output cannot be written; the text says why."""


class StdoutClosed(Unwritable):
    """The reader has closed standard output, as in `inn history | head`."""


def failure_of(error: Exception) -> Failure | None:
    """What an adapter's error means for a command; None for a bug."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, WrongSettings | WrongTable):
        return WrongUse(str(error))
    # Slow to import.
    from adapters.http.server import ListenError
    from adapters.mongodb import StoreFault, StoreRefuses, WrongAddress
    from adapters.rabbitmq import errors as broker
    from adapters.runtime.wait_for_servers import NotStarted
    from function.outcomes import Reason
    from function.ports import Unavailable

    match error:
        case ListenError() | WrongAddress():
            return WrongUse(str(error))
        case NotStarted() | StoreRefuses():
            text = str(error)
        case StoreFault():
            text = f"MongoDB gives an error that nobody foresaw, {error}: look into its log"
        case Unavailable(reason=Reason.STORE_UNAVAILABLE):
            where = "MONGO_DSN, or MONGO_HOST, MONGO_PORT and MONGO_RS, and MONGO_TIMEOUT_SERVER_SELECT"
            text = f"MongoDB cannot be reached now, has no primary, or takes too long: check {where}"
        case broker.BrokerRefused():
            text = f"RabbitMQ: {error}"
        case broker.BrokerUnavailable(code=broker.NO_LEADER | broker.UNCONFIRMED):
            text = "RabbitMQ: a queue cannot be read now, for its leader does not answer: start the nodes that are down"
        case broker.BrokerUnavailable(code=code):
            where = "RABBITMQ_DSN, or RABBITMQ_HOST and RABBITMQ_PORT, and TLS (amqps://)"
            text = f"RabbitMQ: it cannot be reached now ({code.replace('_', ' ')}): check {where}"
        case _:
            return None
    return Failure(text)


def printable(text: str) -> str:
    """An untrusted text in one line, without control characters, which a terminal would execute."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_TEXT].strip()
