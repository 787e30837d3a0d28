import pytest

from function.rate_limit import Pace, Shut, Turn, Why
from tests.contracts.stores import Kept, at_once

PACE = Pace(min_interval=100, cooldown=1000, daily_limit=0, probe_lease=300)
AT_ONCE = Pace(min_interval=0, cooldown=1000, daily_limit=0, probe_lease=300)
EVER = 10**9
# A store on a server's clock does not stand still between two calls: a machine under load may take this long.
SLACK = 20
HOUR = 3600


def near(seconds: float) -> object:
    return pytest.approx(seconds, abs=SLACK)


class RateLimiterContract:
    """What every RateLimiter promises: `pacing`, shared. Intervals are long, so that the test's own time is nothing."""

    def test_who_comes_first_need_not_wait(self, kept: Kept) -> None:
        assert kept.store.look("nalog", PACE) is None
        assert kept.store.take("nalog", PACE, 0) == Turn(0)

    def test_turns_lie_an_interval_apart_and_providers_do_not_share_them(self, kept: Kept) -> None:
        waits = [wait_of(kept.store.take("nalog", PACE, EVER)) for _ in range(4)]
        assert waits == [near(0), near(100), near(200), near(300)]
        assert kept.store.take("apifns", PACE, 0) == Turn(0)

    def test_no_two_workers_get_one_turn(self, kept: Kept) -> None:
        waits = at_once(lambda _: wait_of(kept.store.take("nalog", PACE, EVER)), 48)
        assert sorted(round(wait / 100) for wait in waits) == list(range(48))

    def test_a_turn_beyond_the_callers_patience_is_not_taken(self, kept: Kept) -> None:
        kept.store.take("nalog", PACE, 0)
        for _ in range(2):
            shut = kept.store.take("nalog", PACE, 50)
            assert shut == Shut(Why.PACED, near(100))  # type: ignore[arg-type]  # compares as a number
        assert wait_of(kept.store.take("nalog", PACE, EVER)) == near(100)

    def test_time_brings_the_next_turn(self, kept: Kept) -> None:
        kept.store.take("nalog", PACE, 0)
        kept.later(101)
        assert kept.store.take("nalog", PACE, 0) == Turn(0)

    def test_the_pace_alone_does_not_shut_a_provider(self, kept: Kept) -> None:
        for _ in range(3):
            kept.store.take("nalog", PACE, EVER)
        assert kept.store.look("nalog", PACE) is None

    def test_a_cooling_provider_gives_no_turn(self, kept: Kept) -> None:
        assert kept.store.cool("nalog", PACE) == near(1000)
        closed = Shut(Why.COOLING, near(1000))  # type: ignore[arg-type]  # compares as a number
        assert kept.store.take("nalog", PACE, EVER) == closed
        assert kept.store.look("nalog", PACE) == closed
        assert kept.store.look("apifns", PACE) is None

    def test_after_the_cool_down_one_probe_goes_ahead(self, kept: Kept) -> None:
        kept.store.cool("nalog", PACE)
        kept.later(1001)
        assert kept.store.look("nalog", PACE) is None
        assert kept.store.take("nalog", PACE, 0) == Turn(0, probe=True)
        probing = Shut(Why.PROBING, near(300))  # type: ignore[arg-type]  # compares as a number
        assert kept.store.take("nalog", PACE, EVER) == probing
        assert kept.store.look("nalog", PACE) == probing

    def test_a_probe_that_said_nothing_is_followed_by_another(self, kept: Kept) -> None:
        kept.store.cool("nalog", PACE)
        kept.later(1001)
        kept.store.take("nalog", PACE, 0)
        kept.later(301)
        assert kept.store.take("nalog", PACE, 0) == Turn(0, probe=True)

    def test_a_good_probe_opens_the_provider_to_all(self, kept: Kept) -> None:
        kept.store.cool("nalog", AT_ONCE)
        kept.later(1001)
        kept.store.take("nalog", AT_ONCE, 0)
        kept.store.clear("nalog")
        assert [kept.store.take("nalog", AT_ONCE, 0) for _ in range(2)] == [Turn(0), Turn(0)]

    def test_a_good_probe_does_not_undo_what_closed_the_provider_meanwhile(self, kept: Kept) -> None:
        kept.store.cool("nalog", AT_ONCE)
        kept.later(1001)
        kept.store.take("nalog", AT_ONCE, 0)
        kept.store.cool("nalog", AT_ONCE)
        kept.store.clear("nalog")
        kept.later(2001)
        assert kept.store.take("nalog", AT_ONCE, 0) == Turn(0, probe=True)

    def test_of_many_workers_one_gets_the_probe(self, kept: Kept) -> None:
        kept.store.cool("nalog", AT_ONCE)
        kept.later(1001)
        turns = at_once(lambda _: kept.store.take("nalog", AT_ONCE, 0), 16)
        assert [turn for turn in turns if isinstance(turn, Turn)] == [Turn(0, probe=True)]

    def test_cool_downs_in_vain_double_up_to_a_bound_and_clearing_begins_anew(self, kept: Kept) -> None:
        lengths = []
        for _ in range(4):
            lengths.append(kept.store.cool("nalog", PACE))
            kept.later(lengths[-1] + 1)
            kept.store.take("nalog", PACE, 0)
        assert lengths == [near(1000), near(2000), near(3600), near(3600)]
        kept.store.clear("nalog")
        assert kept.store.cool("nalog", PACE) == near(1000)

    def test_workers_that_fail_together_cool_once(self, kept: Kept) -> None:
        lengths = at_once(lambda _: kept.store.cool("nalog", PACE), 16)
        assert list(lengths) == [near(1000)] * 16

    @pytest.mark.parametrize(
        ("at_least", "length"), [(5000, 5000), (10, 1000)], ids=["longer than the cool-down", "shorter"]
    )
    def test_the_provider_may_ask_for_a_longer_rest(self, kept: Kept, at_least: float, length: float) -> None:
        assert kept.store.cool("nalog", PACE, at_least) == near(length)
        assert kept.store.cool("nalog", PACE, 7000) == near(7000)

    def test_without_a_cool_down_nothing_closes_unless_the_provider_asks_for_it(self, kept: Kept) -> None:
        none = Pace(min_interval=0, cooldown=0, daily_limit=0, probe_lease=300)
        assert kept.store.cool("nalog", none) == 0
        assert kept.store.take("nalog", none, 0) == Turn(0)
        assert kept.store.cool("nalog", none, 60) == near(60)

    def test_a_probe_in_vain_does_not_shut_the_provider_where_there_is_no_cool_down(self, kept: Kept) -> None:
        none = Pace(min_interval=0, cooldown=0, daily_limit=0, probe_lease=300)
        kept.store.cool("nalog", none, 60)
        kept.later(61)
        for _ in range(2):
            assert kept.store.take("nalog", none, 0) == Turn(0, probe=True)
            assert kept.store.cool("nalog", none) == 0
            assert kept.store.look("nalog", none) is None

    def test_clearing_what_nobody_knows_changes_nothing(self, kept: Kept) -> None:
        kept.store.clear("nalog")
        assert kept.store.take("nalog", PACE, 0) == Turn(0)

    def test_the_days_limit_holds_until_the_next_day(self, kept: Kept) -> None:
        limited = Pace(min_interval=0, cooldown=1000, daily_limit=3, probe_lease=300)
        turns = at_once(lambda _: kept.store.take("nalog", limited, 0), 12)
        assert len([turn for turn in turns if isinstance(turn, Turn)]) == 3
        shut = kept.store.look("nalog", limited)
        assert shut is not None
        assert shut.why is Why.DAILY_LIMIT
        assert 0 < shut.reopens_in <= 24 * HOUR
        assert kept.store.take("nalog", limited, EVER) == Shut(Why.DAILY_LIMIT, near(shut.reopens_in))  # type: ignore[arg-type]  # compares as a number
        kept.later(24 * HOUR)
        assert kept.store.look("nalog", limited) is None
        assert kept.store.take("nalog", limited, 0) == Turn(0)


def wait_of(turn: Turn | Shut) -> float:
    assert isinstance(turn, Turn)
    return turn.wait
