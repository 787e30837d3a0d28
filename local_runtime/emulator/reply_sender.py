"""Sends a reply: complete, or broken as networks and servers break them."""

import asyncio
import socket
import struct
import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send

from local_runtime.emulator.replies import HttpReply
from local_runtime.emulator.settings import Rule

LONGEST_SEC = 600
"""The time limit of a broken reply."""

Disconnect = asyncio.Task[None]
"""Ends when the client disconnects."""

_CHUNK = b" " * 65536
_NO_LINGER = struct.pack("ii", 1, 0)


class AsgiRequest(NamedTuple):
    """One request, and how to answer it. `connections`: uvicorn's protocols, one of which is the request's."""

    scope: Scope
    receive: Receive
    send: Send
    connections: Iterable[Any]

    @property
    def transport(self) -> asyncio.Transport:
        """The request's connection."""
        client = self.scope["client"]
        found: asyncio.Transport = next(one.transport for one in self.connections if one.client == client)
        return found

    def header(self, wanted: bytes) -> bytes:
        """A header's value, or b""."""
        return next((value for name, value in self.scope["headers"] if name == wanted), b"")

    async def disconnect(self) -> None:
        """Wait until the client disconnects."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def send_reply(reply: HttpReply, rule: Rule, request: AsgiRequest) -> None:
    """Send the reply, broken as the rule says."""
    if rule.connection is None:
        await _send_head(reply, request, len(reply.body))
        await request.send({"type": "http.response.body", "body": reply.body})
        return
    disconnect = asyncio.create_task(request.disconnect())
    try:
        async with asyncio.timeout(LONGEST_SEC):
            await _send_broken(reply, rule, request, disconnect)
    except TimeoutError:
        request.transport.abort()
    finally:
        disconnect.cancel()


async def _send_head(reply: HttpReply, request: AsgiRequest, length: int | None) -> None:
    headers = [(b"content-type", reply.content_type.encode())]
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    headers += [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    await request.send({"type": "http.response.start", "status": int(reply.status), "headers": headers})


async def _send_chunk(request: AsgiRequest, body: bytes) -> None:
    await request.send({"type": "http.response.body", "body": body, "more_body": True})


async def _send_broken(reply: HttpReply, rule: Rule, request: AsgiRequest, disconnect: Disconnect) -> None:
    match rule.connection:
        case "trickle":
            await _trickle(reply, rule, request, disconnect)
        case "endless":
            await _large(reply, None, request, disconnect)
        case "huge":
            await _large(reply, rule.size, request, disconnect)
        case "trickle_head":
            await _trickle_head(reply, rule, request, disconnect)
        case "cut":
            await _send_head(reply, request, len(reply.body))
            await _send_chunk(request, reply.body[: len(reply.body) // 2])
            request.transport.close()
        case "drop":
            request.transport.close()
        case "reset":
            connection: socket.socket = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            request.transport.abort()
    if rule.connection not in ("trickle", "endless", "huge"):
        await disconnect


async def _trickle(reply: HttpReply, rule: Rule, request: AsgiRequest, disconnect: Disconnect) -> None:
    await _send_head(reply, request, len(reply.body))
    for byte in reply.body:
        if await _wait_disconnect(disconnect, rule.pause):
            return
        await _send_chunk(request, bytes([byte]))
    await request.send({"type": "http.response.body", "body": b""})


async def _trickle_head(reply: HttpReply, rule: Rule, request: AsgiRequest, disconnect: Disconnect) -> None:
    status = HTTPStatus(reply.status)
    fields = {"content-type": reply.content_type, "content-length": str(len(reply.body)), **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    message = f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}connection: close\r\n\r\n".encode() + reply.body
    transport = request.transport
    for byte in message:
        if await _wait_disconnect(disconnect, rule.pause):
            return
        transport.write(bytes([byte]))
    transport.close()


async def _large(reply: HttpReply, size: int | None, request: AsgiRequest, disconnect: Disconnect) -> None:
    """Send a body of this size; None: endless."""
    rest = sys.maxsize if size is None else max(size - len(reply.body), 0)
    await _send_head(reply, request, None if size is None else len(reply.body) + rest)
    await _send_chunk(request, reply.body)
    while rest > 0 and not disconnect.done():
        await _send_chunk(request, _CHUNK[:rest])
        rest -= len(_CHUNK)
        await asyncio.sleep(0)
    if not disconnect.done():
        await request.send({"type": "http.response.body", "body": b""})


async def _wait_disconnect(disconnect: Disconnect, pause: float) -> bool:
    await asyncio.wait({disconnect}, timeout=pause)
    return disconnect.done()
