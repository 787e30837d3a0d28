from collections.abc import Sequence

import pytest

from function.outcomes import Answered, Deferred, FieldError, Outcome, Reason, Rejected
from function.request import Event
from function.waiting import Waiting
from tests.core.worlds import KNOWN, Answers, Met, World, event, request

BARE = Rejected(None, (FieldError("", "expected a request as a JSON object"),))


def ended(world: World, events: Sequence[Event]) -> list[Outcome]:
    outcomes = Waiting(events, world.ports).outcomes()
    assert world.provider.asked == []
    assert {"claim", "release", "save"}.isdisjoint(world.answers.calls)
    return outcomes


def test_they_take_one_round_trip_and_keep_their_order() -> None:
    world = World(Answers(known={request().person: KNOWN}))
    events = [event(lastName="Петров"), event(requestId="r-2"), b"[]", event(requestId="r-3", firstName="ПЕТР")]
    assert ended(world, events) == [
        Deferred(request(lastName="Петров"), Reason.NOT_HERE),
        Answered(request(requestId="r-2"), KNOWN, cached=True),
        BARE,
        Answered(request(requestId="r-3", firstName="ПЕТР"), KNOWN, cached=True),
    ]
    assert world.answers.calls == ["find_many"]


def test_who_was_met_a_moment_ago_is_answered_from_memory_and_the_store_is_asked_for_the_rest() -> None:
    world = World(Answers({request(lastName="Петров").person: KNOWN}), memory=Met({request().person: KNOWN}))
    met, kept, unknown = event(), event(lastName="Петров"), event(lastName="Сидоров")
    assert ended(world, [met, kept, b"[]", unknown]) == [
        Answered(request(), KNOWN, cached=True),
        Answered(request(lastName="Петров"), KNOWN, cached=True),
        BARE,
        Deferred(request(lastName="Сидоров"), Reason.NOT_HERE),
    ]
    assert world.answers.calls == ["find_many"]


@pytest.mark.parametrize(
    ("events", "at_hand"),
    [
        pytest.param([], True, id="nothing"),
        pytest.param([b"", event(firstName="")], True, id="all wrong"),
        pytest.param([event(), b""], True, id="met, or wrong"),
        pytest.param([event(), event(lastName="Петров")], False, id="one not met"),
    ],
)
def test_the_store_is_asked_unless_all_is_at_hand(events: list[bytes], at_hand: bool) -> None:  # noqa: FBT001  # a column
    world = World(memory=Met({request().person: KNOWN}))
    assert Waiting(events, world.ports).at_hand is at_hand
    assert len(ended(world, events)) == len(events)
    assert world.answers.calls == ([] if at_hand else ["find_many"])


def test_a_store_that_is_away_defers_all_but_the_wrong_ones() -> None:
    world = World(Answers(down=frozenset({"find_many"})))
    assert ended(world, [event(), b"[]"]) == [Deferred(request(), Reason.STORE_UNAVAILABLE, 7), BARE]
