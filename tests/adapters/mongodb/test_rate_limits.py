from typing import Any

import pytest

from function.rate_limit import DenialReason, Denied, Permit, RateLimit, moscow_day
from tests.adapters.mongodb.conftest import Place
from tests.contracts.stores import StoreHarness

LIMIT = RateLimit(min_interval=100, cooldown=1000, daily_limit=0, probe_lease=300)
DAILY = RateLimit(min_interval=0, cooldown=0, daily_limit=3, probe_lease=300)


@pytest.mark.parametrize(
    ("fields", "limit", "result"),
    [
        ({"closed_until": 500, "level": 1}, LIMIT, Denied(DenialReason.COOLING_DOWN, 500)),
        ({"closed_until": -1, "level": 2}, LIMIT, Permit(probe=True)),
        ({"closed_until": -1, "level": 2, "probe_until": 200}, LIMIT, Denied(DenialReason.HALF_OPEN, 200)),
        # Earlier versions gave permits for later.
        ({"next_free": 400, "slot": 300, "taken": True, "now": 0}, LIMIT, Denied(DenialReason.PACED, 400)),
        ({"day": "today", "count": 2}, DAILY, Permit()),
        ({"day": "today", "count": 3}, DAILY, DenialReason.DAILY_LIMIT),
        ({}, LIMIT, Permit()),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_the_state_that_an_earlier_version_left_is_understood(
    place: Place,
    harness: StoreHarness,
    fields: dict[str, Any],
    limit: RateLimit,
    result: Permit | Denied | DenialReason,
) -> None:
    now = harness.started.timestamp()
    times: dict[str, Any] = {
        name: now + fields[name] for name in ("closed_until", "probe_until", "next_free") if name in fields
    }
    day = {"day": moscow_day(now)} if "day" in fields else {}
    place.raw["providers"].insert_one({"_id": "nalog", **fields, **times, **day})
    acquired = harness.store.acquire("nalog", limit)
    if isinstance(acquired, Permit):
        assert acquired == result
        after = place.raw["providers"].find_one({"_id": "nalog"})
        assert after is not None
        assert {"next_free", "closed_until", "level", "probe_until", "day", "count"} <= after.keys()
        assert after["count"] == fields.get("count", 0) + 1
    else:
        reason, within = (result.reason, result.retry_after) if isinstance(result, Denied) else (result, None)
        assert acquired.reason is reason
        assert within is None or within - 20 < acquired.retry_after <= within
