"""/livez, /readyz and /metrics, of both processes.

A probe does not wait for a check that hangs, but reports the last result. At most one run of the checks is under way.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import NamedTuple, Protocol

from starlette.types import Receive, Scope, Send

from adapters.http.replies import Problem, Reply, check_method
from function.event import JSON_TYPE

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRESH_SEC = 1.0  # lifetime of cached results and metrics
UNREADY_FRESH_SEC = 0.01  # lifetime of results while a check fails, so that readiness shows at once
WAIT_SEC = 0.05  # longest wait of a probe for new results; then it reports the last ones
FIRST_WAIT_SEC = 1.0  # longest wait for the first results: callers give up after 2 or 3 seconds
CHECK_TIMEOUT_SEC = 5.0  # time limit of a check; then it is not ready


class CheckResult(NamedTuple):
    """The result of a check. `detail` is for people: codes and words, no secrets and no addresses."""

    ready: bool
    detail: str = ""


_UNKNOWN = CheckResult(ready=False, detail="no answer yet")

Check = Callable[[], Awaitable[CheckResult]]


class MetricsSource(Protocol):
    """The process's metrics."""

    def exposition(self) -> bytes:
        """All metrics as text of METRICS_TYPE."""

    def record_check(self, name: str, *, ready: bool) -> None:
        """Set the gauge of a check."""


class Probes:
    """Answers the three probes. `clock`: monotonic seconds."""

    first_wait_sec = FIRST_WAIT_SEC

    def __init__(
        self, checks: Mapping[str, Check], metrics: MetricsSource, clock: Callable[[], float] = monotonic
    ) -> None:
        self.by_path = {"/livez": self.livez, "/readyz": self.readyz, "/metrics": self.metrics}
        self._checks = checks
        self._metrics = metrics
        self._clock = clock
        self._results = dict.fromkeys(checks, _UNKNOWN)
        self._checked_at = float("-inf")
        self._run: asyncio.Task[None] | None = None
        self._exposition = b""
        self._exposed_at = float("-inf")

    async def answer(self, scope: Scope, other: str) -> Reply:
        """The reply to GET or HEAD. Raises Problem; `other`: its detail for another path."""
        probe = self.by_path.get(scope["path"])
        if probe is None:
            raise Problem(HTTPStatus.NOT_FOUND, other)
        check_method(scope, "GET", "HEAD")
        return await probe()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: the ASGI application of a process that serves only probes."""
        try:
            reply = await self.answer(scope, "expected /livez, /readyz or /metrics")
        except Problem as problem:
            reply = problem.reply()
        await reply(scope, receive, send)

    async def livez(self) -> Reply:
        """The event loop runs."""
        return _json({"live": True})

    async def readyz(self) -> Reply:
        """Whether the process can work now, check by check."""
        results = await self._current_results()
        ready = all(result.ready for result in results.values())
        parts = {name: result._asdict() for name, result in results.items()}
        return _json({"ready": ready, "parts": parts}, 200 if ready else 503)

    async def metrics(self) -> Reply:
        """Prometheus' exposition, rendered at most once a second. A scrape runs the checks unless they are fresh."""
        await self._current_results()
        if self._clock() - self._exposed_at > FRESH_SEC:
            self._exposition = self._metrics.exposition()
            self._exposed_at = self._clock()
        return Reply(self._exposition, METRICS_TYPE)

    async def _current_results(self) -> Mapping[str, CheckResult]:
        fresh = FRESH_SEC if all(result.ready for result in self._results.values()) else UNREADY_FRESH_SEC
        if self._clock() - self._checked_at > fresh:
            if self._run is None or self._run.done():
                self._run = asyncio.create_task(self._run_all())
            is_first = _UNKNOWN in self._results.values()
            await asyncio.wait({self._run}, timeout=self.first_wait_sec if is_first else WAIT_SEC)
        return self._results

    async def _run_all(self) -> None:
        await asyncio.gather(*(self._run_one(name, check) for name, check in self._checks.items()))
        self._checked_at = self._clock()

    async def _run_one(self, name: str, check: Check) -> None:
        """Run one check and store its result at once."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SEC):
                result = await check()
        except TimeoutError:
            result = CheckResult(ready=False, detail=f"no answer within {CHECK_TIMEOUT_SEC:g} s")
        except Exception as exc:  # noqa: BLE001  # a failed check is a result
            result = CheckResult(ready=False, detail=type(exc).__name__)
        self._results[name] = result
        self._metrics.record_check(name, ready=result.ready)


def _json(content: object, status: int = 200) -> Reply:
    return Reply(json.dumps(content, separators=(",", ":")).encode(), JSON_TYPE, status)
