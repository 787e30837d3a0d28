import asyncio
from itertools import pairwise
from time import monotonic

import pytest

from adapters.rabbitmq.patience import APART_SEC, HOLD_SEC, LONGEST_CLOSED_SEC, LONGEST_NAP_SEC, Bell, Patience
from function.outcomes import Deferred, InProgress, Outcome, Reason
from tests.doubles import request


@pytest.mark.parametrize(
    ("outcome", "shortest"),
    [
        pytest.param(Deferred(request(), Reason.PROVIDER_CLOSED, 3), 3, id="as long as it was told"),
        pytest.param(Deferred(request(), Reason.PROVIDER_CLOSED, 9999), LONGEST_CLOSED_SEC, id="not for hours"),
        pytest.param(Deferred(request(), Reason.STORE_UNAVAILABLE), LONGEST_NAP_SEC, id="told nothing, soon again"),
        pytest.param(InProgress(request()), LONGEST_NAP_SEC, id="another's fetch is soon over"),
    ],
)
def test_how_long_a_nap_is_in_the_end(outcome: Outcome, shortest: float) -> None:
    patience = Patience(monotonic())
    naps = [patience.nap(outcome) for _ in range(10)]
    assert shortest <= naps[-1] <= shortest * 1.25
    assert naps[0] <= naps[-1] * 1.25
    assert not patience.ended


def test_what_waited_for_its_turn_has_waited_already() -> None:
    assert Patience(monotonic() - HOLD_SEC - 1).ended


async def test_the_bell_wakes_all_who_sleep() -> None:
    bell = Bell()
    sleepers = [asyncio.create_task(bell.sleep(3600)) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    async with asyncio.timeout(10):
        await asyncio.gather(*sleepers)


async def test_a_closed_bell_lets_nobody_sleep() -> None:
    """Who was in a thread when the lane was told to stop comes to the bell only afterwards."""
    bell = Bell()
    bell.close()
    bell.ring()
    async with asyncio.timeout(10):
        await bell.sleep(3600)


async def test_those_who_wake_together_get_up_one_after_the_other() -> None:
    bell = Bell()
    up: list[float] = []

    async def sleeper() -> None:
        await bell.sleep(3600)
        up.append(monotonic())

    sleepers = [asyncio.create_task(sleeper()) for _ in range(4)]
    await asyncio.sleep(0)
    bell.ring()
    async with asyncio.timeout(10):
        await asyncio.gather(*sleepers)
    # Timers may be early by their own resolution.
    assert all(later - sooner > APART_SEC / 2 for sooner, later in pairwise(up))


async def test_a_success_among_others_wakes_nobody() -> None:
    bell = Bell()
    sleeper = asyncio.create_task(bell.sleep(3600))
    await asyncio.sleep(0)
    bell.succeeded()
    await asyncio.sleep(0)
    assert not sleeper.done()
    sleeper.cancel()


async def test_one_sleeps_no_longer_than_asked() -> None:
    async with asyncio.timeout(10):
        await Bell().sleep(0.001)
