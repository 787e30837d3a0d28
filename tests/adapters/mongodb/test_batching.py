from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from adapters.mongodb.batching import Batcher
from function.outcomes import Reason
from function.ports import Unavailable
from tests.servers.process import wait_for

LONG = 30
OUTAGE, BUG = 13, 66
Calls = Callable[..., list[Future[int]]]


class Work:
    """Squares numbers. A batch that holds 0 waits to be let go; one with OUTAGE is unavailable, one with BUG fails."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = Event()

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        if 0 in items:
            assert self.go.wait(LONG)
        if OUTAGE in items:
            raise Unavailable(Reason.STORE_UNAVAILABLE, 7)
        if BUG in items:
            raise ZeroDivisionError
        return [item * item for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def batcher(work: Work) -> Batcher[int, int]:
    return Batcher(work)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


@pytest.fixture
def calls_behind(batcher: Batcher[int, int], threads: ThreadPoolExecutor, work: Work) -> Calls:
    """Calls that came, in order, while a batch was under way, which is over now."""

    def calls(*items: int) -> list[Future[int]]:
        first = threads.submit(batcher, 0)
        wait_for(lambda: work.batches, within=LONG, what="the first batch")
        rest = []
        for item in items:
            rest.append(threads.submit(batcher, item))
            wait_for(lambda: batcher.waiting == len(rest), within=LONG, what="a call that waits")
        work.go.set()
        assert first.result(LONG) == 0
        return rest

    return calls


def test_a_call_by_itself_goes_at_once(batcher: Batcher[int, int], work: Work) -> None:
    assert [batcher(2), batcher(3)] == [4, 9]
    assert work.batches == [[2], [3]]


def test_calls_that_come_while_a_batch_is_under_way_are_the_next_batch(calls_behind: Calls, work: Work) -> None:
    assert [each.result(LONG) for each in calls_behind(5, 2, 9)] == [25, 4, 81]
    assert work.batches == [[0], [5, 2, 9]]


@pytest.mark.parametrize(
    ("item", "error"), [(OUTAGE, Unavailable), (BUG, ZeroDivisionError)], ids=["an outage", "a bug"]
)
def test_after_a_batch_that_failed_each_call_goes_alone_and_raises_its_own_error(
    batcher: Batcher[int, int], calls_behind: Calls, work: Work, item: int, error: type[Exception]
) -> None:
    [one, wrong, other] = calls_behind(1, item, 3)
    assert isinstance(wrong.exception(LONG), error)
    assert [one.result(LONG), other.result(LONG)] == [1, 9]
    assert work.batches[:2] == [[0], [1, item, 3]]
    assert sorted(work.batches[2:]) == [[1], [3], [item]]
    assert batcher(4) == 16


def test_what_fails_alone_is_not_tried_again(batcher: Batcher[int, int], work: Work) -> None:
    with pytest.raises(ZeroDivisionError):
        batcher(BUG)
    assert work.batches == [[BUG]]
    assert batcher(4) == 16


def test_a_call_that_a_stuck_batch_keeps_waiting_goes_alone(
    batcher: Batcher[int, int], threads: ThreadPoolExecutor, work: Work
) -> None:
    stuck = threads.submit(batcher, 0)
    wait_for(lambda: work.batches, within=LONG, what="the stuck batch")
    assert list(threads.map(batcher, [5, 2, 9])) == [25, 4, 81]
    assert not stuck.done()
    assert batcher.waiting == 0
    assert sorted(work.batches) == [[0], [2], [5], [9]]
    work.go.set()
    assert stuck.result(LONG) == 0
    assert batcher(4) == 16


def test_each_call_gets_its_own_result(batcher: Batcher[int, int], threads: ThreadPoolExecutor, work: Work) -> None:
    work.go.set()
    items = [number for number in range(2000) if number not in (OUTAGE, BUG)]
    assert list(threads.map(batcher, items)) == [item * item for item in items]
    assert sorted(item for batch in work.batches for item in batch) == items
