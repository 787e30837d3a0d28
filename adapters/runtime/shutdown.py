"""How a process ends while it still fetches: it waits, within bounds, and gives back the claims of what is left."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Thread

from function.outcomes import Answer
from function.person import Person
from function.ports import AnswerStore, Claim, Unavailable
from function.request import LookupRequest


def end(pool: ThreadPoolExecutor, within: float) -> None:
    """Let nothing more begin in the pool, and wait so many seconds for what is under way: it can't be stopped."""
    pool.shutdown(wait=False, cancel_futures=True)
    # The pool's own waiting has no bounds.
    waiting = Thread(target=pool.shutdown, daemon=True)
    waiting.start()
    # Whoever interrupts once more does not want to wait.
    with suppress(KeyboardInterrupt):
        waiting.join(within)


class HeldClaims:
    """An AnswerStore over another one. `close` gives back what this process still holds, so that nobody waits for its lease."""

    def __init__(self, store: AnswerStore) -> None:
        self._store = store
        self._held: set[Claim] = set()

    def find(self, person: Person) -> Answer | None:
        """See AnswerStore."""
        return self._store.find(person)

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """See AnswerStore."""
        return self._store.find_many(persons)

    def claim(self, person: Person) -> Claim | Answer | None:
        """See AnswerStore."""
        claim = self._store.claim(person)
        if isinstance(claim, Claim):
            self._held.add(claim)
        return claim

    def release(self, claim: Claim) -> None:
        """See AnswerStore."""
        self._held.discard(claim)
        self._store.release(claim)

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """See AnswerStore."""
        self._held.discard(claim)
        self._store.save(claim, request, answer)

    def close(self) -> None:
        """Give back the claims of fetches that go on, or are lost with the process."""
        # Where the store is away, leases end by themselves.
        with suppress(Unavailable):
            while self._held:
                self._store.release(self._held.pop())
