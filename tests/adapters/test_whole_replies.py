import asyncio
from collections.abc import Callable

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from adapters.http.server.whole import WholeReplies

ASKED = b"GET / HTTP/1.1\r\nhost: here\r\n%s\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def answered(wire: Wire, app: ASGIApp, asked: bytes, meanwhile: Callable[[], object]) -> bool:
    """Let the application answer what comes over the wire; whether the server hangs up then."""
    done = asyncio.Event()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        meanwhile()
        done.set()

    config = uvicorn.Config(serve, lifespan="off", log_config=None, server_header=False, date_header=False)
    config.load()
    protocol = WholeReplies(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(wire)
    protocol.data_received(asked)
    await done.wait()
    # What is to be sent in this turn of the loop is sent at its end.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    hung_up = wire.closed
    protocol.connection_lost(None)
    return hung_up


@pytest.mark.parametrize("header", [b"", b"connection: close\r\n"], ids=["kept alive", "closed behind it"])
def test_a_reply_leaves_in_one_piece(header: bytes) -> None:
    wire = Wire()
    hung_up = asyncio.run(answered(wire, Response(b"the body"), ASKED % header, lambda: None))
    [piece] = wire.pieces
    assert piece.startswith(b"HTTP/1.1 200")
    assert piece.endswith(b"\r\n\r\nthe body")
    assert hung_up is bool(header)


def test_nothing_is_sent_to_a_client_that_has_left() -> None:
    wire = Wire()
    asyncio.run(answered(wire, Response(b"the body"), ASKED % b"", wire.close))
    assert wire.pieces == []
