"""/livez, /readyz and /metrics, the same for both processes.

A probe never waits for a part that hangs: it tells what was last known of it, and never has more
than one look at a part under way.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import NamedTuple, Protocol

from starlette.types import Receive, Scope, Send

FRESH_SEC = 1.0
"""A look at the parts is good for so long."""
UNREADY_FRESH_SEC = 0.01
"""And for so long where one was not ready: whoever waits for it need not wait a second more."""
PATIENCE_SEC = 0.05
"""A probe waits so long for a new look, then tells the last one."""
FIRST_SEC = 1.0
"""And so long for the first one, of which there is no last: whoever probes gives up after 2 or 3 seconds."""
METHODS = ("GET", "HEAD")
METHOD_NOT_ALLOWED = 405
LIMIT_SEC = 5.0
"""A part that says nothing for so long is not ready."""


class Part(NamedTuple):
    """One part's state. `detail` is for people: codes and words, no secrets and no addresses."""

    ready: bool
    detail: str = ""


class Page(NamedTuple):
    """What a probe answers."""

    body: bytes
    media: str = "application/json"
    status: int = 200


Check = Callable[[], Awaitable[Part]]
Probe = Callable[[], Awaitable[Page]]


class Numbers(Protocol):
    """The process's metrics."""

    @property
    def exposition_type(self) -> str:
        """The content type of `exposition`."""

    def exposition(self) -> bytes:
        """All metrics as text."""

    def looked(self, part: str, *, ready: bool) -> None:
        """A part was looked at."""


class Probes:
    """Answers the three probes. `clock`: seconds from any beginning."""

    def __init__(self, checks: Mapping[str, Check], numbers: Numbers, clock: Callable[[], float] = monotonic) -> None:
        self._checks = checks
        self._numbers = numbers
        self._clock = clock
        self._known: dict[str, Part] = {}
        self._looked_at = float("-inf")
        self._look: asyncio.Task[None] | None = None
        self._ended = False

    def end(self) -> None:
        """The process ends: it is not ready any more, and nobody waits for a look."""
        self._ended = True
        if self._look is not None:
            self._look.cancel()

    def by_path(self) -> dict[str, Probe]:
        """Each probe under its path."""
        return {"/livez": self.livez, "/readyz": self.readyz, "/metrics": self.metrics}

    async def serve(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request: an ASGI application of a process that answers nothing else."""
        page = await self._page(scope["method"], scope["path"])
        headers = [(b"content-type", page.media.encode()), (b"content-length", str(len(page.body)).encode())]
        if page.status == METHOD_NOT_ALLOWED:
            headers.append((b"allow", ", ".join(METHODS).encode()))
        await send({"type": "http.response.start", "status": page.status, "headers": headers})
        await send({"type": "http.response.body", "body": page.body})

    async def livez(self) -> Page:
        """The process serves: that this runs is the answer."""
        return _json({"live": True})

    async def readyz(self) -> Page:
        """Whether the process can do its work now, part by part."""
        parts = await self._parts()
        ready = all(part.ready for part in parts.values())
        told = {name: {"ready": part.ready, "detail": part.detail} for name, part in parts.items()}
        return _json({"ready": ready, "parts": told}, 200 if ready else 503)

    async def metrics(self) -> Page:
        """Prometheus' exposition, how ready the parts are included: a scrape is a look, too, where nobody else looks."""
        await self._parts()
        return Page(self._numbers.exposition(), self._numbers.exposition_type)

    async def _page(self, method: str, path: str) -> Page:
        probe = self.by_path().get(path)
        if probe is None:
            return Page(b"expected /livez, /readyz or /metrics", "text/plain", 404)
        if method not in METHODS:
            return Page(b"expected GET", "text/plain", METHOD_NOT_ALLOWED)
        return await probe()

    async def _parts(self) -> Mapping[str, Part]:
        fresh = FRESH_SEC if all(part.ready for part in self._known.values()) else UNREADY_FRESH_SEC
        if self._look is None and not self._ended and self._clock() - self._looked_at > fresh:
            self._look = asyncio.create_task(self._look_at_all())
        if self._look is not None:
            all_known = self._known.keys() == self._checks.keys()
            await asyncio.wait({self._look}, timeout=PATIENCE_SEC if all_known else FIRST_SEC)
        parts = {name: self._known.get(name, Part(ready=False, detail="no answer yet")) for name in self._checks}
        return {**parts, "process": Part(ready=False, detail="it ends")} if self._ended else parts

    async def _look_at_all(self) -> None:
        try:
            await asyncio.gather(*(self._look_at(name, check) for name, check in self._checks.items()))
            self._looked_at = self._clock()
        finally:
            self._look = None

    async def _look_at(self, name: str, check: Check) -> None:
        """Each part's news is told at once, whatever hangs beside it."""
        part = self._known[name] = await _looked(check)
        self._numbers.looked(name, ready=part.ready)


async def _looked(check: Check) -> Part:
    try:
        async with asyncio.timeout(LIMIT_SEC):
            return await check()
    except TimeoutError:
        return Part(ready=False, detail=f"no answer within {LIMIT_SEC:g} s")
    except Exception as exc:  # noqa: BLE001  # whatever a check stumbles over, the probe tells it and lives on
        return Part(ready=False, detail=type(exc).__name__)


def _json(told: object, status: int = 200) -> Page:
    return Page(json.dumps(told, separators=(",", ":")).encode(), status=status)
