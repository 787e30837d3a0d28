"""Why the broker is away: a code, and nothing of what the library said."""

from socket import gaierror

import pytest
from aiormq import exceptions as amqp

from adapters.rabbitmq.errors import BrokerUnavailable, translate_errors


def _wrapped(cause: OSError) -> Exception:
    """As the library raises what the system says of connecting."""
    error = amqp.AMQPConnectionError(*cause.args)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(_wrapped(gaierror(-2, "secret.host")), "unknown_host", id="a name that nobody knows"),
        pytest.param(_wrapped(OSError("Multiple exceptions")), "unreachable", id="several addresses that fail"),
        pytest.param(ConnectionResetError("secret"), "connection_lost", id="a connection that is reset"),
        pytest.param(amqp.ConnectionClosed(320, "secret"), "connection_lost", id="one that the broker closes"),
        pytest.param(amqp.ChannelNotFoundEntity("secret"), "channel_closed", id="a queue that is gone"),
        pytest.param(amqp.ChannelInvalidStateError("secret"), "channel_closed", id="a channel that is closed"),
        pytest.param(TimeoutError("secret"), "no_answer", id="a silence"),
        pytest.param(EOFError(), "connection_lost", id="an end"),
        pytest.param(Exception("secret"), "connection_lost", id="what says nothing"),
    ],
)
async def test_transient_errors_have_a_code(error: Exception, code: str) -> None:
    with pytest.raises(BrokerUnavailable) as away:
        async with translate_errors():
            raise error

    assert str(away.value) == code
