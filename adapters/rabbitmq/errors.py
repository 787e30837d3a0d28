"""Translates errors of the AMQP client: the broker is unavailable, or refuses. The library's texts stay here."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror
from ssl import SSLError
from typing import Final

from aiormq import exceptions as amqp


class BrokerUnavailable(Exception):
    """The broker, or a queue, can't be reached now: a transient error. `code` names it, without text or address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class QueueFull(BrokerUnavailable):
    """A queue of this service is full: a policy limits its length."""

    def __init__(self) -> None:
        super().__init__(QUEUE_FULL)


class BrokerRefused(Exception):
    """The broker refuses, and a retry would not help. The text says what to correct, and holds no secret."""


NO_LEADER: Final = "queue_unavailable"
"""The queue's leader does not answer: its node is down, or most of its members are."""
NO_QUEUE: Final = "queue_missing"
QUEUE_FULL: Final = "queue_full"
UNCONFIRMED: Final = "unconfirmed"

_LOST: Final = "connection_lost"
_NO_VHOST = "the virtual host does not exist, or this user may not enter it (RABBITMQ_VHOST)"
_REFUSALS: tuple[tuple[type[BaseException], str], ...] = (
    (amqp.ProbableAuthenticationError, "the user or the password is wrong (RABBITMQ_DSN, or RABBITMQ_USER and _PASS)"),
    (amqp.AuthenticationError, "it does not take a user and a password (PLAIN)"),
    (amqp.IncompatibleProtocolError, "it does not speak AMQP 0-9-1 here: is the port right, and TLS (amqps://)?"),
    (amqp.ConnectionNotAllowed, _NO_VHOST),
    # The library does not expect this refusal at that point.
    (amqp.InvalidFrameError, _NO_VHOST),
    (amqp.ChannelAccessRefused, "this user may not declare, read and write the service's queues: give it these rights"),
)
_CODES: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "connection_refused"),
    (gaierror, "unknown_host"),
    (SSLError, "tls_failed"),
    (TimeoutError, "no_answer"),
    (amqp.AMQPChannelError, "channel_closed"),
    (amqp.ChannelInvalidStateError, "channel_closed"),
    (ConnectionError, _LOST),
    # For example, a name has several addresses, and each fails.
    (OSError, "unreachable"),
)
_TRANSIENT = (amqp.AMQPError, amqp.ChannelInvalidStateError, OSError, TimeoutError, EOFError)
_DIFFERENT_ARGUMENT = re.compile(r"inequivalent arg '([\w-]+)'")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise BrokerUnavailable or BrokerRefused for errors of the client within the block. Anything else is a bug."""
    try:
        yield
    except Exception as exc:
        # The library raises a bare Exception in waiting calls if the connection closes without a reason.
        if not isinstance(exc, _TRANSIENT) and type(exc) is not Exception:
            raise
        for kind, text in _REFUSALS:
            if isinstance(exc, kind):
                raise BrokerRefused(text) from None
        raise BrokerUnavailable(_code(exc)) from None


def different_argument(error: amqp.AMQPChannelError) -> str:
    """The argument in which a queue differs from its declaration; "" where the broker does not name it."""
    named = _DIFFERENT_ARGUMENT.search(str(error))
    return named[1] if named else ""


def _code(error: Exception) -> str:
    # The library wraps the system's error.
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return next((code for kind, code in _CODES if isinstance(cause, kind)), _LOST)
