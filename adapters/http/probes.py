"""/livez, /readyz and /metrics, the same for both processes.

A probe never waits for a check that hangs: it reports the last result, and never has more than one run of
the checks under way.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import NamedTuple, Protocol

from starlette.types import Receive, Scope, Send

FRESH_SEC = 1.0
"""Results of checks, and the rendered metrics, are reported again for so long."""
UNREADY_FRESH_SEC = 0.01
"""Results among which one is not ready: whoever waits for readiness need not wait a second more."""
WAIT_SEC = 0.05
"""A probe waits so long for new results, then reports the last ones."""
FIRST_WAIT_SEC = 1.0
"""And so long for the first ones: callers give up after 2 or 3 seconds."""
CHECK_TIMEOUT_SEC = 5.0
"""A check that takes longer is not ready."""
METHODS = ("GET", "HEAD")
METHOD_NOT_ALLOWED = 405


class CheckResult(NamedTuple):
    """What a check found. `detail` is for people: codes and words, no secrets and no addresses."""

    ready: bool
    detail: str = ""


class ProbeReply(NamedTuple):
    """What a probe answers."""

    body: bytes
    media: str = "application/json"
    status: int = 200


Check = Callable[[], Awaitable[CheckResult]]
Probe = Callable[[], Awaitable[ProbeReply]]


class MetricsSource(Protocol):
    """The process's metrics."""

    @property
    def exposition_type(self) -> str:
        """The content type of `exposition`."""

    def exposition(self) -> bytes:
        """All metrics as text."""

    def checked(self, name: str, *, ready: bool) -> None:
        """A check has run."""


class Probes:
    """Answers the three probes. `clock`: seconds from any beginning."""

    def __init__(
        self, checks: Mapping[str, Check], metrics: MetricsSource, clock: Callable[[], float] = monotonic
    ) -> None:
        self._checks = checks
        self._metrics = metrics
        self._clock = clock
        self._results: dict[str, CheckResult] = {}
        self._checked_at = float("-inf")
        self._run: asyncio.Task[None] | None = None
        self._exposition = b""
        self._exposed_at = float("-inf")
        self._ending = False

    def end(self) -> None:
        """The process ends: it is not ready any more, and nobody waits for a check."""
        self._ending = True
        if self._run is not None:
            self._run.cancel()

    def by_path(self) -> dict[str, Probe]:
        """Each probe under its path."""
        return {"/livez": self.livez, "/readyz": self.readyz, "/metrics": self.metrics}

    async def serve(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request: an ASGI application of a process that answers nothing else."""
        probe = self.by_path().get(scope["path"])
        if probe is None:
            reply = ProbeReply(b"expected /livez, /readyz or /metrics", "text/plain", 404)
        elif scope["method"] not in METHODS:
            reply = ProbeReply(b"expected GET", "text/plain", METHOD_NOT_ALLOWED)
        else:
            reply = await probe()
        headers = [(b"content-type", reply.media.encode()), (b"content-length", str(len(reply.body)).encode())]
        if reply.status == METHOD_NOT_ALLOWED:
            headers.append((b"allow", ", ".join(METHODS).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def livez(self) -> ProbeReply:
        """The process serves: that this runs is the answer."""
        return _json({"live": True})

    async def readyz(self) -> ProbeReply:
        """Whether the process can do its work now, check by check."""
        results = await self._current_results()
        ready = all(result.ready for result in results.values())
        parts = {name: result._asdict() for name, result in results.items()}
        return _json({"ready": ready, "parts": parts}, 200 if ready else 503)

    async def metrics(self) -> ProbeReply:
        """Prometheus' exposition, rendered at most once a second; a scrape runs the checks, too, where nobody else does."""
        await self._current_results()
        if self._clock() - self._exposed_at > FRESH_SEC:
            self._exposition = self._metrics.exposition()
            self._exposed_at = self._clock()
        return ProbeReply(self._exposition, self._metrics.exposition_type)

    async def _current_results(self) -> Mapping[str, CheckResult]:
        fresh = FRESH_SEC if all(result.ready for result in self._results.values()) else UNREADY_FRESH_SEC
        if self._run is None and not self._ending and self._clock() - self._checked_at > fresh:
            self._run = asyncio.create_task(self._run_all())
        if self._run is not None:
            all_known = self._results.keys() == self._checks.keys()
            await asyncio.wait({self._run}, timeout=WAIT_SEC if all_known else FIRST_WAIT_SEC)
        unknown = CheckResult(ready=False, detail="no answer yet")
        results = {name: self._results.get(name, unknown) for name in self._checks}
        return {**results, "process": CheckResult(ready=False, detail="it ends")} if self._ending else results

    async def _run_all(self) -> None:
        try:
            await asyncio.gather(*(self._run_one(name, check) for name, check in self._checks.items()))
            self._checked_at = self._clock()
        finally:
            self._run = None

    async def _run_one(self, name: str, check: Check) -> None:
        """Each check's result is reported at once, whatever hangs beside it."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SEC):
                result = await check()
        except TimeoutError:
            result = CheckResult(ready=False, detail=f"no answer within {CHECK_TIMEOUT_SEC:g} s")
        except Exception as exc:  # noqa: BLE001  # whatever goes wrong in a check, the probe reports it and lives on
            result = CheckResult(ready=False, detail=type(exc).__name__)
        self._results[name] = result
        self._metrics.checked(name, ready=result.ready)


def _json(content: object, status: int = 200) -> ProbeReply:
    return ProbeReply(json.dumps(content, separators=(",", ":")).encode(), status=status)
