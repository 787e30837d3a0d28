"""Ports whose every step is timed, for the histogram of steps; what they do and raise stays as it is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

from function.outcomes import Answer
from function.person import Person
from function.ports import AnswerStore, Claim, InnProvider, Invalid, Ports, Verdict
from function.request import LookupRequest
from function.telemetry import Observer


def timed(ports: Ports, observer: Observer, clock: Callable[[], float] = perf_counter) -> Ports:
    """The same ports, whose steps `observer` hears of. `clock`: seconds from any beginning."""
    watch = _Watch(observer, clock)
    return replace(ports, answers=_Answers(ports.answers, watch), provider=_Provider(ports.provider, watch))


class _Watch(NamedTuple):
    observer: Observer
    clock: Callable[[], float]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, whether it fails or not: an outage shows as slow steps."""
        begun = self.clock()
        try:
            yield
        finally:
            self.observer.step(name, self.clock() - begun)


class _Answers(NamedTuple):
    """An AnswerStore."""

    store: AnswerStore
    watch: _Watch

    def find(self, person: Person) -> Answer | None:
        """See AnswerStore."""
        with self.watch.step("find"):
            return self.store.find(person)

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        """See AnswerStore. However many they are, it is one step."""
        with self.watch.step("find"):
            return self.store.find_many(persons)

    def claim(self, person: Person) -> Claim | Answer | None:
        """See AnswerStore."""
        with self.watch.step("claim"):
            return self.store.claim(person)

    def release(self, claim: Claim) -> None:
        """See AnswerStore."""
        self.store.release(claim)

    def save(self, claim: Claim, request: LookupRequest, answer: Answer) -> None:
        """See AnswerStore."""
        with self.watch.step("save"):
            self.store.save(claim, request, answer)


class _Provider(NamedTuple):
    """An InnProvider."""

    provider: InnProvider
    watch: _Watch

    def ask(self, request: LookupRequest) -> Verdict | Invalid:
        """See InnProvider."""
        with self.watch.step("fetch"):
            return self.provider.ask(request)
