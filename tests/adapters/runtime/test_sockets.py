import asyncio

import pytest

from adapters.runtime.lookup_runner import drain_sockets


async def filled(arrivals: list[int], most: int, turns: int) -> int:
    """How much was there when `drain_sockets` returned; `arrivals`: how many came in each turn of the loop."""
    waiting = [0]

    async def arrive() -> None:
        for count in arrivals:
            waiting.extend(range(count))
            await asyncio.sleep(0)

    arriving = asyncio.create_task(arrive())
    await drain_sockets(waiting, most, turns)
    there = len(waiting)
    await arriving
    return there


@pytest.mark.parametrize(
    ("arrivals", "most", "turns", "there"),
    [
        ([], 9, 2, 1),
        ([1, 0, 1, 0, 1], 9, 2, 4),
        ([1, 0, 0, 0, 1], 9, 2, 2),
        ([1, 0, 0, 0, 1], 9, 4, 3),
        ([1] * 20, 9, 2, 9),
        ([3, 3, 3], 2, 2, 7),
    ],
    ids=[
        "nobody else comes",
        "all who come without a gap",
        "who comes after a gap is not waited for",
        "a gap of fewer turns",
        "enough are here",
        "more than enough come at once",
    ],
)
def test_it_returns_when_the_loop_brings_no_more(arrivals: list[int], most: int, turns: int, there: int) -> None:
    assert asyncio.run(filled(arrivals, most, turns)) == there
