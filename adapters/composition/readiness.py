"""The readiness checks of the store and the providers."""

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
        except Unavailable as error:
            return CheckResult(ready=False, detail=error.reason.value)
        return CheckResult(ready=True)

    return check


def provider_check(states: Callable[[], Sequence[ProviderStatus]]) -> Check:
    """Reports which providers may not be asked, and for how long. Always ready: the cache still answers."""

    async def check() -> CheckResult:
        try:
            found = await asyncio.to_thread(states)
        except Unavailable as error:
            return CheckResult(ready=True, detail=f"unknown: {error.reason.value}")
        return CheckResult(ready=True, detail=", ".join(map(describe, found)))

    return check


def describe(status: ProviderStatus) -> str:
    """Whether a provider may be asked, and if not, why and for how long."""
    if status.denied is None:
        return f"{status.name}: open"
    return f"{status.name}: {status.denied.reason.value}, opens in {status.denied.retry_after:.0f} s"
