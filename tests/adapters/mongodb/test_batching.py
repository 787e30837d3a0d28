from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from adapters.mongodb.batching import Batcher
from tests.servers.process import wait_for

LONG = 30
BUG = 66


class Work:
    """Squares numbers. A batch that holds 0 waits to be let go; one with BUG fails."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = Event()

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        if 0 in items:
            assert self.go.wait(LONG)
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
def under_way(batcher: Batcher[int, int], threads: ThreadPoolExecutor, work: Work) -> Future[int]:
    """A call whose batch has begun, and waits."""
    first = threads.submit(batcher, 0)
    wait_for(lambda: work.batches, within=LONG, what="the first batch")
    return first


def test_a_call_by_itself_goes_at_once_and_what_fails_is_not_tried_again(
    batcher: Batcher[int, int], work: Work
) -> None:
    with pytest.raises(ZeroDivisionError):
        batcher(BUG)
    assert [batcher(2), batcher(3)] == [4, 9]
    assert work.batches == [[BUG], [2], [3]]


@pytest.mark.parametrize("items", [[5, 2, 9], [1, BUG, 3]], ids=["all go well", "one fails"])
def test_calls_that_come_while_a_batch_is_under_way_are_the_next_and_go_alone_if_it_fails(
    batcher: Batcher[int, int], threads: ThreadPoolExecutor, work: Work, under_way: Future[int], items: list[int]
) -> None:
    calls: list[Future[int]] = []
    for item in items:
        calls.append(threads.submit(batcher, item))
        wait_for(lambda: batcher.waiting == len(calls), within=LONG, what="a call that waits")
    work.go.set()
    assert under_way.result(LONG) == 0
    for item, call in zip(items, calls, strict=True):
        if item == BUG:
            assert isinstance(call.exception(LONG), ZeroDivisionError)
        else:
            assert call.result(LONG) == item * item
    assert work.batches[:2] == [[0], items]
    assert sorted(work.batches[2:]) == [[item] for item in sorted(items) if BUG in items]
    assert batcher(4) == 16


def test_a_call_that_a_stuck_batch_keeps_waiting_goes_alone(
    batcher: Batcher[int, int], threads: ThreadPoolExecutor, work: Work, under_way: Future[int]
) -> None:
    assert list(threads.map(batcher, [5, 2, 9])) == [25, 4, 81]
    assert not under_way.done()
    assert batcher.waiting == 0
    assert sorted(work.batches) == [[0], [2], [5], [9]]
    work.go.set()
    assert under_way.result(LONG) == 0
    assert batcher(4) == 16


def test_each_call_gets_its_own_result(batcher: Batcher[int, int], threads: ThreadPoolExecutor, work: Work) -> None:
    work.go.set()
    items = [number for number in range(2000) if number != BUG]
    assert list(threads.map(batcher, items)) == [item * item for item in items]
    assert sorted(item for batch in work.batches for item in batch) == items
