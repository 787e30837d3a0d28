"""Ports that are timed do what they did, and every step is reported, failed ones too."""

import pytest

from adapters.telemetry import timed
from function.handler import handle
from function.outcomes import Answered, Deferred, InProgress, Outcome, Reason
from function.ports import Unavailable
from function.telemetry import NullObserver
from function.waiting import Waiting
from tests.doubles import Answers, Provider, World, event


class Recorder(NullObserver):
    def __init__(self) -> None:
        self.steps: list[tuple[str, float]] = []

    def step(self, name: str, seconds: float) -> None:
        self.steps.append((name, seconds))


class Ticking:
    """A clock that goes on by a second each time that it is read."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 1
        return self._now


UNAVAILABLE = Provider(Unavailable(Reason.PROVIDER_UNAVAILABLE))


@pytest.mark.parametrize(
    ("world", "ending", "steps"),
    [
        pytest.param(World(), Answered, ["find", "claim", "fetch", "save"], id="a whole lookup"),
        pytest.param(World(Answers(down=frozenset({"find"}))), Deferred, ["find"], id="no store"),
        pytest.param(World(provider=UNAVAILABLE), Deferred, ["find", "claim", "fetch"], id="no provider"),
        pytest.param(World(Answers(down=frozenset({"save"}))), Deferred, ["find", "claim", "fetch", "save"], id="no save"),
    ],
)  # fmt: skip
def test_each_step_is_timed(world: World, ending: type[Outcome], steps: list[str]) -> None:
    recorder = Recorder()

    outcome = handle(event(), timed(world.ports, recorder, Ticking()))

    assert isinstance(outcome, ending)
    assert recorder.steps == [(step, 1.0) for step in steps]


def test_many_are_found_in_one_step() -> None:
    recorder = Recorder()
    world = World()

    outcomes = Waiting([event(), event(firstName="Иван")], timed(world.ports, recorder, Ticking())).outcomes()

    assert [type(outcome) for outcome in outcomes] == [Deferred, Deferred]
    assert recorder.steps == [("find", 1.0)]


def test_a_claim_is_given_back_through_it() -> None:
    world = World(provider=UNAVAILABLE)
    ports = timed(world.ports, NullObserver())

    assert isinstance(handle(event(), ports), Deferred)
    assert not isinstance(handle(event(), ports), InProgress)
