"""How a reply travels over the wire: whole, or in one of the ways that networks have to spoil it."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local_runtime.emulator.replies import Reply
from local_runtime.emulator.rules import Connection, Rule

LONGEST_SEC = 600
"""No spoilt reply takes longer."""

Leaving = asyncio.Task[None]
"""Ends when the client is gone."""

_CHUNK = b" " * 65536
_TRANSPORT = "transport"
_LINGER_NOT = struct.pack("ii", 1, 0)


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, whose requests know their connection: a reply can break it."""

    def on_message_begin(self) -> None:
        """Put the connection into the request's scope."""
        super().on_message_begin()
        self.scope["extensions"] = {_TRANSPORT: {_TRANSPORT: self.transport}}


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where one request came from."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def transport(self) -> asyncio.Transport:
        """Its connection."""
        transport: asyncio.Transport = self.scope["extensions"][_TRANSPORT][_TRANSPORT]
        return transport

    async def left(self) -> None:
        """Wait until the client is gone."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def deliver(reply: Reply, rule: Rule, exchange: Exchange) -> None:
    """Send the reply, in the rule's way."""
    if rule.connection is None:
        await _start(reply, exchange)
        await exchange.send({"type": "http.response.body", "body": reply.body})
        return
    leaving = asyncio.create_task(exchange.left())
    try:
        async with asyncio.timeout(LONGEST_SEC):
            await _WAYS[rule.connection](reply, rule, exchange, leaving)
    except TimeoutError:
        exchange.transport.abort()
    finally:
        leaving.cancel()


async def _start(reply: Reply, exchange: Exchange, length: int | None = -1) -> None:
    headers = [(b"content-type", reply.content_type.encode())]
    if length is not None:
        headers.append((b"content-length", b"%d" % (len(reply.body) if length < 0 else length)))
    headers += [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    await exchange.send({"type": "http.response.start", "status": int(reply.status), "headers": headers})


async def _drop(_reply: Reply, _rule: Rule, exchange: Exchange, leaving: Leaving) -> None:
    exchange.transport.close()
    await leaving


async def _reset(_reply: Reply, _rule: Rule, exchange: Exchange, leaving: Leaving) -> None:
    connection: socket.socket = exchange.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    exchange.transport.abort()
    await leaving


async def _cut(reply: Reply, _rule: Rule, exchange: Exchange, leaving: Leaving) -> None:
    await _start(reply, exchange)
    half = reply.body[: len(reply.body) // 2]
    await exchange.send({"type": "http.response.body", "body": half, "more_body": True})
    exchange.transport.close()
    await leaving


async def _hang(_reply: Reply, _rule: Rule, _exchange: Exchange, leaving: Leaving) -> None:
    await leaving


async def _trickle(reply: Reply, rule: Rule, exchange: Exchange, leaving: Leaving) -> None:
    await _start(reply, exchange)
    for byte in reply.body:
        if await _gone(leaving, rule.pause):
            return
        await exchange.send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
    await exchange.send({"type": "http.response.body", "body": b""})


async def _trickle_head(reply: Reply, rule: Rule, exchange: Exchange, leaving: Leaving) -> None:
    status = HTTPStatus(reply.status)
    fields = {"content-type": reply.content_type, "content-length": str(len(reply.body)), **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    message = f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}connection: close\r\n\r\n".encode() + reply.body
    for byte in message:
        if await _gone(leaving, rule.pause):
            return
        exchange.transport.write(bytes([byte]))
    exchange.transport.close()
    await leaving


async def _endless(reply: Reply, _rule: Rule, exchange: Exchange, leaving: Leaving) -> None:
    await _start(reply, exchange, None)
    await exchange.send({"type": "http.response.body", "body": reply.body, "more_body": True})
    while not leaving.done():
        await exchange.send({"type": "http.response.body", "body": _CHUNK, "more_body": True})
        await asyncio.sleep(0)


async def _huge(reply: Reply, rule: Rule, exchange: Exchange, leaving: Leaving) -> None:
    size = max(rule.size, len(reply.body))
    await _start(reply, exchange, size)
    rest = size - len(reply.body)
    await exchange.send({"type": "http.response.body", "body": reply.body, "more_body": True})
    while rest > 0 and not leaving.done():
        chunk = _CHUNK[:rest]
        rest -= len(chunk)
        await exchange.send({"type": "http.response.body", "body": chunk, "more_body": True})
        await asyncio.sleep(0)
    if not leaving.done():
        await exchange.send({"type": "http.response.body", "body": b""})


async def _gone(leaving: Leaving, pause: float) -> bool:
    await asyncio.wait({leaving}, timeout=pause)
    return leaving.done()


_WAYS: dict[Connection, Callable[[Reply, Rule, Exchange, Leaving], Awaitable[None]]] = {
    Connection.DROP: _drop,
    Connection.RESET: _reset,
    Connection.CUT: _cut,
    Connection.HANG: _hang,
    Connection.TRICKLE: _trickle,
    Connection.TRICKLE_HEAD: _trickle_head,
    Connection.ENDLESS: _endless,
    Connection.HUGE: _huge,
}
