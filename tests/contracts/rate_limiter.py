import pytest

from function.rate_limit import DenialReason, Denied, Permit, RateLimit
from tests.contracts.stores import StoreHarness, at_once

PACED = RateLimit(min_interval=100, cooldown=1000, daily_limit=0, probe_lease=300)
UNPACED = RateLimit(min_interval=0, cooldown=1000, daily_limit=0, probe_lease=300)
# A store on a server's clock does not stand still between two calls: a machine under load may take this long.
SLACK = 20
HOUR = 3600


def near(seconds: float) -> object:
    return pytest.approx(seconds, abs=SLACK)


def denied(reason: DenialReason, retry_after: float) -> Denied:
    return Denied(reason, near(retry_after))  # type: ignore[arg-type]  # compares as a number


class RateLimiterContract:
    """What every RateLimiter promises: `rate_limit`, shared. Intervals are long, so that the test's own time is nothing."""

    def test_the_next_permit_comes_after_the_interval_and_a_denial_takes_nothing(self, harness: StoreHarness) -> None:
        assert harness.store.check("nalog", PACED) is None
        for _ in range(2):
            assert harness.store.acquire("nalog", PACED) == Permit()
            for _ in range(2):
                assert harness.store.acquire("nalog", PACED) == denied(DenialReason.PACED, 100)
            assert harness.store.check("nalog", PACED) is None, "the pace alone does not close a provider"
            harness.store.recover("apifns")
            assert harness.store.acquire("apifns", PACED) == Permit(), "providers do not share their permits"
            harness.later(101)

    def test_of_many_workers_one_gets_the_permit_and_one_the_probe(self, harness: StoreHarness) -> None:
        results = at_once(lambda _: harness.store.acquire("nalog", PACED), 48)
        assert [result for result in results if isinstance(result, Permit)] == [Permit()]
        assert results.count(denied(DenialReason.PACED, 100)) == 47
        harness.store.cool_down("nalog", PACED)
        harness.later(1001)
        results = at_once(lambda _: harness.store.acquire("nalog", PACED), 16)
        assert [result for result in results if isinstance(result, Permit)] == [Permit(probe=True)]

    def test_after_a_cool_down_without_permits_one_probe_goes_ahead_and_closes_the_circuit(
        self, harness: StoreHarness
    ) -> None:
        assert harness.store.cool_down("nalog", PACED) == near(1000)
        assert harness.store.acquire("nalog", PACED) == denied(DenialReason.COOLING_DOWN, 1000)
        assert harness.store.check("nalog", PACED) == denied(DenialReason.COOLING_DOWN, 1000)
        assert harness.store.check("apifns", PACED) is None
        harness.later(1001)
        assert harness.store.check("nalog", PACED) is None
        assert harness.store.acquire("nalog", PACED) == Permit(probe=True)
        assert harness.store.acquire("nalog", PACED) == denied(DenialReason.HALF_OPEN, 300)
        assert harness.store.check("nalog", PACED) == denied(DenialReason.HALF_OPEN, 300)
        harness.later(301)
        assert harness.store.acquire("nalog", UNPACED) == Permit(probe=True), "the first had no result"
        harness.store.recover("nalog")
        assert [harness.store.acquire("nalog", UNPACED) for _ in range(2)] == [Permit(), Permit()]

    def test_a_probe_that_succeeds_does_not_close_a_circuit_that_was_opened_meanwhile(
        self, harness: StoreHarness
    ) -> None:
        harness.store.cool_down("nalog", UNPACED)
        harness.later(1001)
        harness.store.acquire("nalog", UNPACED)
        harness.store.cool_down("nalog", UNPACED)
        harness.store.recover("nalog")
        harness.later(2001)
        assert harness.store.acquire("nalog", UNPACED) == Permit(probe=True)

    def test_cool_downs_in_a_row_double_up_to_a_bound_and_a_recovery_begins_anew(self, harness: StoreHarness) -> None:
        lengths = []
        for _ in range(4):
            lengths.append(harness.store.cool_down("nalog", PACED))
            harness.later(lengths[-1] + 1)
            harness.store.acquire("nalog", PACED)
        assert lengths == [near(1000), near(2000), near(3600), near(3600)]
        harness.store.recover("nalog")
        assert harness.store.cool_down("nalog", PACED) == near(1000)

    def test_workers_that_fail_together_cool_down_once(self, harness: StoreHarness) -> None:
        lengths = at_once(lambda _: harness.store.cool_down("nalog", PACED), 16)
        assert list(lengths) == [near(1000)] * 16
        harness.later(1001)
        assert harness.store.cool_down("nalog", PACED) == near(2000)

    def test_the_provider_may_ask_for_a_longer_cool_down(self, harness: StoreHarness) -> None:
        for at_least, length in ((10, 1000), (5000, 5000), (7000, 7000)):
            assert harness.store.cool_down("nalog", PACED, at_least) == near(length)

    def test_without_limits_nothing_opens_but_what_the_provider_asks_for_and_no_failed_probe(
        self, harness: StoreHarness
    ) -> None:
        none = RateLimit(min_interval=0, cooldown=0, daily_limit=0, probe_lease=300)
        assert harness.store.cool_down("nalog", none) == 0
        assert [harness.store.acquire("nalog", none) for _ in range(5)] == [Permit()] * 5
        assert harness.store.cool_down("nalog", none, 60) == near(60)
        harness.later(61)
        for _ in range(2):
            assert harness.store.acquire("nalog", none) == Permit(probe=True)
            assert harness.store.cool_down("nalog", none) == 0
            assert harness.store.check("nalog", none) is None

    def test_the_daily_limit_holds_until_the_next_day(self, harness: StoreHarness) -> None:
        limited = RateLimit(min_interval=0, cooldown=1000, daily_limit=3, probe_lease=300)
        results = at_once(lambda _: harness.store.acquire("nalog", limited), 12)
        assert results.count(Permit()) == 3
        denial = harness.store.check("nalog", limited)
        assert denial is not None
        assert denial.reason is DenialReason.DAILY_LIMIT
        assert 0 < denial.retry_after <= 24 * HOUR
        assert harness.store.acquire("nalog", limited) == denied(DenialReason.DAILY_LIMIT, denial.retry_after)
        harness.later(24 * HOUR)
        assert harness.store.check("nalog", limited) is None
        assert harness.store.acquire("nalog", limited) == Permit()
