"""The client library's errors in two words: the broker is away, or it refuses. Texts of the library stay here."""

from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror
from ssl import SSLError
from typing import Final

from aiormq import exceptions as amqp


class BrokerAway(Exception):
    """The broker can't be reached, or was lost: weather. Carries a code, no text and no address."""


class BrokerRefuses(Exception):
    """The broker is there and says no; trying again would not help. The text says what to mend, and holds no secret."""


_NO_VHOST = "the virtual host does not exist, or this user may not enter it (RABBITMQ_VHOST)"
_REFUSALS: tuple[tuple[type[BaseException], str], ...] = (
    (amqp.ProbableAuthenticationError, "the user or the password is wrong (RABBITMQ_DSN, or RABBITMQ_USER and _PASS)"),
    (amqp.AuthenticationError, "it does not take a user and a password (PLAIN)"),
    (amqp.IncompatibleProtocolError, "it does not speak AMQP 0-9-1 here: is the port right, and TLS (amqps://)?"),
    (amqp.ConnectionNotAllowed, _NO_VHOST),
    # The library does not expect that refusal where it comes.
    (amqp.InvalidFrameError, _NO_VHOST),
    (amqp.ChannelAccessRefused, "this user may not declare, read and write the service's queues: give it these rights"),
)
_LOST: Final = "connection_lost"
_CODES: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "connection_refused"),
    (gaierror, "unknown_host"),
    (SSLError, "tls_failed"),
    (TimeoutError, "no_answer"),
    (amqp.AMQPChannelError, "channel_closed"),
    (amqp.ChannelInvalidStateError, "channel_closed"),
    (ConnectionError, _LOST),
    # As where a name has several addresses, and each fails.
    (OSError, "unreachable"),
)
_WEATHER = (amqp.AMQPError, amqp.ChannelInvalidStateError, OSError, TimeoutError, EOFError)


@contextmanager
def translated() -> Iterator[None]:
    """Within it, what goes wrong with the broker is BrokerAway or BrokerRefuses. Anything else is a bug."""
    try:
        yield
    except Exception as exc:
        # The library fails what was under way with a bare Exception, where nothing says why the connection went.
        if not isinstance(exc, _WEATHER) and type(exc) is not Exception:
            raise
        for kind, text in _REFUSALS:
            if isinstance(exc, kind):
                raise BrokerRefuses(text) from None
        raise BrokerAway(_code(exc)) from None


def _code(error: Exception) -> str:
    # The library puts an error of its own around what the system said.
    said = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return next((code for kind, code in _CODES if isinstance(said, kind)), _LOST)
