"""The errors of aio-pika and aiormq in our words: their own may hold the address with its password."""

import asyncio

from aiormq import exceptions

from adapters.cli.asking.trouble import Refused, Unreached

WHERE = "RabbitMQ"

# The first that fits speaks.
_NEVER = (
    (
        (exceptions.ProbableAuthenticationError, exceptions.AuthenticationError),
        "RabbitMQ refuses this user or password",
    ),
    # aiormq does not expect the refusal of a virtual host where it comes.
    (
        (exceptions.ConnectionNotAllowed, exceptions.InvalidFrameError),
        "RabbitMQ refuses this user the virtual host, or there is none of this name",
    ),
    (exceptions.ChannelAccessRefused, "RabbitMQ does not allow this user to write to the queue"),
)
# The last two are what a channel that has just been closed says.
BROKEN = (exceptions.AMQPError, OSError, EOFError, RuntimeError, asyncio.InvalidStateError)


def is_broken(exc: Exception) -> bool:
    """Whether the connection is lost. What was under way then is failed with a bare Exception, where nothing says why."""
    return isinstance(exc, BROKEN) or type(exc) is Exception


def translated(exc: BaseException) -> Refused | Unreached:
    """One of BROKEN, as what it means."""
    for kind, words in _NEVER:
        if isinstance(exc, kind):
            return Refused(words)
    if isinstance(exc, TimeoutError):
        return Unreached(WHERE, "no connection in time")
    return Unreached(WHERE, "the connection was refused or broke: is it running there?")
