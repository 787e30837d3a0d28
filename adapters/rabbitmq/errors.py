"""Translates errors of the AMQP client: the broker is unavailable, or refuses. The library's texts stay here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


class BrokerRefused(Exception):
    """The broker refuses, and a retry would not help. The text says what to correct, and holds no secret."""


NO_LEADER: Final = "queue_unavailable"  # the queue's leader does not answer: its node, or most members, are down
NO_QUEUE: Final = "queue_missing"
QUEUE_FULL: Final = "queue_full"
UNCONFIRMED: Final = "unconfirmed"

_LOST: Final = "connection_lost"
_Errors = type[BaseException] | tuple[type[BaseException], ...]
_REFUSALS: tuple[tuple[_Errors, str], ...] = (
    (amqp.ProbableAuthenticationError, "the user or the password is wrong (RABBITMQ_DSN, or RABBITMQ_USER and _PASS)"),
    (amqp.AuthenticationError, "it does not take a user and a password (PLAIN)"),
    (amqp.IncompatibleProtocolError, "it does not speak AMQP 0-9-1 here: is the port right, and TLS (amqps://)?"),
    (
        # The library does not expect this refusal at that point, and finds its frame invalid.
        (amqp.ConnectionNotAllowed, amqp.InvalidFrameError),
        "the virtual host does not exist, or this user may not enter it (RABBITMQ_VHOST)",
    ),
    (amqp.ChannelAccessRefused, "this user may not declare, read and write the service's queues: give it these rights"),
)
_CODES: tuple[tuple[_Errors, str], ...] = (
    (ConnectionRefusedError, "connection_refused"),
    (gaierror, "unknown_host"),
    (SSLError, "tls_failed"),
    (TimeoutError, "no_answer"),
    ((amqp.AMQPChannelError, amqp.ChannelInvalidStateError), "channel_closed"),
    (ConnectionError, _LOST),
    (OSError, "unreachable"),  # for example, a name has several addresses, and each fails
)
_TRANSIENT = (amqp.AMQPError, amqp.ChannelInvalidStateError, OSError, TimeoutError, EOFError)


@asynccontextmanager
async def translate_errors(within: float | None = None) -> AsyncIterator[None]:
    """Raise BrokerUnavailable or BrokerRefused for errors of the client within the block. Anything else is a bug.

    `within`: the block's time limit in seconds; None: none.
    """
    try:
        async with asyncio.timeout(within):
            yield
    except Exception as exc:
        # The library raises a bare Exception in waiting calls if the connection closes without a reason.
        if not isinstance(exc, _TRANSIENT) and type(exc) is not Exception:
            raise
        for kind, text in _REFUSALS:
            if isinstance(exc, kind):
                raise BrokerRefused(text) from None
        # The library wraps the system's error.
        cause = exc.__cause__ if isinstance(exc.__cause__, OSError) else exc
        raise BrokerUnavailable(next((code for kind, code in _CODES if isinstance(cause, kind)), _LOST)) from None
