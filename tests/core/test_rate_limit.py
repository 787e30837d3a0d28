from datetime import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from function.rate_limit import (
    MAX_COOLDOWN_SEC,
    MOSCOW,
    DenialReason,
    Denied,
    Permit,
    ProviderState,
    RateLimit,
    close_circuit,
    open_circuit,
    take_permit,
)

NOW = datetime(2026, 5, 4, 23, 0, tzinfo=MOSCOW).timestamp()
ROUNDING_SEC = 1e-5  # seconds since the epoch, as floats, have this grain
LIMIT = RateLimit(min_interval=1, cooldown=20, daily_limit=3, probe_lease=60)


def test_the_daily_limit_holds_until_midnight_in_moscow() -> None:
    state = ProviderState(day="2026-05-04", count=3)
    assert take_permit(state, LIMIT, NOW) == (state, Denied(DenialReason.DAILY_LIMIT, 3600))
    tomorrow, permit = take_permit(state, LIMIT, NOW + 3600)
    assert permit == Permit()
    assert (tomorrow.day, tomorrow.count) == ("2026-05-05", 1)


def test_cool_downs_in_vain_double_up_to_a_bound() -> None:
    for failures, seconds in ((0, 20), (1, 40), (3, 160), (2000, MAX_COOLDOWN_SEC)):
        assert open_circuit(ProviderState(failures=failures), LIMIT, NOW).open_until == NOW + seconds


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
