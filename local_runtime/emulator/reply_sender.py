"""Sends a reply: complete, or broken as networks and servers break them."""

import asyncio
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.types import Send

from local_runtime.emulator.http_replies import HttpReply

LONGEST_SEC = 600  # the time limit of a broken reply

_NO_LINGER = struct.pack("ii", 1, 0)


async def send_reply(reply: HttpReply, request: Request, send: Send, connections: Iterable[Any]) -> None:
    """Send the reply, or break the connection. `connections`: uvicorn's protocols, one of which is the request's."""
    if reply.connection is None:
        await _send_head(reply, send)
        await send({"type": "http.response.body", "body": reply.body})
        return
    client = request.scope["client"]
    transport: asyncio.Transport = next(one.transport for one in connections if one.client == client)
    match reply.connection:
        case "cut":
            await _send_head(reply, send)
            await send({"type": "http.response.body", "body": reply.body[: len(reply.body) // 2], "more_body": True})
            transport.close()
        case "drop":
            transport.close()
        case "reset":
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            transport.abort()
        case "hang":
            pass
    # Without this wait uvicorn would send a reply of its own.
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SEC):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    transport.abort()


async def _send_head(reply: HttpReply, send: Send) -> None:
    headers = {"content-type": reply.content_type, "content-length": str(len(reply.body)), **reply.headers}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(reply.status), "headers": encoded})
