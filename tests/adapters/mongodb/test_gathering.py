from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest

from adapters.mongodb.gathering import Gathering
from function.outcomes import Reason
from function.ports import Unavailable
from tests.servers.process import wait_for

LONG = 30
WEATHER, BUG = 13, 66


class Work:
    """Squares numbers. A round that holds 0 waits to be let go; one with WEATHER is away, one with BUG fails."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.go = Event()

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.rounds.append(list(items))
        if 0 in items:
            assert self.go.wait(LONG)
        if WEATHER in items:
            raise Unavailable(Reason.STORE_UNAVAILABLE, 7)
        if BUG in items:
            raise ZeroDivisionError
        return [item * item for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def gathering(work: Work) -> Gathering[int, int]:
    return Gathering(work)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def waiting(gathering: Gathering[int, int], number: int) -> bool:
    return gathering.waiting == number


def met_behind_a_round(
    items: Sequence[int], gathering: Gathering[int, int], threads: ThreadPoolExecutor, work: Work
) -> list[Future[int]]:
    """Calls that came, in order, while a round was under way, which is over now."""
    first = threads.submit(gathering, 0)
    wait_for(lambda: work.rounds, within=LONG, what="the first round")
    rest = []
    for number, item in enumerate(items, 1):
        rest.append(threads.submit(gathering, item))
        wait_for(partial(waiting, gathering, number), within=LONG, what="a call that waits")
    work.go.set()
    assert first.result(LONG) == 0
    return rest


def test_who_comes_alone_goes_alone_and_at_once(gathering: Gathering[int, int], work: Work) -> None:
    assert [gathering(2), gathering(3)] == [4, 9]
    assert work.rounds == [[2], [3]]


def test_who_comes_while_a_round_is_under_way_goes_with_all_others_in_the_next(
    gathering: Gathering[int, int], threads: ThreadPoolExecutor, work: Work
) -> None:
    rest = met_behind_a_round([5, 2, 9], gathering, threads, work)
    assert [each.result(LONG) for each in rest] == [25, 4, 81]
    assert work.rounds == [[0], [5, 2, 9]]


@pytest.mark.parametrize("error", [Unavailable, ZeroDivisionError], ids=["weather", "a bug"])
def test_after_a_round_that_failed_each_goes_alone_and_meets_what_is_its_own(
    gathering: Gathering[int, int], threads: ThreadPoolExecutor, work: Work, error: type[Exception]
) -> None:
    item = WEATHER if error is Unavailable else BUG
    [one, wrong, other] = met_behind_a_round([1, item, 3], gathering, threads, work)
    assert isinstance(wrong.exception(LONG), error)
    assert [one.result(LONG), other.result(LONG)] == [1, 9]
    assert work.rounds[:2] == [[0], [1, item, 3]]
    assert sorted(work.rounds[2:]) == [[1], [3], [item]]
    assert gathering(4) == 16


def test_what_fails_alone_is_not_tried_again(gathering: Gathering[int, int], work: Work) -> None:
    with pytest.raises(ZeroDivisionError):
        gathering(BUG)
    assert work.rounds == [[BUG]]
    assert gathering(4) == 16


def test_whom_a_stuck_round_keeps_waiting_goes_alone(
    gathering: Gathering[int, int], threads: ThreadPoolExecutor, work: Work
) -> None:
    stuck = threads.submit(gathering, 0)
    wait_for(lambda: work.rounds, within=LONG, what="the stuck round")
    assert list(threads.map(gathering, [5, 2, 9])) == [25, 4, 81]
    assert not stuck.done()
    assert sorted(work.rounds) == [[0], [2], [5], [9]]
    work.go.set()
    assert stuck.result(LONG) == 0
    assert gathering(4) == 16


def test_whatever_comes_together_everybody_gets_the_own_result(
    gathering: Gathering[int, int], threads: ThreadPoolExecutor, work: Work
) -> None:
    work.go.set()
    items = [number for number in range(2000) if number not in (WEATHER, BUG)]
    assert list(threads.map(gathering, items)) == [item * item for item in items]
    assert sorted(item for together in work.rounds for item in together) == items
