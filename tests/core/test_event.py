import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from function.event import (
    Event,
    InvalidEvent,
    Mode,
    TooManyEvents,
    decode_attribute,
    from_batch,
    from_binary,
    from_plain,
    from_structured,
    is_json,
    reply_attributes,
    structured_reply,
)
from function.outcomes import FieldError, Rejected
from function.request import Json
from function.result import result_of

ATTRIBUTES = {"specversion": "1.0", "id": "e-1", "source": "/client", "type": "inn.lookup.requested"}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DATA = b'{"requestId":"r-1"}'
BASE64 = b64encode(DATA).decode()
PARSED = {"requestId": "r-1"}
TYPE = "application/json"


def parts(event: Event | InvalidEvent) -> tuple[str, bytes | Json | Rejected, str, Mode]:
    assert isinstance(event, Event)
    return event.id, event.data, event.traceparent, event.mode


def attributes(**changes: Any) -> dict[str, Any]:
    """Those of an event, with these otherwise; one that is `...` is left out."""
    return {name: value for name, value in {**ATTRIBUTES, **changes}.items() if value is not ...}


def structured(**changes: Any) -> bytes:
    return json.dumps(attributes(**{"datacontenttype": TYPE, "data": PARSED, **changes})).encode()


READ = {
    "binary hands the data on as it came":
        (from_binary({**ATTRIBUTES, "traceparent": TRACEPARENT}, DATA, TYPE), ("e-1", DATA, TRACEPARENT, Mode.BINARY)),
    "binary without a type is JSON": (from_binary(ATTRIBUTES, DATA, ""), ("e-1", DATA, "", Mode.BINARY)),
    "structured hands the data on decoded":
        (from_structured(structured(traceparent=TRACEPARENT)), ("e-1", PARSED, TRACEPARENT, Mode.STRUCTURED)),
    "structured without a type":
        (from_structured(structured(datacontenttype=None)), ("e-1", PARSED, "", Mode.STRUCTURED)),
    "structured in base64":
        (from_structured(structured(data=..., data_base64=BASE64)), ("e-1", DATA, "", Mode.STRUCTURED)),
    "plain, behind a byte order mark": (from_plain(b"\xef\xbb\xbf" + DATA), ("", PARSED, "", Mode.PLAIN)),
    "plain is no JSON, which the request says": (from_plain(b"nonsense"), ("", b"nonsense", "", Mode.PLAIN)),
    "plain is no object": (from_plain(b"[]"), ("", [], "", Mode.PLAIN)),
    "an event under the request's media type": (from_plain(structured()), ("e-1", PARSED, "", Mode.STRUCTURED)),
}  # fmt: skip


@pytest.mark.parametrize(("event", "expected"), READ.values(), ids=READ)
def test_an_event_is_read_in_each_mode(event: Event, expected: tuple[object, ...]) -> None:
    assert parts(event) == expected


@pytest.mark.parametrize(
    "content_type",
    [TYPE, "text/json", "Application/CloudEvents+JSON; charset=utf-8", "application/vnd.a_b!c+json", "a#1/json"],
)
def test_json_by_any_name_is_json_in_every_mode(content_type: str) -> None:
    assert is_json(content_type)
    assert from_binary(ATTRIBUTES, DATA, content_type).data == DATA
    assert parts(from_structured(structured(datacontenttype=content_type)))[1] == PARSED


@pytest.mark.parametrize("content_type", ["application/json5", "json", "text/plain", "a b/json"])
def test_data_of_another_type_is_none_in_any_mode(content_type: str) -> None:
    assert not is_json(content_type)
    with pytest.raises(InvalidEvent, match="content type application/json"):
        from_binary(ATTRIBUTES, DATA, content_type)
    with pytest.raises(InvalidEvent, match="content type application/json"):
        from_structured(structured(datacontenttype=content_type))


VALUES = {
    "plain": (b"e-1", "e-1"),
    "empty": (b"", ""),
    "percent-encoded UTF-8": (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
    "a lone percent sign": (b"100%", "100%"),
    "decoded once": (b"%2565", "%65"),
    "UTF-8 as it is": ("Euro €".encode(), "Euro €"),
    "quoted": (b'"e 1"', "e 1"),
    "quoted with escapes": (rb'"say \"e\\1\""', r'say "e\1"'),
    "unquoted before it is decoded": (b'"%22e%22"', '"e"'),
    "a quote that is not closed": (b'"e-1', '"e-1'),
}


@pytest.mark.parametrize(("value", "text"), VALUES.values(), ids=VALUES)
def test_a_header_s_value_is_read_as_the_http_binding_says(value: bytes, text: str) -> None:
    assert decode_attribute(value) == text


WRONG_TRACES = {
    "nonsense": "nonsense",
    "more than there is": f"{TRACEPARENT}-more",
    "a number": 5,
    "capitals": TRACEPARENT.upper(),
    "no trace": f"00-{'0' * 32}-b7ad6b7169203331-01",
    "no parent": f"00-{'7c' * 16}-{'0' * 16}-01",
    "a version that there can't be": f"ff{TRACEPARENT[2:]}",
}


@pytest.mark.parametrize("wrong", WRONG_TRACES.values(), ids=WRONG_TRACES)
def test_a_wrong_traceparent_is_not_passed_on(wrong: object) -> None:
    assert from_binary({**ATTRIBUTES, "traceparent": wrong}, DATA, TYPE).traceparent == ""


ID, SOURCE = "id as a string of 1 to 256 characters", "source as a string that is not empty"
WRONG_ATTRIBUTES: list[tuple[dict[str, Any], str]] = [
    *(({"specversion": wrong}, "specversion 1.0") for wrong in (..., "0.3")),
    *(({"id": wrong}, ID) for wrong in (..., "", "x" * 257)),
    ({"id": "a\nb"}, "none of them a control character"),
    *(({"source": wrong}, SOURCE) for wrong in (..., "")),
    *(({"type": wrong}, "type inn.lookup.requested") for wrong in (..., "other")),
    (dict.fromkeys(ATTRIBUTES, ...), "specversion 1.0, id as .*, none of them a control character, source as a string"),
]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        *((partial(from_binary, attributes(**changes), DATA, TYPE), said) for changes, said in WRONG_ATTRIBUTES),
        (partial(from_binary, ATTRIBUTES, b"", TYPE), "which is empty"),
        *((partial(from_structured, body), "not JSON") for body in (b"", b"\xff", b'{"a":NaN}')),
        (partial(from_structured, b"[]"), "as a JSON object"),
        (partial(from_structured, structured(id=5)), "id as a string"),
        (partial(from_structured, structured(data=...)), "the request in data"),
        (partial(from_structured, structured(datacontenttype="text/xml")), "content type application/json"),
        (partial(from_structured, structured(datacontenttype=5)), "content type application/json"),
        *((partial(from_structured, structured(data=..., data_base64=wrong)), "base64") for wrong in ("@", 7)),
        *((partial(from_batch, body), "expected a") for body in (b"{}", b"5", b"nonsense")),
        *((partial(decode_attribute, no), "percent-encoded UTF-8") for no in (b"%C0%A0", b"\xff", b"%FF", b'"%E2%82"')),
    ],
)  # fmt: skip
def test_what_is_no_event_says_what_was_expected(read: Callable[[], object], expected: str) -> None:
    with pytest.raises(InvalidEvent, match=expected):
        read()


def test_one_wrong_event_in_a_batch_hurts_no_other_and_keeps_its_id() -> None:
    good = json.loads(structured())
    first, second, third, fourth = from_batch(json.dumps([good, {**good, "type": "x"}, 5, good]).encode())
    assert parts(first) == parts(fourth) == ("e-1", PARSED, "", Mode.STRUCTURED)
    assert (type(second), second.id, type(third), third.id) == (InvalidEvent, "e-1", InvalidEvent, "")


def test_a_batch_has_as_many_events_as_can_be_right_ones() -> None:
    assert len(from_batch(b"[" + b"5," * 4095 + b"5]")) == 4096
    with pytest.raises(TooManyEvents, match="at most 4096 events"):
        from_batch(b"[" + b"5," * 4096 + b"5]")


def test_a_reply_tells_which_request_it_answers() -> None:
    attributes = reply_attributes("e-1", TRACEPARENT, "r", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    plain = {"specversion": "1.0", "id": "r", "source": "/inn", "type": "inn.lookup.completed", "datacontenttype": TYPE}
    named = {"correlationid": "e-1", "traceparent": TRACEPARENT}
    assert attributes == {**plain, "time": "2026-01-02T03:04:05+00:00", **named}
    assert reply_attributes("", "", "r", datetime(2026, 1, 2, tzinfo=UTC)).keys() == attributes.keys() - named.keys()


def test_a_structured_reply_is_one_json_object() -> None:
    result = result_of(Rejected("r-1", (FieldError("", '"quoted"'),)), 0.5)
    assert json.loads(structured_reply({"id": "r"}, result)) == {"id": "r", "data": json.loads(result.to_json())}
