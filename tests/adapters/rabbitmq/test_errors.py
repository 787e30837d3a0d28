"""Why the broker is away: a code, in the log too, and nothing of what the library said."""

import asyncio
import io
import json
import socket
from socket import gaierror

import pytest
from aiormq import exceptions as amqp

from adapters.rabbitmq import connection
from adapters.rabbitmq.connection import BrokerConfig, BrokerConnection
from adapters.rabbitmq.consumer import LaneRunner
from adapters.rabbitmq.errors import BrokerUnavailable, translate_errors
from adapters.rabbitmq.topology import QueueNames
from adapters.telemetry import start
from tests.servers.process import wait_for


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
        pytest.param(EOFError(), "connection_lost", id="an end"),
        pytest.param(Exception("secret"), "connection_lost", id="what says nothing"),
    ],
)
def test_transient_errors_have_a_code(error: Exception, code: str) -> None:
    with pytest.raises(BrokerUnavailable) as away, translate_errors():
        raise error

    assert str(away.value) == code


class Idle:
    """A lane that is never reached."""

    queue = "inn"

    async def run(self, connection: BrokerConnection, stopping: asyncio.Event) -> None:
        await stopping.wait()


async def test_the_log_says_why_a_lane_has_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody listens, and says nothing. Where nobody listens: see tests/system/rabbitmq/test_reconnect.py."""
    monkeypatch.setattr(connection, "CONNECT_SEC", 0.1)
    monkeypatch.setattr(connection, "MIN_SHARE_SEC", 0.1)
    log, stopping = io.StringIO(), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener, start("inn", "INFO", log) as told:
        uri = f"amqp://guest:guest@127.0.0.1:{listener.getsockname()[1]}/"
        runner = LaneRunner(Idle(), BrokerConfig((uri,), "inn", QueueNames("inn"), 60), told)
        running = asyncio.create_task(runner.run(stopping))
        await asyncio.to_thread(wait_for, lambda: runner.state != "not_connected", within=30, what="a try")
        stopping.set()
        await running
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told_why = [
        (line["queue"], line["reason"], line.get("withheld")) for line in lines if line["event"] == "reconnecting"
    ]
    assert set(told_why) == {("inn", "no_answer", None)}
    assert runner.state == "no_answer"
