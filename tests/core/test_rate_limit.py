from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.outcomes import Reason
from function.ports import Throttled
from function.rate_limit import (
    MAX_COOLDOWN_SEC,
    MOSCOW,
    DenialReason,
    Denied,
    Permit,
    ProviderState,
    RateLimit,
    circuit_denial,
    close_circuit,
    moscow_day,
    open_circuit,
    seconds_to_midnight,
    take_permit,
)

NOW = datetime(2026, 5, 4, 23, 0, tzinfo=MOSCOW).timestamp()
ROUNDING_SEC = 1e-5
"""Seconds since the epoch, as floats, have this grain."""
LIMIT = RateLimit(min_interval=1, cooldown=20, daily_limit=3, probe_lease=60)
OFF = RateLimit(min_interval=0, cooldown=0, daily_limit=0, probe_lease=60)


def test_permits_lie_an_interval_apart() -> None:
    state, permit = take_permit(ProviderState(), LIMIT, NOW)
    assert permit == Permit()
    assert take_permit(state, LIMIT, NOW + 0.25) == (state, Denied(DenialReason.PACED, 0.75))
    _, permit = take_permit(state, LIMIT, NOW + 1)
    assert permit == Permit()


def test_the_daily_limit_shuts_until_midnight_in_moscow() -> None:
    state = ProviderState(day="2026-05-04", count=3)
    assert take_permit(state, LIMIT, NOW) == (state, Denied(DenialReason.DAILY_LIMIT, 3600))
    tomorrow, permit = take_permit(state, LIMIT, NOW + 3600)
    assert permit == Permit()
    assert (tomorrow.day, tomorrow.count) == ("2026-05-05", 1)


def test_rules_of_zero_are_off() -> None:
    state, permits = ProviderState(), []
    for _ in range(5):
        state, permit = take_permit(state, OFF, NOW)
        permits.append(permit)
    assert permits == [Permit()] * 5
    assert open_circuit(state, OFF, NOW) == state


def test_cool_downs_in_vain_double_up_to_a_bound() -> None:
    state, now, seconds = ProviderState(), NOW, []
    for _ in range(2000):
        state = open_circuit(state, LIMIT, now)
        seconds.append(state.open_until - now)
        now = state.open_until
    assert seconds[:4] == [20, 40, 80, 160]
    assert seconds[-1] == MAX_COOLDOWN_SEC


def test_a_cool_down_lasts_at_least_what_the_service_asked_for() -> None:
    assert open_circuit(ProviderState(), LIMIT, NOW, at_least=90).open_until == NOW + 90
    assert open_circuit(ProviderState(), OFF, NOW, at_least=90).open_until == NOW + 90


def test_captchas_of_requests_under_way_together_count_once() -> None:
    once = open_circuit(ProviderState(), LIMIT, NOW)
    assert open_circuit(once, LIMIT, NOW + 1) == once
    assert open_circuit(once, LIMIT, NOW + 1, at_least=60) == replace(once, open_until=NOW + 61)


def test_a_provider_that_cools_down_is_shut() -> None:
    state = open_circuit(ProviderState(), LIMIT, NOW)
    assert take_permit(state, LIMIT, NOW + 5) == (state, Denied(DenialReason.COOLING_DOWN, 15))


def test_after_a_cool_down_one_probe_goes_and_no_other() -> None:
    state, permit = take_permit(open_circuit(ProviderState(), LIMIT, NOW), LIMIT, NOW + 20)
    assert permit == Permit(probe=True)
    assert take_permit(state, LIMIT, NOW + 30) == (state, Denied(DenialReason.HALF_OPEN, 50))
    _, next_permit = take_permit(close_circuit(state, NOW + 30), LIMIT, NOW + 30)
    assert next_permit == Permit()


def test_a_probe_that_said_nothing_is_followed_by_another() -> None:
    state, _ = take_permit(open_circuit(ProviderState(), LIMIT, NOW), LIMIT, NOW + 20)
    _, permit = take_permit(state, LIMIT, NOW + 80)
    assert permit == Permit(probe=True)


def test_an_open_provider_is_not_shut_by_its_pace() -> None:
    assert circuit_denial(ProviderState(next_free=NOW + 100), LIMIT, NOW) is None


@pytest.mark.parametrize(
    ("hour", "day", "left"), [(0, "2026-05-04", 86400), (12, "2026-05-04", 43200), (23, "2026-05-04", 3600)]
)
def test_days_are_those_of_moscow(hour: int, day: str, left: float) -> None:
    now = datetime(2026, 5, 4, hour, tzinfo=MOSCOW).timestamp()
    assert (moscow_day(now), seconds_to_midnight(now)) == (day, left)


def test_throttled_has_a_reason_of_its_own() -> None:
    assert Throttled(5).reason is Reason.THROTTLED


@given(
    st.lists(st.tuples(st.sampled_from(["acquire", "cool down", "recover"]), st.floats(0, 100)), max_size=60),
    st.floats(0, 5),
    st.integers(0, 5),
)
def test_whatever_happens_turns_keep_the_pace_and_the_limit(
    steps: list[tuple[str, float]], interval: float, limit: int
) -> None:
    rules = RateLimit(interval, 20, limit, 60)
    state, now, slots = ProviderState(), NOW, []
    for step, later in steps:
        now += later
        if step == "acquire":
            state, permit = take_permit(state, rules, now)
            if isinstance(permit, Permit):
                assert now >= state.open_until
                slots.append(now)
        elif step == "cool down":
            state = open_circuit(state, rules, now)
        else:
            state = close_circuit(state, now)
    assert all(later - earlier >= interval - ROUNDING_SEC for earlier, later in pairwise(slots))
    taken_at_once = len(slots) if now < NOW + 3600 else 0
    assert not limit or taken_at_once <= limit
