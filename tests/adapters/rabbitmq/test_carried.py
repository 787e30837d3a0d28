import pytest

from adapters.rabbitmq.carried import ATTEMPTS, PARKED_AT, REASON, attempts, death_reason, travelling

RETURNED = {"queue": "inn.retry", "reason": "expired", "count": 1}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, 0, id="a first try has none behind it"),
        pytest.param({"x-death": [RETURNED]}, 1, id="the broker's count"),
        pytest.param({ATTEMPTS: 2}, 2, id="the count carried"),
        pytest.param({ATTEMPTS: 2, "x-death": [RETURNED]}, 3, id="carried and counted since"),
        pytest.param({"x-death": [{**RETURNED, "count": 5}]}, 5, id="more returns than one"),
        pytest.param({"x-death": [{**RETURNED, "queue": "other"}]}, 0, id="another queue's returns"),
        pytest.param({"x-death": [{**RETURNED, "reason": "rejected"}]}, 0, id="another reason"),
        pytest.param({"x-death": "nonsense", ATTEMPTS: "many"}, 0, id="nonsense counts nothing"),
        pytest.param({"x-death": ["nonsense", RETURNED]}, 1, id="nonsense beside a count"),
        pytest.param({ATTEMPTS: -4, "x-death": [{**RETURNED, "count": 10**9}]}, 0, id="absurd counts"),
    ],
)
def test_attempts(headers: dict[str, object], expected: int) -> None:
    assert attempts(headers, "inn.retry") == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-death": [{"queue": "inn.lookup", "reason": "delivery_limit", "count": 1}, RETURNED]}, "delivery_limit"),
        ({}, ""),
        ({"x-death": [{"reason": 7}]}, ""),
    ],
)
def test_why_the_broker_parked_a_message(headers: dict[str, object], expected: str) -> None:
    assert death_reason(headers) == expected


@pytest.mark.parametrize(
    "name",
    [
        ATTEMPTS,
        REASON,
        PARKED_AT,
        "CC",
        "BCC",
        "x-death",
        "x-first-death-queue",
        "x-last-death-reason",
        "x-delivery-count",
    ],
)
def test_what_stays_behind(name: str) -> None:
    assert travelling({name: "x", "ce-id": "1"}) == {"ce-id": "1"}
