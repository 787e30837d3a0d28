import json
from base64 import b64encode
from datetime import UTC, datetime
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
TYPE = "application/json"


def parts(event: Event | InvalidEvent) -> tuple[str, bytes | Json, str, Mode]:
    assert isinstance(event, Event)
    return event.id, event.data, event.traceparent, event.mode


def structured(**changes: Any) -> bytes:
    event = {**ATTRIBUTES, "datacontenttype": TYPE, "data": {"requestId": "r-1"}, **changes}
    return json.dumps({name: value for name, value in event.items() if value is not ...}).encode()


PARSED = {"requestId": "r-1"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (from_binary({**ATTRIBUTES, "traceparent": TRACEPARENT}, DATA, TYPE), ("e-1", DATA, TRACEPARENT, Mode.BINARY)),
        (from_binary(ATTRIBUTES, DATA, ""), ("e-1", DATA, "", Mode.BINARY)),
        (from_structured(structured(traceparent=TRACEPARENT)), ("e-1", PARSED, TRACEPARENT, Mode.STRUCTURED)),
        (from_structured(structured(datacontenttype=None)), ("e-1", PARSED, "", Mode.STRUCTURED)),
        (from_structured(structured(data=..., data_base64=BASE64)), ("e-1", DATA, "", Mode.STRUCTURED)),
        (from_plain(b"\xef\xbb\xbf" + DATA), ("", PARSED, "", Mode.PLAIN)),
        (from_plain(b"nonsense"), ("", b"nonsense", "", Mode.PLAIN)),
        (from_plain(b"[]"), ("", [], "", Mode.PLAIN)),
        (from_plain(structured()), ("e-1", PARSED, "", Mode.STRUCTURED)),
    ],
    ids=[
        "binary hands the data on as it came", "binary without a type is JSON", "structured hands the data on decoded",
        "structured without a type is JSON", "structured in base64", "plain, behind a byte order mark",
        "plain is no JSON, which the request says", "plain is no object", "an event under the request's media type",
    ],
)  # fmt: skip
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"e-1", "e-1"),
        (b"", ""),
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"%65-1", "e-1"),
        (b"100%", "100%"),
        (b"%2565", "%65"),
        ("Euro €".encode(), "Euro €"),
        (b'"e 1"', "e 1"),
        (rb'"say \"e\\1\""', r'say "e\1"'),
        (b'"%22e%22"', '"e"'),
        (b'e"1', 'e"1'),
        (b'"e-1', '"e-1'),
        (b'"', '"'),
    ],
    ids=[
        "plain", "empty", "percent-encoded UTF-8", "needlessly encoded", "a lone percent sign", "decoded once",
        "UTF-8 as it is", "quoted", "quoted with escapes", "unquoted before it is decoded", "a quote within",
        "a quote that is not closed", "a quote alone",
    ],
)  # fmt: skip
def test_a_header_s_value_is_read_as_the_http_binding_says(value: bytes, text: str) -> None:
    assert decode_attribute(value) == text


@pytest.mark.parametrize("value", [b"%C0%A0", b"\xff", b"%FF", b'"%E2%82"'])
def test_a_header_s_value_that_is_no_utf_8_says_what_was_expected(value: bytes) -> None:
    with pytest.raises(InvalidEvent, match="percent-encoded UTF-8"):
        decode_attribute(value)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "nonsense", "00-XYZ-b7ad6b7169203331-01", f"{TRACEPARENT}-more", 5, TRACEPARENT.upper(),
        f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{'7c' * 16}-{'0' * 16}-01", f"ff{TRACEPARENT[2:]}",
    ],
    ids=[
        "empty", "nonsense", "no hexadecimals", "more than there is", "a number", "capitals",
        "no trace", "no parent", "a version that there can't be",
    ],
)  # fmt: skip
def test_a_wrong_traceparent_is_not_passed_on(wrong: object) -> None:
    assert from_binary({**ATTRIBUTES, "traceparent": wrong}, DATA, TYPE).traceparent == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"specversion": None}, "specversion 1.0"),
        ({"specversion": "0.3"}, "specversion 1.0"),
        ({"id": None}, "id as a string of 1 to 256 characters"),
        ({"id": ""}, "id as a string of 1 to 256 characters"),
        ({"id": "a\nb"}, "none of them a control character"),
        ({"id": "x" * 257}, "id as a string of 1 to 256 characters"),
        ({"source": None}, "source as a string that is not empty"),
        ({"source": ""}, "source as a string that is not empty"),
        ({"type": None}, "type inn.lookup.requested"),
        ({"type": "other"}, "type inn.lookup.requested"),
        (dict.fromkeys(ATTRIBUTES), "specversion 1.0, id as .*, none of them a control character, source as a string"),
    ],
)
def test_what_is_no_event_says_what_was_expected(changes: dict[str, Any], expected: str) -> None:
    attributes = {name: value for name, value in {**ATTRIBUTES, **changes}.items() if value is not None}
    with pytest.raises(InvalidEvent, match=expected):
        from_binary(attributes, DATA, TYPE)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b"[]", "as a JSON object"),
        (structured(id=5), "id as a string"),
        (structured(data=...), "the request in data"),
        (structured(datacontenttype="text/xml"), "content type application/json"),
        (structured(datacontenttype=5), "content type application/json"),
        (structured(data=..., data_base64="@"), "base64"),
        (structured(data=..., data_base64=7), "base64"),
    ],
)
def test_a_wrong_structured_event_says_what_was_expected(body: bytes, expected: str) -> None:
    with pytest.raises(InvalidEvent, match=expected):
        from_structured(body)


def test_no_data_in_binary_mode_says_what_was_expected() -> None:
    with pytest.raises(InvalidEvent, match="which is empty"):
        from_binary(ATTRIBUTES, b"", TYPE)


def test_one_wrong_event_in_a_batch_hurts_no_other_and_keeps_its_id() -> None:
    good = json.loads(structured())
    first, second, third, fourth = from_batch(json.dumps([good, {**good, "type": "x"}, 5, good]).encode())
    assert parts(first) == parts(fourth) == ("e-1", {"requestId": "r-1"}, "", Mode.STRUCTURED)
    assert isinstance(second, InvalidEvent)
    assert second.id == "e-1"
    assert isinstance(third, InvalidEvent)
    assert third.id == ""


def test_a_batch_has_as_many_events_as_can_be_right_ones() -> None:
    assert len(from_batch(b"[" + b"5," * 4095 + b"5]")) == 4096
    with pytest.raises(TooManyEvents, match="at most 4096 events"):
        from_batch(b"[" + b"5," * 4096 + b"5]")


@pytest.mark.parametrize("body", [b"{}", b"5", b"nonsense"])
def test_a_batch_that_is_no_array_says_what_was_expected(body: bytes) -> None:
    with pytest.raises(InvalidEvent, match="expected a"):
        from_batch(body)


def test_a_reply_tells_which_request_it_answers() -> None:
    attributes = reply_attributes("e-1", TRACEPARENT, "r", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    plain = {"specversion": "1.0", "id": "r", "source": "/inn", "type": "inn.lookup.completed", "datacontenttype": TYPE}
    named = {"correlationid": "e-1", "traceparent": TRACEPARENT}
    assert attributes == {**plain, "time": "2026-01-02T03:04:05+00:00", **named}
    assert reply_attributes("", "", "r", datetime(2026, 1, 2, tzinfo=UTC)).keys() == attributes.keys() - named.keys()


def test_a_structured_reply_is_one_json_object() -> None:
    result = result_of(Rejected("r-1", (FieldError("", '"quoted"'),)), 0.5)
    reply = json.loads(structured_reply({"id": "r"}, result))
    assert reply == {"id": "r", "data": json.loads(result.to_json())}
