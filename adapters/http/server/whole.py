"""uvicorn's protocol, whose replies leave whole.

uvicorn writes the head of a reply and its body apart, and uvloop sends each at once: two calls of the
system and, often, two wakes of the client for a reply that fits into one packet.
"""

import asyncio
from typing import Any, cast

from adapters.http.server.bounded import Bounded


class WholeReplies(Bounded):
    """What uvicorn is given as `http`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Write through a transport that joins."""
        super().connection_made(cast("asyncio.Transport", _Joining(transport, self.loop)))


class _Joining:
    """A transport that sends what is written to it in one turn of the loop as one piece; else the transport itself."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        pieces, self._pieces = self._pieces, []
        # The client may have left since.
        if pieces and not self._transport.is_closing():
            self._transport.write(b"".join(pieces))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
