"""What /readyz checks."""

import asyncio
from collections.abc import Callable, Sequence

from adapters.http.probes import Check, CheckResult
from adapters.providers import ProviderStatus
from function.ports import Unavailable


def store_check(ping: Callable[[], object]) -> Check:
    """The store is ready while its ping returns."""

    async def check() -> CheckResult:
        try:
            await asyncio.to_thread(ping)
        except Unavailable as no:
            return CheckResult(ready=False, detail=no.reason.value)
        return CheckResult(ready=True)

    return check


def provider_check(states: Callable[[], Sequence[ProviderStatus]]) -> Check:
    """Which providers may not be asked, and for how long. A process that can answer from its cache is ready all the same."""

    async def check() -> CheckResult:
        try:
            found = await asyncio.to_thread(states)
        except Unavailable as no:
            return CheckResult(ready=True, detail=f"unknown: {no.reason.value}")
        return CheckResult(ready=True, detail=", ".join(map(_described, found)))

    return check


def _described(status: ProviderStatus) -> str:
    if status.denied is None:
        return f"{status.name}: open"
    return f"{status.name}: {status.denied.reason.value}, opens in {status.denied.retry_after:.0f} s"
