from typing import Any

import pytest

from function.rate_limit import DenialReason, Denied, Permit, RateLimit, moscow_day, seconds_to_midnight
from tests.adapters.mongodb.conftest import Place
from tests.contracts.rate_limiter import denied
from tests.contracts.stores import StoreHarness

LIMIT = RateLimit(min_interval=100, cooldown=1000, daily_limit=3, probe_lease=300)


@pytest.mark.parametrize(
    ("stored", "result"),
    [
        ({"closed_until": 500, "level": 1}, denied(DenialReason.COOLING_DOWN, 500)),
        ({"closed_until": -1, "level": 2}, Permit(probe=True)),
        ({"closed_until": -1, "level": 2, "probe_until": 200}, denied(DenialReason.HALF_OPEN, 200)),
        # Earlier versions gave permits for later.
        ({"next_free": 400, "slot": 300, "taken": True, "now": 0}, denied(DenialReason.PACED, 400)),
        ({"day": "today", "count": 2}, Permit()),
        ({"day": "today", "count": 3}, DenialReason.DAILY_LIMIT),
        ({}, Permit()),
    ],
    ids=str,
)
def test_the_state_that_an_earlier_version_left_is_understood(
    place: Place, harness: StoreHarness, stored: dict[str, Any], result: Permit | Denied | DenialReason
) -> None:
    now = harness.started.timestamp()
    if result is DenialReason.DAILY_LIMIT:
        result = denied(result, seconds_to_midnight(now))
    times: dict[str, Any] = {
        name: now + stored[name] for name in ("closed_until", "probe_until", "next_free") if name in stored
    }
    day = {"day": moscow_day(now)} if "day" in stored else {}
    place.raw["providers"].insert_one({"_id": "nalog", **stored, **times, **day})
    assert harness.store.acquire("nalog", LIMIT) == result
    after = place.raw["providers"].find_one({"_id": "nalog"}) or {}
    if isinstance(result, Permit):
        assert {"next_free", "closed_until", "level", "probe_until", "day", "count"} <= after.keys()
        assert after["count"] == stored.get("count", 0) + 1
