"""A load over HTTP that costs little itself: bare connections that send ready bytes and count whole replies."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"
LIMIT_SEC = 120


class WrongReply(Exception):
    """A reply that is not what this load asks for."""


def posted(port: int, body: bytes) -> bytes:
    """A CloudEvent in binary mode, ready to send."""
    head = (
        f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\nce-specversion: 1.0\r\n"
        f"ce-id: 1\r\nce-source: /bench\r\nce-type: inn.lookup.requested\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def drive(ports: Sequence[int], bodies: Sequence[bytes], connections: int, marker: bytes) -> float:
    """Send each body once, the same number to every port; returns requests a second.

    Each of the `connections` waits for a reply before it sends again. Raises WrongReply for one that
    is no 200 or does not hold `marker`; exactly as many replies as bodies have come when it returns.
    """
    shares = [bodies[number :: len(ports)] for number in range(len(ports))]
    loads = [[posted(port, body) for body in share] for port, share in zip(ports, shares, strict=True)]
    return len(bodies) / uvloop.run(_drive(ports, loads, connections // len(ports), marker))


async def _drive(ports: Sequence[int], loads: Sequence[Sequence[bytes]], each: int, marker: bytes) -> float:
    loop = asyncio.get_running_loop()
    lines: list[_Line] = []
    for port, load in zip(ports, loads, strict=True):
        rest = iter(load)
        for _ in range(each):
            _, line = await loop.create_connection(partial(_Line, rest, marker), "127.0.0.1", port)
            lines.append(line)
    start = time.perf_counter()
    for line in lines:
        line.send()
    async with asyncio.timeout(LIMIT_SEC):
        counts = await asyncio.gather(*(line.ended for line in lines))
    took = time.perf_counter() - start
    if sum(counts) != sum(map(len, loads)):
        raise WrongReply("not as many replies as requests")
    return took


class _Line(asyncio.Protocol):
    """One connection. `ended` gives the number of its replies."""

    def __init__(self, rest: Iterator[bytes], marker: bytes) -> None:
        self._rest = rest
        self._marker = marker
        self._seen = b""
        self._count = 0
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def send(self) -> None:
        """The next request, or the end."""
        request = next(self._rest, None)
        assert self._transport is not None
        if request is None:
            self._transport.close()
            self.ended.set_result(self._count)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count a reply once it is whole."""
        self._seen = seen = self._seen + data if self._seen else data
        head = seen.find(_HEAD_END)
        length = _LENGTH.search(seen, 0, head) if head > 0 else None
        if length is None or len(seen) < head + len(_HEAD_END) + int(length[1]):
            return
        if not seen.startswith(b"HTTP/1.1 200") or self._marker not in seen:
            # Not the reply itself: nothing personal belongs into an error, invented as it is.
            self.ended.set_exception(WrongReply(seen[:40].decode("latin-1")))
            return
        self._count += 1
        self._seen = b""
        self.send()

    def connection_lost(self, _error: Exception | None) -> None:
        """A server that hangs up early fails the load."""
        if not self.ended.done():
            self.ended.set_exception(WrongReply("the server hung up"))
