"""A load over HTTP that costs little itself: bare connections that send ready bytes and count complete replies."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"
LIMIT_SEC = 120


def drive(ports: Sequence[int], bodies: Sequence[bytes], connections: int, marker: bytes) -> float:
    """Send each body once, the same number to every port; returns requests a second.

    Each of the `connections` waits for a reply before it sends again. Raises RuntimeError for one that
    is no 200 or does not hold `marker`; exactly as many replies as bodies have come when it returns.
    """
    loads = [[_event(port, body) for body in bodies[number :: len(ports)]] for number, port in enumerate(ports)]
    return len(bodies) / uvloop.run(_drive(ports, loads, connections // len(ports), marker))


async def _drive(ports: Sequence[int], loads: Sequence[Sequence[bytes]], each: int, marker: bytes) -> float:
    """Seconds from the first request to the last reply."""
    loop = asyncio.get_running_loop()
    connections: list[_Connection] = []
    for port, load in zip(ports, map(iter, loads), strict=True):
        for _ in range(each):
            _, connection = await loop.create_connection(partial(_Connection, load, marker), "127.0.0.1", port)
            connections.append(connection)
    start = time.perf_counter()
    for connection in connections:
        connection.send()
    async with asyncio.timeout(LIMIT_SEC):
        counts = await asyncio.gather(*(connection.replies for connection in connections))
    took = time.perf_counter() - start
    if sum(counts) != sum(map(len, loads)):
        raise RuntimeError("not as many replies as requests")
    return took


def _event(port: int, body: bytes) -> bytes:
    """A CloudEvent in binary mode, ready to send."""
    head = (
        f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\nce-specversion: 1.0\r\n"
        f"ce-id: 1\r\nce-source: /bench\r\nce-type: inn.lookup.requested\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection(asyncio.Protocol):
    """One connection. `replies` gives their number once there are no more requests."""

    def __init__(self, requests: Iterator[bytes], marker: bytes) -> None:
        self._requests = requests
        self._marker = marker
        self._received = b""
        self._count = 0
        self.replies: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: Any = transport

    def send(self) -> None:
        """Send the next request, or end."""
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.replies.set_result(self._count)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count a reply once it is complete."""
        self._received = received = self._received + data if self._received else data
        head = received.find(_HEAD_END)
        length = _LENGTH.search(received, 0, head) if head > 0 else None
        if length is None or len(received) < head + len(_HEAD_END) + int(length[1]):
            return
        if not received.startswith(b"HTTP/1.1 200") or self._marker not in received:
            # Not the reply itself: nothing personal belongs into an error, invented as it is.
            self.replies.set_exception(RuntimeError(received[:40].decode("latin-1")))
            return
        self._count += 1
        self._received = b""
        self.send()

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail the load where the server hangs up early."""
        if not self.replies.done():
            self.replies.set_exception(RuntimeError("the server hung up"))
