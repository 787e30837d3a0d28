import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pamqp import encode

from adapters.rabbitmq.messages import (
    ATTEMPTS,
    MAX_HEADERS_BYTES,
    PARKED_AT,
    REASON,
    THROTTLED,
    Delivery,
    Message,
    Properties,
    build_copy,
    decode,
    encode_reply,
    portable,
    read_count,
    unrouted,
)
from adapters.rabbitmq.topology import QueueNames
from adapters.runtime.clock import SystemClock
from function.event import Mode
from function.outcomes import Rejected
from function.result import LookupResult

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BODY = b'{"requestId": "r-1"}'
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER_TRACE = f"00-{'4b' * 16}-{'5c' * 8}-00"
ATTRIBUTES = {"specversion": "1.0", "id": "e-1", "source": "/customer", "type": "inn.lookup.requested"}
REPLY = {"requestId": "r-1", "inn": "", "cached": True, "details": "", "elapsedTime": 0.25, "status": "not_found"}
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def delivery(body: bytes = BODY, **properties: object) -> Delivery:
    return Delivery(7, Properties(**{"reply_to": "customer", **properties}), body, 0.0)  # type: ignore[arg-type]  # by name


def binary(prefix: str = "ce-", **attributes: object) -> dict[str, object]:
    return {f"{prefix}{name}": value for name, value in {**ATTRIBUTES, **attributes}.items()}


def structured(**attributes: object) -> bytes:
    return json.dumps({**ATTRIBUTES, "data": {"requestId": "r-1"}, **attributes}).encode()


def answered(message: Delivery, request_id: str = "r-1") -> tuple[Properties, dict[str, object]]:
    result = LookupResult.model_validate({**REPLY, "requestId": request_id})
    sent = encode_reply(message, decode(message), result, "m-1", NOW)
    assert sent.queue == "customer"
    return sent.properties, json.loads(sent.body)


@pytest.mark.parametrize(
    ("message", "data", "mode", "event_id", "trace"),
    [
        pytest.param(delivery(headers={"x": 0}), BODY, Mode.PLAIN, "", "", id="plain JSON is left to the core"),
        pytest.param(delivery(headers={"traceparent": TRACE}), BODY, Mode.PLAIN, "", TRACE, id="plain, with a trace"),
        pytest.param(delivery(headers={"traceparent": "x"}), BODY, Mode.PLAIN, "", "", id="plain, with a wrong trace"),
        pytest.param(Delivery(1, Properties(), b"", 0.0), b"", Mode.PLAIN, "", "", id="no properties at all"),
        *(
            pytest.param(
                delivery(headers=binary(prefix, traceparent=TRACE), content_type=content_type),
                *(BODY, Mode.BINARY, "e-1", TRACE),
                id=f"binary by {prefix}, {content_type}",
            )
            for prefix, content_type in (
                ("ce-", None), ("cloudEvents:", "application/json"), ("cloudEvents_", "application/json; charset=utf-8"),
            )
        ),
        pytest.param(
            delivery(structured(traceparent=TRACE), content_type=f"{STRUCTURED}; charset=utf-8"),
            *({"requestId": "r-1"}, Mode.STRUCTURED, "e-1", TRACE),
            id="structured",
        ),
    ],
)  # fmt: skip
def test_a_request_is_read_in_each_mode(message: Delivery, data: object, mode: Mode, event_id: str, trace: str) -> None:
    event = decode(message)
    assert (event.data, event.mode, event.id, event.traceparent) == (data, mode, event_id, trace)
    assert (message.returns, read_count(message.headers, THROTTLED)) == (0, 0)


@pytest.mark.parametrize(
    ("message", "mode", "event_id"),
    [
        pytest.param(delivery(headers={"ce-id": "e-1"}), Mode.BINARY, "e-1", id="attributes missing"),
        pytest.param(delivery(b"\xff", content_type=STRUCTURED), Mode.STRUCTURED, "", id="not JSON"),
        pytest.param(delivery(b"[]", content_type=BATCH), Mode.STRUCTURED, "", id="batch"),
        pytest.param(delivery(b" " * 70_000), Mode.PLAIN, "", id="too long"),
        pytest.param(delivery(b" " * 70_000, headers=binary()), Mode.BINARY, "", id="too long an event"),
    ],
)
def test_what_is_no_request_says_what_was_expected(message: Delivery, mode: Mode, event_id: str) -> None:
    event = decode(message)
    rejected = event.request(SystemClock())
    assert isinstance(rejected, Rejected)
    assert (rejected.request_id, event.mode, event.id) == (None, mode, event_id)
    assert str(rejected.errors[0]).startswith("expected")


@pytest.mark.parametrize(
    ("own", "traced"),
    [
        pytest.param({}, TRACE, id="none of its own"),
        pytest.param({"traceparent": "garbage"}, TRACE, id="a wrong one of its own"),
        pytest.param({"traceparent": OTHER_TRACE}, OTHER_TRACE, id="one of its own, which goes first"),
    ],
)
def test_the_plain_header_stands_for_the_trace_of_an_event(own: dict[str, str], traced: str) -> None:
    header = {"traceparent": TRACE}
    in_binary = decode(delivery(headers={**binary("ce-", **own), **header}))
    in_structured = decode(delivery(structured(**own), headers=header, content_type=STRUCTURED))
    assert (in_binary.traceparent, in_structured.traceparent) == (traced, traced)


def test_a_plain_reply() -> None:
    properties, body = answered(delivery(correlation_id="c-1", headers={"traceparent": TRACE}))
    assert body == REPLY
    assert properties == Properties(
        content_type="application/json",
        correlation_id="c-1",
        delivery_mode=2,
        headers={"traceparent": TRACE},
        message_id="m-1",
        message_type="inn.lookup.completed",
        timestamp=NOW,
    )


@pytest.mark.parametrize("prefix", ["ce-", "cloudEvents:"])
def test_a_reply_in_binary_mode(prefix: str) -> None:
    properties, body = answered(delivery(headers=binary(prefix, traceparent=TRACE)))
    assert (body, properties.content_type) == (REPLY, "application/json")
    own = {"id": "m-1", "source": "/inn", "type": "inn.lookup.completed", "time": NOW.isoformat()}
    assert properties.headers == binary(prefix, **own, correlationid="e-1", traceparent=TRACE)


def test_a_reply_in_structured_mode() -> None:
    properties, body = answered(delivery(structured(), content_type=STRUCTURED))
    assert properties.content_type == STRUCTURED
    assert (body["correlationid"], body["data"]) == ("e-1", REPLY)


@pytest.mark.parametrize(
    ("request_id", "expected"),
    [
        pytest.param("r-1", "r-1", id="the request's id"),
        pytest.param("ы" * 127, "ы" * 127, id="254 bytes"),
        pytest.param("ы" * 128, None, id="256 bytes have no room"),
        pytest.param("", "", id="no id at all"),
    ],
)
def test_the_correlation_id_where_the_request_had_none(request_id: str, expected: str | None) -> None:
    properties, body = answered(delivery(), request_id)
    assert (properties.correlation_id, body["requestId"]) == (expected, request_id)


KEPT = {
    "content_type": "application/json", "content_encoding": "utf-8", "correlation_id": "c-1", "reply_to": "customer",
    "message_id": "m-1", "timestamp": NOW, "message_type": "t", "app_id": "a",
}  # fmt: skip
OURS_AND_THE_BROKERS = (
    ATTEMPTS, THROTTLED, REASON, PARKED_AT, "CC", "BCC", "x-death", "x-first-death-queue", "x-last-death-reason",
    "x-delivery-count", "x-acquired-count",
)  # fmt: skip


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({ATTEMPTS: 3, REASON: "bad_reply", PARKED_AT: NOW.isoformat()}, id="parked, with why and when"),
        pytest.param({}, id="replayed, without a past"),
    ],
)
def test_a_copy_keeps_what_is_the_clients_own(facts: dict[str, object]) -> None:
    past = dict.fromkeys(OURS_AND_THE_BROKERS, "x")
    theirs: dict[str, Any] = {**KEPT, "delivery_mode": 1, "user_id": "u", "expiration": "1000", "priority": 3}
    message = build_copy(
        "inn.retry", delivery(**theirs, headers={**past, "ce-id": "e-1"}), "why", {**facts, THROTTLED: 0}
    )
    kept = Properties(**{**KEPT, "delivery_mode": 2, "headers": {"ce-id": "e-1", **facts}})  # type: ignore[arg-type]  # by name
    assert message == Message("inn.retry", kept, BODY, "why")


@pytest.mark.parametrize(("size", "kept"), [(MAX_HEADERS_BYTES, True), (MAX_HEADERS_BYTES + 1, False)])
def test_a_clients_headers_go_along_while_they_leave_room_for_ours(size: int, kept: bool) -> None:  # noqa: FBT001  # a row of a table
    large = {"a": "x" * (size - len(encode.field_table({"a": ""})))}
    message = build_copy("inn.retry", delivery(headers=large), "bad_reply", {ATTEMPTS: 2})
    assert message.properties.headers == {**(large if kept else {}), "inn-attempts": 2}


def test_empty_headers_are_none_and_a_reply_to_that_the_broker_would_take_for_ours_stays_behind() -> None:
    copy = build_copy("inn", delivery(headers=None, reply_to="amq.rabbitmq.reply-to"), "replayed", {}).properties
    assert (copy.headers, copy.reply_to) == (None, None)


def test_a_reply_that_nobody_took_says_whose_it_was() -> None:
    reply = Message("customer", Properties(correlation_id="c-1", headers={"ce-id": "e-1"}), b"reply")
    headers = {"ce-id": "e-1", "inn-reply-to": "customer", "inn-reason": "unroutable"}
    kept = Properties(correlation_id="c-1", delivery_mode=2, headers=headers)  # type: ignore[arg-type]  # a table
    assert unrouted(reply, QueueNames("inn"), "unroutable") == Message("inn.unrouted", kept, b"reply", "unroutable")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((same, same) for same in (None, True, -(2**63), "я", 1.5, NOW, bytearray(b"x"), Decimal("1.25"))),
        pytest.param(2**64, str(2**64), id="an integer of more than 64 bits"),
        pytest.param(1e300, "1e+300", id="a float of double precision"),
        pytest.param(Decimal("1E-300"), "1E-300", id="a decimal with too many places"),
        pytest.param([b"x", {"a": 2**70}], [bytearray(b"x"), {"a": str(2**70)}], id="what lists and tables hold"),
    ],
)
def test_a_header_that_cannot_be_written_is_written_as_text(value: object, expected: object) -> None:
    assert portable(value) == expected
    Properties(headers={"h": expected}).marshal()  # type: ignore[dict-item]  # that it can be written is the point


RETURNED = {"queue": "inn.retry", "reason": "expired", "count": 1}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, 0, id="a first try has none behind it"),
        pytest.param({"x-death": [RETURNED]}, 1, id="the broker's count"),
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


DELIVERY_LIMIT = {"queue": "inn.lookup", "reason": "delivery_limit", "count": 1}


@pytest.mark.parametrize(
    ("headers", "reason", "returns"),
    [
        pytest.param({"x-death": [DELIVERY_LIMIT, RETURNED], "x-delivery-count": 3}, "delivery_limit", 3, id="parked"),
        pytest.param({"x-death": [{"reason": 7}], "x-delivery-count": "3"}, "", 0, id="nonsense"),
    ],
)
def test_why_the_broker_parked_a_message_and_how_often_it_came_back(
    headers: dict[str, object], reason: str, returns: int
) -> None:
    assert (delivery(headers=headers).death(), delivery(headers=headers).returns) == ((reason, ""), returns)
