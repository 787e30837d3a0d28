"""The client library's errors in two words: the broker is away, or it refuses. Texts of the library stay here."""

from collections.abc import Iterator
from contextlib import contextmanager

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
        raise BrokerAway(type(exc).__name__) from None
