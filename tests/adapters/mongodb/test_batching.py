from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from adapters.mongodb.batching import Batcher
from tests.servers.process import wait_for

LONG = 30
BUG = 66


class Work:
    """Squares numbers in batches. One that holds 0 waits to be let go; one with BUG fails."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.threads = threads
        self.batches: list[list[int]] = []
        self.go = Event()
        self.call = Batcher(self.square)

    def square(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        if 0 in items:
            assert self.go.wait(LONG)
        if BUG in items:
            raise ZeroDivisionError
        return [item * item for item in items]

    def begin(self) -> Future[int]:
        """A call whose batch has begun, and waits."""
        first = self.threads.submit(self.call, 0)
        wait_for(lambda: self.batches, within=LONG, what="the first batch")
        return first


@pytest.fixture
def work() -> Iterator[Work]:
    with ThreadPoolExecutor(16) as threads:
        yield Work(threads)


def test_a_call_by_itself_goes_at_once_and_what_fails_is_not_tried_again(work: Work) -> None:
    with pytest.raises(ZeroDivisionError):
        work.call(BUG)
    assert [work.call(2), work.call(3)] == [4, 9]
    assert work.batches == [[BUG], [2], [3]]


@pytest.mark.parametrize("items", [[5, 2, 9], [1, BUG, 3]], ids=["all go well", "one fails"])
def test_calls_that_come_while_a_batch_is_under_way_are_the_next_and_go_alone_if_it_fails(
    work: Work, items: list[int]
) -> None:
    first, calls = work.begin(), list[Future[int]]()
    for item in items:
        calls.append(work.threads.submit(work.call, item))
        wait_for(lambda: len(work.call.waiting) == len(calls), within=LONG, what="a call that waits")
    work.go.set()
    assert first.result(LONG) == 0
    for item, call in zip(items, calls, strict=True):
        if item == BUG:
            assert isinstance(call.exception(LONG), ZeroDivisionError)
        else:
            assert call.result(LONG) == item * item
    assert work.batches[:2] == [[0], items]
    assert sorted(work.batches[2:]) == [[item] for item in sorted(items) if BUG in items]
    assert work.call(4) == 16


def test_a_call_that_a_stuck_batch_keeps_waiting_goes_alone(work: Work) -> None:
    stuck = work.begin()
    assert list(work.threads.map(work.call, [5, 2, 9])) == [25, 4, 81]
    assert not stuck.done()
    assert not work.call.waiting
    assert sorted(work.batches) == [[0], [2], [5], [9]]
    work.go.set()
    assert stuck.result(LONG) == 0
    assert work.call(4) == 16


def test_each_call_gets_its_own_result(work: Work) -> None:
    work.go.set()
    items = [number for number in range(2000) if number != BUG]
    assert list(work.threads.map(work.call, items)) == [item * item for item in items]
    assert sorted(item for batch in work.batches for item in batch) == items
