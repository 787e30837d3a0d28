from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.outcomes import Reason
from function.rate_limit import (
    MAX_COOLDOWN_SEC,
    MOSCOW,
    Entry,
    Pace,
    Shut,
    Throttled,
    Turn,
    Why,
    cleared,
    closed,
    cooled,
    decide,
    moscow_day,
    seconds_to_midnight,
)

NOW = datetime(2026, 5, 4, 23, 0, tzinfo=MOSCOW).timestamp()
ROUNDING_SEC = 1e-5
"""Seconds since the epoch, as floats, have this grain."""
PACE = Pace(min_interval=1, cooldown=20, daily_limit=3, probe_lease=60)
FREE = Pace(min_interval=0, cooldown=0, daily_limit=0, probe_lease=60)


def test_turns_come_one_interval_apart() -> None:
    entry, waits = Entry(), []
    for _ in range(3):
        entry, turn = decide(entry, PACE, NOW, patience=10)
        assert isinstance(turn, Turn)
        waits.append(turn.wait)
    assert waits == [0, 1, 2]


def test_a_turn_beyond_ones_patience_is_not_taken() -> None:
    entry = Entry(next_free=NOW + 5)
    assert decide(entry, PACE, NOW, patience=4.9) == (entry, Shut(Why.PACED, 5))


def test_the_daily_limit_shuts_until_midnight_in_moscow() -> None:
    entry = Entry(day="2026-05-04", count=3)
    assert decide(entry, PACE, NOW, patience=10) == (entry, Shut(Why.DAILY_LIMIT, 3600))
    tomorrow, turn = decide(entry, PACE, NOW + 3600, patience=10)
    assert turn == Turn(0)
    assert (tomorrow.day, tomorrow.count) == ("2026-05-05", 1)


def test_rules_of_zero_are_off() -> None:
    entry, turns = Entry(), []
    for _ in range(5):
        entry, turn = decide(entry, FREE, NOW, patience=0)
        turns.append(turn)
    assert turns == [Turn(0)] * 5
    assert cooled(entry, FREE, NOW) == entry


def test_cool_downs_in_vain_double_up_to_a_bound() -> None:
    entry, now, seconds = Entry(), NOW, []
    for _ in range(2000):
        entry = cooled(entry, PACE, now)
        seconds.append(entry.closed_until - now)
        now = entry.closed_until
    assert seconds[:4] == [20, 40, 80, 160]
    assert seconds[-1] == MAX_COOLDOWN_SEC


def test_a_cool_down_lasts_at_least_what_the_service_asked_for() -> None:
    assert cooled(Entry(), PACE, NOW, at_least=90).closed_until == NOW + 90
    assert cooled(Entry(), FREE, NOW, at_least=90).closed_until == NOW + 90


def test_captchas_of_requests_under_way_together_count_once() -> None:
    once = cooled(Entry(), PACE, NOW)
    assert cooled(once, PACE, NOW + 1) == once
    assert cooled(once, PACE, NOW + 1, at_least=60) == replace(once, closed_until=NOW + 61)


def test_a_provider_that_cools_down_is_shut() -> None:
    entry = cooled(Entry(), PACE, NOW)
    assert decide(entry, PACE, NOW + 5, patience=100) == (entry, Shut(Why.COOLING, 15))


def test_after_a_cool_down_one_probe_goes_and_no_other() -> None:
    entry, turn = decide(cooled(Entry(), PACE, NOW), PACE, NOW + 20, patience=0)
    assert turn == Turn(0, probe=True)
    assert decide(entry, PACE, NOW + 30, patience=100) == (entry, Shut(Why.PROBING, 50))
    _, next_turn = decide(cleared(entry, NOW + 30), PACE, NOW + 30, patience=0)
    assert next_turn == Turn(0)


def test_a_probe_that_said_nothing_is_followed_by_another() -> None:
    entry, _ = decide(cooled(Entry(), PACE, NOW), PACE, NOW + 20, patience=0)
    _, turn = decide(entry, PACE, NOW + 80, patience=0)
    assert turn == Turn(0, probe=True)


def test_an_open_provider_is_not_shut_by_its_pace() -> None:
    assert closed(Entry(next_free=NOW + 100), PACE, NOW) is None


@pytest.mark.parametrize(
    ("hour", "day", "left"), [(0, "2026-05-04", 86400), (12, "2026-05-04", 43200), (23, "2026-05-04", 3600)]
)
def test_days_are_those_of_moscow(hour: int, day: str, left: float) -> None:
    now = datetime(2026, 5, 4, hour, tzinfo=MOSCOW).timestamp()
    assert (moscow_day(now), seconds_to_midnight(now)) == (day, left)


def test_throttled_is_a_closed_provider() -> None:
    assert Throttled(5).reason is Reason.PROVIDER_CLOSED


@given(
    st.lists(st.tuples(st.sampled_from(["take", "cool", "clear"]), st.floats(0, 100)), max_size=60),
    st.floats(0, 5),
    st.integers(0, 5),
)
def test_whatever_happens_turns_keep_the_pace_and_the_limit(
    steps: list[tuple[str, float]], interval: float, limit: int
) -> None:
    pace = Pace(interval, 20, limit, 60)
    entry, now, slots = Entry(), NOW, []
    for step, later in steps:
        now += later
        if step == "take":
            entry, turn = decide(entry, pace, now, patience=1000)
            if isinstance(turn, Turn):
                assert now >= entry.closed_until
                slots.append(now + turn.wait)
        elif step == "cool":
            entry = cooled(entry, pace, now)
        else:
            entry = cleared(entry, now)
    assert all(later - earlier >= interval - ROUNDING_SEC for earlier, later in pairwise(slots))
    taken_at_once = len(slots) if now < NOW + 3600 else 0
    assert not limit or taken_at_once <= limit
