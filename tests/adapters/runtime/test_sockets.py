import asyncio

import pytest

from adapters.runtime.lookup_runner import drain_sockets


@pytest.mark.parametrize(
    ("arrivals", "most", "turns", "there"),
    [
        pytest.param([], 9, 2, 1, id="nobody else comes"),
        pytest.param([1, 0, 1, 0, 1], 9, 2, 4, id="all who come without a gap"),
        pytest.param([1, 0, 0, 0, 1], 9, 2, 2, id="who comes after a gap is not waited for"),
        pytest.param([1, 0, 0, 0, 1], 9, 4, 3, id="a gap of fewer turns"),
        pytest.param([1] * 20, 9, 2, 9, id="enough are here"),
        pytest.param([3, 3, 3], 2, 2, 7, id="more than enough come at once"),
    ],
)
async def test_it_returns_when_the_loop_brings_no_more(arrivals: list[int], most: int, turns: int, there: int) -> None:
    """`arrivals`: how many come in each turn of the loop; `there`: how many are there when it returns."""
    waiting = [0]

    async def arrive() -> None:
        for count in arrivals:
            waiting.extend(range(count))
            await asyncio.sleep(0)

    arriving = asyncio.create_task(arrive())
    await drain_sockets(waiting, most, turns)
    assert len(waiting) == there
    await arriving
