from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pamqp import encode

from adapters.rabbitmq.messages import (
    ATTEMPTS,
    MAX_HEADERS_BYTES,
    PARKED_AT,
    REASON,
    Delivery,
    Message,
    Properties,
    copy_to,
    portable,
    unrouted,
)
from adapters.rabbitmq.topology import Names

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEPT = {
    "content_type": "application/json",
    "content_encoding": "utf-8",
    "correlation_id": "c-1",
    "reply_to": "customer",
    "message_id": "m-1",
    "timestamp": NOW,
    "message_type": "t",
    "app_id": "a",
}
PAST = {"x-death": [{"count": 2}], "inn-attempts": 5, "CC": ["other"], "x-delivery-count": 1, "ce-id": "e-1"}


def delivery(**changes: object) -> Delivery:
    properties = Properties(**{**KEPT, "headers": PAST, **changes})  # type: ignore[arg-type]  # by name
    return Delivery(1, properties, b"body", 0.0)


def test_a_request_that_is_passed_on_keeps_what_is_its_own_and_its_tries() -> None:
    message = copy_to(
        "inn.retry", delivery(delivery_mode=1, user_id="u", expiration="1000", priority=3), "bad_reply", {ATTEMPTS: 2}
    )
    assert message == _message("inn.retry", {"ce-id": "e-1", "inn-attempts": 2}, "bad_reply")


def test_a_parked_message_says_why_and_when() -> None:
    facts = {"inn-attempts": 3, "inn-reason": "bad_reply", "inn-parked-at": "2026-01-02T03:04:05+00:00"}
    assert copy_to("inn.dead", delivery(), "bad_reply", facts) == _message(
        "inn.dead", {"ce-id": "e-1", **facts}, "bad_reply"
    )


def test_a_replayed_message_has_no_past() -> None:
    assert copy_to("inn", delivery(), "replayed", {}) == _message("inn", {"ce-id": "e-1"}, "replayed")


@pytest.mark.parametrize(("size", "kept"), [(MAX_HEADERS_BYTES, True), (MAX_HEADERS_BYTES + 1, False)])
def test_a_clients_headers_go_along_while_they_leave_room_for_ours(size: int, kept: bool) -> None:  # noqa: FBT001  # a row of a table
    large = {"a": "x" * (size - len(encode.field_table({"a": ""})))}
    message = copy_to("inn.retry", delivery(headers=large), "bad_reply", {ATTEMPTS: 2})
    assert message.properties.headers == {**(large if kept else {}), "inn-attempts": 2}


def test_headers_that_would_be_empty_are_none() -> None:
    assert copy_to("inn", delivery(headers=None), "replayed", {}).properties.headers is None


def test_a_reply_to_that_the_broker_would_take_for_ours_stays_behind() -> None:
    assert copy_to("inn", delivery(reply_to="amq.rabbitmq.reply-to"), "replayed", {}).properties.reply_to is None


def test_a_reply_that_nobody_took_says_whose_it_was() -> None:
    reply = Message("customer", Properties(correlation_id="c-1", headers={"ce-id": "e-1"}), b"reply")
    kept = unrouted(reply, Names("inn"), "unroutable")
    assert (kept.queue, kept.body, kept.moved) == ("inn.unrouted", b"reply", "unroutable")
    assert kept.properties.correlation_id == "c-1"
    assert kept.properties.reply_to is None
    assert kept.properties.headers == {"ce-id": "e-1", "inn-reply-to": "customer", "inn-reason": "unroutable"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            pytest.param(value, value, id=repr(value))
            for value in (None, True, 5, -(2**63), "я", 1.5, NOW, bytearray(b"x"))
        ),
        pytest.param(2**64, str(2**64), id="an integer of more than 64 bits"),
        pytest.param(1e300, "1e+300", id="a float of double precision"),
        pytest.param(b"\xff", bytearray(b"\xff"), id="bytes"),
        pytest.param(Decimal("1.25"), "1.25", id="a decimal"),
        pytest.param([b"x", {"a": 2**70}], [bytearray(b"x"), {"a": str(2**70)}], id="what lists and tables hold"),
    ],
)
def test_a_header_that_cannot_be_written_is_written_as_text(value: object, expected: object) -> None:
    assert portable(value) == expected
    Properties(headers={"h": expected}).marshal()  # type: ignore[dict-item]  # that it can be written is the point


def _message(queue: str, headers: dict[str, object], why: str) -> Message:
    properties = Properties(**{**KEPT, "delivery_mode": 2, "headers": headers})  # type: ignore[arg-type]  # by name
    return Message(queue, properties, b"body", why)


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
    assert delivery(headers=headers).attempts("inn.retry") == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-death": [{"queue": "inn.lookup", "reason": "delivery_limit", "count": 1}, RETURNED]}, "delivery_limit"),
        ({}, ""),
        ({"x-death": [{"reason": 7}]}, ""),
    ],
)
def test_why_the_broker_parked_a_message(headers: dict[str, object], expected: str) -> None:
    assert delivery(headers=headers).death() == (expected, "")


OURS_AND_THE_BROKERS = (
    ATTEMPTS, REASON, PARKED_AT, "CC", "BCC", "x-death", "x-first-death-queue", "x-last-death-reason", "x-delivery-count",
)  # fmt: skip


@pytest.mark.parametrize("name", OURS_AND_THE_BROKERS)
def test_what_stays_behind(name: str) -> None:
    message = copy_to("inn", delivery(headers={name: "x", "ce-id": "1"}), "replayed", {})
    assert message.properties.headers == {"ce-id": "1"}
