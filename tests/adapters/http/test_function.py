import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http, from_json

from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, Unavailable, Verdict
from function.telemetry import LookupEvent
from tests.adapters.http.conftest import ATTRIBUTES, Server
from tests.doubles import INN, PERSON
from tests.servers.process import wait_for

BODY = json.dumps(PERSON).encode()
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PLAIN = {"content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
BINARY = {**{f"ce-{name}": value for name, value in ATTRIBUTES.items()}, "content-type": "application/json"}


def structured(request: Any = PERSON, **attributes: Any) -> dict[str, Any]:
    return {**ATTRIBUTES, "datacontenttype": "application/json", "data": request, **attributes}


def test_a_person_is_found_and_then_cached(server: Server) -> None:
    first, second = server.ask(), server.ask({**PERSON, "requestId": "r-2"})
    found = {"requestId": "r-1", "status": "found", "inn": INN, "cached": False}
    assert (first.status, found.items() <= first.json().items()) == (200, True)
    assert (second.status, second.json()["requestId"], second.json()["cached"]) == (200, "r-2", True)
    assert server.provider.asked == ["r-1"]


@pytest.mark.parametrize("convert", [to_binary, to_structured], ids=["binary", "structured"])
def test_the_official_package_is_understood_and_understands(server: Server, convert: Callable[..., Any]) -> None:
    headers, body = convert(CloudEvent({**ATTRIBUTES, "traceparent": TRACEPARENT}, PERSON))
    response = server.post(
        body if isinstance(body, bytes) else json.dumps(body).encode(), {"content-type": "application/json", **headers}
    )
    reply = from_http(dict(response.headers), response.data)
    assert response.status == 200
    assert data_of(reply)["inn"] == INN
    expected = {"source": "/inn", "type": "inn.lookup.completed", "datacontenttype": "application/json"}
    expected |= {"correlationid": "e-1", "traceparent": TRACEPARENT}
    assert {name: reply[name] for name in expected} == expected
    kept_back = {str(value) for name, value in PERSON.items() if name != "requestId"} | {INN}
    # Any digits can stand in a random id and in a time.
    told = {name: value for name, value in reply.get_attributes().items() if name not in ("id", "time")}
    assert not any(value in str(told) for value in kept_back)


def test_a_batch_of_a_hundred_is_answered_in_order_and_a_wrong_one_hurts_no_other(server: Server) -> None:
    events: list[Any] = [structured({**PERSON, "requestId": f"r-{n}"}, id=f"e-{n}") for n in range(100)]
    events[17] = structured({**PERSON, "requestId": "r-17", "lastName": "Smith"}, id="e-17")
    events[42] = structured(id="e-42", type="other")
    events[43] = 5
    response = server.post(json.dumps(events).encode(), BATCH)
    replies = [from_json(json.dumps(reply)) for reply in response.json()]
    assert response.status == 200
    assert response.headers["content-type"] == BATCH["content-type"]
    assert [reply.get_attributes().get("correlationid") for reply in replies] == [
        f"e-{n}" if n != 43 else None for n in range(100)
    ]
    statuses = [data_of(reply)["status"] for reply in replies]
    assert [n for n, status in enumerate(statuses) if status == "rejected"] == [17, 42, 43]
    assert statuses.count("found") == 97
    assert len(server.provider.asked) == 1


def test_a_slow_lookup_holds_up_neither_a_cached_answer_nor_a_probe(make_server: Callable[..., Server]) -> None:
    server = make_server(threads=2)
    server.ask()
    server.provider.gate.clear()
    with ThreadPoolExecutor(10) as clients:
        slow = [
            clients.submit(server.ask, {**PERSON, "lastName": name}) for name in ("Аев", "Бов", "Вов", "Гов", "Дов")
        ]
        assert server.ask().json()["cached"] is True
        assert server.get("/livez").status == 200
        assert server.get("/readyz").json()["ready"] is True
        assert not any(one.done() for one in slow)
        server.provider.gate.set()
        assert {one.result().status for one in slow} == {200}


def test_what_takes_longer_than_the_deadline_is_to_be_asked_again_and_kept_when_it_comes(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(deadline=0.05)
    server.provider.gate.clear()
    late = server.ask()
    assert (late.status, late.json()["code"]) == (503, "deadline")
    assert int(late.headers["retry-after"]) >= 1
    server.provider.gate.set()
    wait_for(lambda: server.ask().status != 503, within=60, what="the late answer to be kept")
    assert server.ask().json()["cached"] is True
    assert len(server.provider.asked) == 1


@pytest.mark.parametrize(
    ("says", "status", "expected"),
    [
        (Verdict(Status.NOT_FOUND, "", "nalog"), 200, {"status": "not_found", "inn": ""}),
        (Verdict(Status.AMBIGUOUS, "", "nalog"), 200, {"status": "ambiguous", "inn": ""}),
        (Invalid((FieldError("birthDate", "odd"),)), 422, {"status": "rejected", "details": "birthDate: odd"}),
    ],
)
def test_how_a_lookup_ends_is_told(
    server: Server, says: Verdict | Invalid, status: int, expected: dict[str, str]
) -> None:
    server.provider.say = lambda _: says
    response = server.ask()
    assert response.status == status
    assert expected.items() <= response.json().items()


@pytest.mark.parametrize(
    ("no", "retry_after"),
    [(Unavailable(Reason.PROVIDER_CLOSED, 17.2), "18"), (Unavailable(Reason.PROVIDER_UNAVAILABLE), "5")],
)
def test_a_temporary_failure_says_when_to_ask_again(
    make_server: Callable[..., Server], no: Unavailable, retry_after: str
) -> None:
    server = make_server(deadline=5)

    def refuse(_: object) -> Verdict:
        raise no

    server.provider.say = refuse
    response = server.ask()
    assert response.status == 503
    assert response.headers["retry-after"] == retry_after
    assert response.headers["content-type"] == "application/problem+json"
    problem = {"title": "Service Unavailable", "status": 503, "detail": no.reason.text}
    assert response.json() == {**problem, "code": no.reason.value, "requestId": "r-1"}
    batch = server.post(json.dumps([structured()]).encode(), BATCH)
    assert batch.json()[0]["data"]["status"] == "failed"


@pytest.mark.parametrize("fault", [ValueError, TimeoutError])
def test_a_fault_of_ours_is_a_problem_without_a_word_of_the_request(server: Server, fault: type[Exception]) -> None:
    def stumble(_: object) -> Verdict:
        raise fault(PERSON["lastName"])

    server.provider.say = stumble
    response = server.ask()
    assert response.status == 500
    assert PERSON["lastName"] not in response.data.decode()
    assert [(where, type(error)) for where, error in server.observer.of("error")] == [("fetch", fault)]
    assert statuses_of(server) == ["internal_error"]
    (reply,) = server.post(json.dumps([structured()]).encode(), BATCH).json()
    assert reply["data"]["details"] == "internal_error: something went wrong within this service"


@pytest.mark.parametrize(
    ("sent", "back"),
    [("%D1%8F%20%22%25", "%D1%8F%20%22%25"), ('"e 1"', "e%201"), ("я".encode().decode("latin-1"), "%D1%8F")],
    ids=["percent-encoded", "quoted", "raw UTF-8"],
)
def test_an_id_comes_back_percent_encoded_in_whatever_spelling_it_came(steady: Server, sent: str, back: str) -> None:
    assert steady.ask(id=sent).headers["ce-correlationid"] == back


def test_an_event_in_headers_needs_no_content_type(steady: Server) -> None:
    response = steady.post(BODY, {name: value for name, value in BINARY.items() if name != "content-type"})
    assert (response.status, response.headers["ce-correlationid"]) == (200, "e-1")


def test_a_plain_request_is_answered_in_plain_json(steady: Server) -> None:
    """As curl, 1C and .NET send it: no envelope."""
    response = steady.post(BODY, PLAIN)
    assert (response.status, response.json()["inn"]) == (200, INN)
    assert response.headers["content-type"] == "application/json"
    assert not [name for name in response.headers if name.startswith("ce-")]
    rejected = steady.post(json.dumps({**PERSON, "firstName": "Bob"}).encode(), PLAIN)
    assert (rejected.status, rejected.json()["status"]) == (422, "rejected")


def test_an_event_in_the_body_is_one_whatever_json_it_is_said_to_be(steady: Server) -> None:
    response = steady.post(json.dumps(structured()).encode(), PLAIN)
    assert (response.status, response.headers["content-type"]) == (200, STRUCTURED["content-type"])
    assert response.json()["correlationid"] == "e-1"


@pytest.mark.parametrize(
    ("body", "headers", "status", "expected"),
    [
        (b"", BINARY, 400, "the request as a JSON object in the body, which is empty"),
        (b"\xff\xfe{}", BINARY, 400, "a request as a JSON object in UTF-8, but this is not JSON"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, BINARY, 400, "not JSON"),
        (b"x" * 1024 * 1024, BINARY, 413, "at most 65536 bytes"),
        (b"x" * (1024 * 1024 + 1), BATCH, 413, "at most 1048576 bytes"),
        (b"[" + b"5," * 500_000 + b"5]", BATCH, 413, "at most 4096 events"),
        (b"{}", {**BINARY, "ce-id": "%FF"}, 400, "percent-encoded UTF-8"),
        (b"{}", {**BINARY, "content-type": "text/plain"}, 415, "application/cloudevents+json"),
        (b"{}", {"content-type": ""}, 415, "application/json, alone or with ce- headers"),
        (b"nonsense", PLAIN, 400, "a request as a JSON object in UTF-8, but this is not JSON"),
        (b"{}", STRUCTURED, 400, "specversion 1.0, id as a string"),
        (b"{}", BATCH, 400, "a JSON array of CloudEvents"),
    ],
)  # fmt: skip
def test_bad_input_is_a_problem_that_says_what_was_expected(
    steady: Server, body: bytes, headers: dict[str, str], status: int, expected: str
) -> None:
    assert_problem(steady.post(body, headers), status, expected)
    assert steady.ask().status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        *((method, "/", 405, "POST") for method in ("GET", "PUT", "DELETE", "HEAD")),
        ("POST", "/livez", 405, "GET, HEAD"),
        *((method, "/nowhere", 404, None) for method in ("GET", "POST")),
    ],
)
def test_other_methods_and_paths_are_problems(
    steady: Server, method: str, path: str, status: int, allow: str | None
) -> None:
    response = steady.get(path, method)
    assert (response.status, response.headers.get("allow")) == (status, allow)
    if method != "HEAD":
        assert_problem(response, status, "expected ")


PROBES = {
    "/livez": b'{"live":true}',
    "/readyz": b'{"ready":true,"parts":{"store":{"ready":true,"detail":""}}}',
    "/metrics": b"# metrics {'store': True}\n",
}


@pytest.mark.parametrize(("path", "body"), PROBES.items())
def test_a_probe_is_answered_and_without_its_body_to_who_wants_none(steady: Server, path: str, body: bytes) -> None:
    whole, head = steady.get(path), steady.get(path, "HEAD")
    assert (whole.status, whole.data, head.status, head.data) == (200, body, 200, b"")
    for name in ("content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        *((no, 401) for no in (None, "Bearer ", "Bearer wrong", "Bearer secret-1x", "Basic secret-1", "Bearer \xff")),
        *((given, 200) for given in ("Bearer secret-1", "bearer secret-2")),
    ],
)
def test_with_tokens_set_only_their_holders_may_ask(guarded: Server, authorization: str | None, status: int) -> None:
    headers = {**BINARY, "authorization": authorization} if authorization is not None else BINARY
    response = guarded.post(BODY, headers)
    assert response.status == status
    if status == 401:
        assert_problem(response, 401, "Authorization: Bearer")
        assert response.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/livez").status == 200


def test_each_request_is_reported_once_without_personal_data(server: Server) -> None:
    server.ask(traceparent=TRACEPARENT)
    rejected = server.ask({**PERSON, "requestId": "r-2", "firstName": "Bob"})
    assert (rejected.status, rejected.headers["ce-correlationid"]) == (422, "e-1")
    assert rejected.json()["details"].startswith("firstName: ")
    first, second = (event for (event,) in server.observer.of("lookup"))
    assert first == LookupEvent("http", "r-1", "found", False, "nalog", first.seconds, 1, TRACEPARENT)
    assert (second.request_id, second.status) == ("r-2", "rejected")
    assert [change for _, change in server.observer.of("in_flight")] == [1, -1, 1, -1]


OTHER_TRACE = f"00-{'4b' * 16}-{'5c' * 8}-01"
TRACES = [
    pytest.param(None, OTHER_TRACE, OTHER_TRACE, id="the header's"),
    pytest.param(TRACEPARENT, OTHER_TRACE, TRACEPARENT, id="the event's goes first"),
    pytest.param("nonsense", OTHER_TRACE, OTHER_TRACE, id="the header's where the event's is wrong"),
    pytest.param(None, OTHER_TRACE.upper(), None, id="none where the header is wrong"),
]


@pytest.mark.parametrize(("own", "header", "traced"), TRACES)
def test_the_plain_header_stands_for_the_trace_of_an_event_in_every_mode(
    steady: Server, own: str | None, header: str, traced: str | None
) -> None:
    event = structured(**({"traceparent": own} if own else {}))
    binary = {**BINARY, **({"ce-traceparent": own} if own else {})}
    one = steady.post(BODY, {**binary, "traceparent": header})
    two = steady.post(json.dumps(event).encode(), {**STRUCTURED, "traceparent": header})
    three = steady.post(json.dumps([event, 5, event]).encode(), {**BATCH, "traceparent": header})
    assert [one.headers.get("ce-traceparent"), two.json().get("traceparent")] == [traced, traced]
    assert [reply.get("traceparent") for reply in three.json()] == [traced, None, traced]
    assert [event.traceparent for (event,) in steady.observer.of("lookup")[-4:]] == [traced or ""] * 4


def test_what_is_no_event_is_reported_as_refused(server: Server) -> None:
    server.post(b"{}", {"content-type": "text/plain"})
    server.post(json.dumps([structured(), {}]).encode(), BATCH)
    assert sorted(statuses_of(server)) == ["found", "refused"]
    assert server.observer.of("event") == [("events_refused", {"count": 1})]


def statuses_of(server: Server) -> list[str]:
    return [event.status for (event,) in server.observer.of("lookup")]


def data_of(reply: CloudEvent) -> dict[str, Any]:
    data = reply.get_data()
    assert isinstance(data, dict)
    return data


def assert_problem(response: Any, status: int, expected: str) -> None:
    assert response.status == status, response.data
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert expected in problem["detail"]
    assert "Traceback" not in response.data.decode()


async def by_hand(server: Server, head: str, body: bytes) -> bytes:
    """What is said to a single event whose head has these lines too."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = "".join(f"{name}: {value}\r\n" for name, value in BINARY.items())
    writer.write(f"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}{head}\r\n".encode() + body)
    reply = await reader.read()
    writer.close()
    return reply


async def test_half_a_body_does_not_keep_its_place_for_ever(make_server: Callable[..., Server]) -> None:
    reply = await by_hand(make_server(body_sec=0.1), "content-length: 10\r\n", b"{}")
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"expected the whole body within 0.1 s" in reply


async def test_a_token_behind_the_body_is_none(guarded: Server) -> None:
    chunks = b"%x\r\n%b\r\n0\r\nauthorization: Bearer secret-1\r\n\r\n" % (len(BODY), BODY)
    reply = await by_hand(guarded, "transfer-encoding: chunked\r\n", chunks)
    assert reply.startswith(b"HTTP/1.1 401 ")
