"""Each case, named after its row of fns-protocol.md, over plain HTTP: as a rule, as the scenario, and limited."""

import json
import time
from collections.abc import Callable
from functools import partial
from http.client import RemoteDisconnected
from typing import Any

import pytest

from local_runtime.emulator.cases import CASES
from local_runtime.emulator.process import Emulator
from tests.local_runtime.emulator.conftest import FORM, Client, Form

Check = Callable[[Client], None]
INVALID = {"ERROR": "Недопустимый идентификатор запроса", "STATUS": 400}
HTML = {"content-type": "text/html;charset=UTF-8"}
CONSENT_PAGE = "/static/personal-data.html?svc=inn&from=%2Finn.do"


def searched(status: int, client: Client, *, text: str = "", headers: Form | None = None, **keys: object) -> None:
    """Each search, of both protocols, has this status, this text in it, these headers and these keys."""
    wanted = headers or {}
    for reply in client.searches():
        assert reply.status == status
        assert text in reply.text
        assert wanted.items() <= reply.headers.items()
        assert ("retry-after" in reply.headers) == ("retry-after" in wanted)
        assert not keys or keys.items() <= reply.json.items()


def page(status: int, retry_after: str = "") -> Check:
    """An error's page."""
    return partial(searched, status, text="<h1>", headers=HTML | ({"retry-after": retry_after} if retry_after else {}))


def polled(states: list[float], client: Client) -> None:
    """The polls of one find have these states, or statuses other than 200."""
    assert client.polls(len(states)) == states


def read(results: list[object], client: Client, status: int | None = None) -> None:
    """The polls of one find are answered with this JSON."""
    found = client.find()
    replies = [client.get(found) for _ in results]
    assert [reply.json for reply in replies] == results
    assert status is None or {reply.status for reply in replies} == {status}


def coded(code: int, client: Client, status: int = 200, **keys: object) -> None:
    reply = client.legacy()
    assert (reply.status, reply.json["code"]) == (status, code)
    assert keys.items() <= reply.json.items()


def found_with(names: set[str], client: Client) -> None:
    result = client.result()
    assert result.keys() == {"state", "inn", *names}
    assert result["state"] == 1


def paid(status: int, text: str, client: Client) -> None:
    reply = client.paid()
    assert reply.status == status
    assert text in reply.text


def broken_first_poll(error: type[Exception], client: Client) -> None:
    found = client.find()
    with pytest.raises(error):
        Client(client.url, bound=0.2).get(found)
    assert client.get(found).json["state"] == 1


def wrong_first_poll(status: int, body: str, client: Client) -> None:
    found = client.find()
    first = client.get(found)
    assert (first.status, first.text) == (status, body)
    assert client.get(found).json["state"] == 1


def captcha_with_request_id(client: Client) -> None:
    found, legacy = client.searches()
    assert found.json["captchaRequired"] is True
    assert client.get(found).json["state"] == 1
    assert (legacy.json["captchaRequired"], legacy.json["code"]) == (True, 1)


def empty_find(client: Client) -> None:
    assert [(reply.status, reply.body) for reply in client.searches()] == [(200, b"")] * 2


def consent(client: Client) -> None:
    page = client("/inn.do")
    assert (page.status, page.headers["location"]) == (302, CONSENT_PAGE)
    assert page.headers["set-cookie"].startswith("JSESSIONID=")
    assert "/static/personal-data-proc.json" in client(CONSENT_PAGE).text
    assert [reply.status for reply in client.searches()] == [403, 403]
    assert client("/static/personal-data-proc.json", {"from": "/inn.do", "svc": "inn"}).status == 400
    token = client.consent().json
    assert isinstance(token, str)
    cookie = f"upd_inn={token}"
    assert "frmInn" in client("/inn.do", Cookie=cookie).text
    assert client.find(Cookie=cookie).status == 200
    assert client.find(Cookie="upd_inn=made-up").status == 403


def consent_strict(client: Client) -> None:
    session = client.session()
    referer = "http://service.example" + CONSENT_PAGE
    assert client.consent(Cookie=session).status == 403
    assert client.consent(Referer=referer).status == 403
    given = client.consent(Cookie=session, Referer=referer)
    assert given.headers["set-cookie"].startswith(f"upd_inn={given.json};")
    assert client.find(Cookie=f"{session}; upd_inn={given.json}").status == 200


def consent_page_only(client: Client) -> None:
    assert client("/inn.do").status == 302
    assert client.find().status == 200


def consent_forgotten(client: Client) -> None:
    assert client.find(Cookie=f"upd_inn={client.consent().json}").status == 403


def maintenance(client: Client) -> None:
    for reply in (client("/inn.do"), *client.searches()):
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/html")
        assert "проведения технических работ" in reply.text
        assert "frmInn" not in reply.text


def wrapped(client: Client) -> None:
    for reply in client.searches():
        assert reply.headers["content-type"].startswith("text/html")
        before, _, inner = reply.text.partition('<div id="result">')
        assert before.startswith("<html>")
        assert json.loads(inner.partition("</div>")[0])["captchaRequired"] is False


def windows_1251(content_type: str, client: Client) -> None:
    for reply in client.searches():
        assert (reply.status, reply.headers["content-type"]) == (500, content_type)
        with pytest.raises(UnicodeDecodeError):
            reply.body.decode()
        assert json.loads(reply.body.decode("windows-1251"))["ERROR"].startswith("Сервис временно")


def no_json(client: Client) -> None:
    for reply in client.searches():
        assert reply.status == 200
        with pytest.raises((ValueError, RecursionError)):
            json.loads(reply.body)


CHECKS: dict[str, Check] = {
    "captcha": partial(searched, 200, captchaRequired=True),
    "captcha_with_request_id": captcha_with_request_id,
    "empty_find": empty_find,
    "slow": partial(polled, [-1, -1, -1, 1]),
    "pending_polls": partial(polled, [-1, -1, -1, 1]),
    "pending_seconds": partial(polled, [-1, -1, -1, -1, -1]),
    "state_pending": partial(polled, [-1, -1, -1, -1, -1]),
    "state_unavailable": partial(polled, [-2]),
    "state_not_found": partial(polled, [0]),
    "state_found_wrong_inn": partial(read, [{"state": 1, "inn": "123456789037"}]),
    "state_ambiguous": partial(polled, [3]),
    "state_unknown": partial(polled, [7]),
    "state_and_error_code": partial(found_with, {"error_code"}),
    "new_keys": partial(found_with, {"error_code", "id", "entityId", "result"}),
    "poll_502": partial(polled, [502, 1, 1]),
    "poll_503": partial(polled, [503, 1, 1]),
    "poll_504": partial(polled, [504, 1, 1]),
    "poll_timeout": partial(broken_first_poll, TimeoutError),
    "poll_empty": partial(wrong_first_poll, 200, ""),
    "poll_reset": partial(broken_first_poll, ConnectionResetError),
    "invalid_request_id": partial(wrong_first_poll, 400, '{"ERROR":"Недопустимый идентификатор запроса","STATUS":400}'),
    "forgotten_request_id": partial(read, [INVALID, INVALID, INVALID]),
    "internal_error": partial(read, [{"ERROR": "Произошла внутренняя ошибка", "STATUS": 500}]),
    "consent": consent,
    "consent_strict": consent_strict,
    "consent_page_only": consent_page_only,
    "consent_forgotten": consent_forgotten,
    "maintenance": maintenance,
    "code_not_found": partial(coded, 0),
    "code_ambiguous": partial(coded, 3),
    "code_error": partial(coded, 2),
    "code_timeout": partial(coded, 99),
    "legacy_404": partial(coded, 1, status=404),
    "wrong_fields": partial(
        searched,
        400,
        ERROR="-",
        STATUS=400,
        ERRORS={"fam": ["Проверьте фамилию"], "docno": ["Проверьте номер документа"]},
    ),
    "captcha_field": partial(searched, 400, ERRORS={"captcha": ["Требуется ввести цифры с картинки"]}),
    "captcha_token_field": partial(searched, 400, ERRORS={"captchaToken": ["Требуется ввести цифры с картинки"]}),
    "service_error": partial(searched, 500, text="Сервис временно недоступен", STATUS=500),
    "throttled": page(429, "30"),
    "down": page(503),
    "switched_off": page(405),
    "json_in_html": wrapped,
    "windows_1251": partial(windows_1251, "application/json;charset=windows-1251"),
    "windows_1251_undeclared": partial(windows_1251, "application/json"),
    "apifns_not_found": partial(paid, 200, '{"items":[],"error":"Информация об ИНН не найдена"}'),
    "apifns_item_error": partial(paid, 200, '{"items":[{"error":'),
    "apifns_wrong_key": partial(paid, 200, "Ошибка: Неверный ключ (1)"),
    "apifns_blocked": partial(paid, 403, "Доступ запрещен"),
}


def test_every_case_is_checked() -> None:
    assert CHECKS.keys() == CASES.keys()


@pytest.mark.parametrize("name", CHECKS)
def test_case(emulator: Emulator, client: Client, name: str) -> None:
    # Nobody has to wait here for what only takes time.
    quick = {"delay": 0} if name == "slow" else {}
    emulator.control(rules=[{"case": name, **quick}])
    CHECKS[name](client)


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "slow"])
def test_case_as_the_scenario_of_everybody(emulator: Emulator, client: Client, name: str) -> None:
    emulator.control(scenario=name)
    CHECKS[name](client)


DATE = "Wed, 21 Oct 2099 07:28:00 GMT"
ELSEWHERE = {"location": "http://x.invalid/"}
RULES: dict[str, tuple[dict[str, Any], Check]] = {
    "an error's page": ({"status": 502}, page(502)),
    "with seconds to wait": ({"status": 429, "retry_after": 7}, page(429, "7")),
    "until a date": ({"status": 503, "retry_after": DATE}, page(503, DATE)),
    "yet with the answer": ({"status": 503, "body": "honest"}, partial(searched, 503, captchaRequired=False)),
    "its own error": ({"error": "Нет", "status": 403}, partial(searched, 403, ERROR="Нет", STATUS=403)),
    "any text": (
        {"raw": "[NaN]", "content_type": "image/png"},
        partial(searched, 200, text="[NaN]", headers={"content-type": "image/png"}),
    ),
    "another host": ({"redirect": "http://x.invalid/"}, partial(searched, 307, headers=ELSEWHERE)),
    "another host by 302": (
        {"redirect": "http://x.invalid/", "status": 302},
        partial(searched, 302, headers=ELSEWHERE),
    ),
    **{f"a body that is {body}": ({"body": body}, no_json) for body in ("truncated", "html", "garbage", "nested")},
    "an INN": ({"on": "get", "inn": "000000000000"}, partial(read, [{"inn": "000000000000", "state": 1.0}])),
    "no INN in one step": ({"on": "legacy", "inn": ""}, partial(coded, 1, inn="", captchaRequired=False)),
    "an INN that is null": (
        {"on": "get", "state": 1, "extra": {"inn": None}},
        partial(read, [{"state": 1, "inn": None}]),
    ),
    "an invalid id with status 200": (
        {"on": "get", "error": INVALID["ERROR"], "status": 200},
        partial(read, [{**INVALID, "STATUS": 200}], status=200),
    ),
    "the vendor's INN": (
        {"on": "apifns", "inn": "123456789037"},
        partial(paid, 200, '{"items":[{"ИНН":"123456789037"}]}'),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_a_reply_by_rule(emulator: Emulator, client: Client, name: str) -> None:
    rule, check = RULES[name]
    emulator.control(rules=[{"on": "search", **rule}])
    check(client)


def test_a_case_is_limited_by_the_rules_other_fields(
    emulator: Emulator, client: Client, people: dict[str, Form]
) -> None:
    emulator.control(rules=[{"case": "state_ambiguous", "person": "lee", "after": 1, "times": 1}])
    assert (client.polls(3), client.polls(3, people["lee"])) == ([1, 1, 1], [1, 3, 1])
    # A rule's own field replaces the case's.
    emulator.control(rules=[{"case": "poll_502", "poll": 2, "status": 500}])
    assert client.polls(3) == [1, 500, 1]


def test_the_nth_poll_is_counted_for_each_request_id(emulator: Emulator, client: Client) -> None:
    emulator.control(rules=[{"case": "poll_502"}], pending=2)
    first, second = client.find(), client.find()
    states = [client.get(found) for found in (first, second, first, second, first, second)]
    assert [reply.status for reply in states] == [502, 502, 200, 200, 200, 200]
    assert [reply.json["state"] for reply in states[2:]] == [-1, -1, 1, 1], "a failed poll counts as pending"


@pytest.mark.parametrize("rule", [{}, {"on": "find", "person": "lee", "pending_sec": 0.2}], ids=["all", "one"])
def test_pending_in_seconds(emulator: Emulator, client: Client, people: dict[str, Form], rule: dict[str, Any]) -> None:
    emulator.control(**({"rules": [rule]} if rule else {"pending_sec": 0.2}))
    start = time.monotonic()
    found = client.find(people["lee"])
    states = [client.get(found).json["state"]]
    while states[-1] == -1:
        states.append(client.get(found).json["state"])
    assert time.monotonic() - start >= 0.2
    assert len(states) > 1
    assert states[-1] == 1
    assert client.polls(1, people["petrov"]) == ([1] if rule else [-1])


def test_pending_in_polls(emulator: Emulator, client: Client, people: dict[str, Form]) -> None:
    assert client.polls(4, people["slow"]) == [-1, -1, -1, 1]
    emulator.control(pending=2)
    assert client.polls(4) == [-1, -1, 1, 1]
    emulator.control(pending=3, pending_sec=0.001)
    assert client.polls(4) == [-1, -1, -1, 1], "both end with the later"


def test_counts_are_exact_whatever_happens_to_the_reply(
    emulator: Emulator, client: Client, people: dict[str, Form]
) -> None:
    emulator.control(rules=[{"case": "poll_reset"}, {"case": "empty_find", "times": 1}])
    client.find(people["lee"])
    found = client.find(people["lee"])
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        client.get(found)
    client.get(found)
    key = next(person["key"] for person in emulator.people() if person["id"] == "lee")
    stats = emulator.stats()
    assert stats.persons == {key: {"find": 2, "get": 2}}
    assert (stats.finds, stats.gets) == (2, 2)


def test_the_consent_cookie_may_come_in_the_body_alone(emulator: Emulator, client: Client) -> None:
    emulator.control(consent="required", rules=[{"on": "consent", "set_cookie": False}])
    given = client.consent()
    assert "set-cookie" not in given.headers
    assert client.find(FORM, Cookie=f"upd_inn={given.json}").status == 200
