"""Each case, named after its row of fns-protocol.md, and each field of a rule that changes a reply, over plain HTTP."""

import json
import time
from typing import Any

import pytest
from urllib3.exceptions import HTTPError

from local_runtime.emulator.process import Emulator
from local_runtime.emulator.scenarios import CASES
from tests.local_runtime.emulator.conftest import FORM, Client, Form

INVALID = "Недопустимый идентификатор запроса"
CAPTCHA = ["Требуется ввести цифры с картинки"]
WRONG = {"fam": ["Проверьте фамилию"], "docno": ["Проверьте номер документа"]}
HTML = "text/html;charset=UTF-8"
DATE = "Wed, 21 Oct 2099 07:28:00 GMT"
CONSENT_PAGE = "/static/personal-data.html?svc=inn&from=%2Finn.do"

Expected = tuple[int, str | dict[str, Any], Form]
SEARCHES: dict[str, Expected] = {
    "captcha": (200, {"captchaRequired": True}, {}),
    "empty_find": (200, "", {"content-length": "0"}),
    "maintenance": (200, "проведения технических работ", {"content-type": HTML}),
    "wrong_fields": (400, {"ERROR": "-", "STATUS": 400, "ERRORS": WRONG}, {}),
    "captcha_field": (400, {"ERRORS": {"captcha": CAPTCHA}}, {}),
    "captcha_token_field": (400, {"ERRORS": {"captchaToken": CAPTCHA}}, {}),
    "service_error": (500, {"ERROR": "Сервис временно недоступен. Повторите попытку позже", "STATUS": 500}, {}),
    "throttled": (429, "<h1>", {"content-type": HTML, "retry-after": "30"}),
    "down": (503, "<h1>", {"content-type": HTML}),
    "switched_off": (405, "<h1>", {"content-type": HTML}),
    "json_in_html": (200, '"captchaRequired":false', {"content-type": HTML}),
}
"""How each search, of both protocols, is answered: status, a text in it or some keys, some headers."""
POLLS: dict[str, list[object]] = {
    "slow": [-1, -1, -1, 1],
    "pending_polls": [-1, -1, -1, 1],
    "pending_seconds": [-1, -1, -1, -1, -1],
    "state_pending": [-1, -1, -1, -1, -1],
    "state_unavailable": [-2],
    "state_not_found": [0],
    "state_ambiguous": [3],
    "state_unknown": [7],
    "poll_502": [502, 1, 1],
    "poll_503": [503, 1, 1],
    "poll_504": [504, 1, 1],
}
"""The states, or other statuses than 200, of the polls of one find."""
RESULTS: dict[str, list[dict[str, Any]]] = {
    "state_found_wrong_inn": [{"state": 1, "inn": "123456789037"}],
    "invalid_request_id": [{"ERROR": INVALID, "STATUS": 400}, {"inn": "…", "state": 1}],
    "forgotten_request_id": [{"ERROR": INVALID, "STATUS": 400}] * 3,
    "internal_error": [{"ERROR": "Произошла внутренняя ошибка", "STATUS": 500}],
    "state_and_error_code": [{"inn": "…", "state": 1, "error_code": 5}],
    "new_keys": [{"inn": "…", "state": 1, "error_code": None, "id": 7, "entityId": 12, "result": {}}],
}
"""The polls of one find; "…" is the person's INN."""
CODES = {
    "code_not_found": (200, 0),
    "code_ambiguous": (200, 3),
    "code_error": (200, 2),
    "code_timeout": (200, 99),
    "legacy_404": (404, 1),
}
PAID = {
    "apifns_not_found": (200, '{"items":[],"error":"Информация об ИНН не найдена"}'),
    "apifns_item_error": (200, '{"items":[{"error":"Неверно указаны данные"}]}'),
    "apifns_wrong_key": (200, "Ошибка: Неверный ключ (1)"),
    "apifns_blocked": (403, "Доступ запрещен"),
}
BROKEN_POLLS = {"poll_timeout": "Read timed out", "poll_reset": "reset by peer", "poll_empty": "Expecting value"}
CONSENTS = ("consent", "consent_strict", "consent_page_only", "consent_forgotten")
CHARSETS = {"windows_1251": "application/json;charset=windows-1251", "windows_1251_undeclared": "application/json"}
OTHERS = (*BROKEN_POLLS, *CONSENTS, *CHARSETS, "captcha_with_request_id")


def test_every_case_is_checked() -> None:
    assert {*SEARCHES, *POLLS, *RESULTS, *CODES, *PAID, *OTHERS} == CASES.keys()


def assert_searches(client: Client, status: int, content: str | dict[str, Any], headers: Form) -> None:
    for reply in client.searches():
        assert reply.status == status
        if isinstance(content, str):
            assert content in reply.data.decode()
        else:
            assert content.items() <= reply.json().items()
        assert headers.items() <= dict(reply.headers).items()
        assert ("retry-after" in reply.headers) == ("retry-after" in headers)


@pytest.mark.parametrize("case", SEARCHES)
def test_a_case_of_searches(emulator: Emulator, client: Client, case: str) -> None:
    emulator.control(scenario=case)
    assert_searches(client, *SEARCHES[case])


@pytest.mark.parametrize("case", POLLS)
def test_a_case_of_states(emulator: Emulator, client: Client, case: str) -> None:
    # Nobody has to wait here for what only takes time.
    emulator.control(rules=[{"case": case, "delay": 0}])
    assert client.polls(len(POLLS[case])) == POLLS[case]


@pytest.mark.parametrize("case", RESULTS)
def test_a_case_of_results(emulator: Emulator, client: Client, case: str) -> None:
    own = client.result()["inn"]
    emulator.control(scenario=case)
    found = client.find()
    replies = [client.get(found) for _ in RESULTS[case]]
    expected = [{**result, "inn": own} if result.get("inn") == "…" else result for result in RESULTS[case]]
    assert [reply.json() for reply in replies] == expected
    assert [reply.status for reply in replies] == [result.get("STATUS", 200) for result in expected]


@pytest.mark.parametrize("case", CODES)
def test_a_case_of_codes(emulator: Emulator, client: Client, case: str) -> None:
    emulator.control(scenario=case)
    reply = client.legacy()
    assert (reply.status, reply.json()["code"]) == CODES[case]


@pytest.mark.parametrize("case", PAID)
def test_a_case_of_the_paid_provider(emulator: Emulator, client: Client, case: str) -> None:
    emulator.control(scenario=case)
    reply = client.paid()
    assert (reply.status, reply.data.decode()) == PAID[case]


@pytest.mark.parametrize("case", BROKEN_POLLS)
def test_a_case_of_a_first_poll_that_breaks(emulator: Emulator, client: Client, case: str) -> None:
    emulator.control(scenario=case)
    found = client.find()
    with pytest.raises((HTTPError, json.JSONDecodeError), match=BROKEN_POLLS[case]):
        Client(client.url, bound=0.2).get(found).json()
    assert client.get(found).json()["state"] == 1
    assert emulator.stats().gets == 2, "counted whatever happens to the reply"


@pytest.mark.parametrize("case", CHARSETS)
def test_a_case_of_an_error_in_windows_1251(emulator: Emulator, client: Client, case: str) -> None:
    emulator.control(scenario=case)
    for reply in client.searches():
        assert (reply.status, reply.headers["content-type"]) == (500, CHARSETS[case])
        assert json.loads(reply.data.decode("windows-1251"))["ERROR"].startswith("Сервис временно")


def test_case_of_a_captcha_with_a_request_id(emulator: Emulator, client: Client) -> None:
    emulator.control(scenario="captcha_with_request_id")
    found, legacy = client.searches()
    assert found.json()["captchaRequired"] is True
    assert client.get(found).json()["state"] == 1
    assert (legacy.json()["captchaRequired"], legacy.json()["code"]) == (True, 1)


def test_cases_of_session_and_consent(emulator: Emulator, client: Client) -> None:
    emulator.control(scenario="consent")
    page = client("/inn.do")
    assert (page.status, page.headers["location"]) == (302, CONSENT_PAGE)
    assert page.headers["set-cookie"].startswith("JSESSIONID=")
    assert "/static/personal-data-proc.json" in client(CONSENT_PAGE).data.decode()
    assert [reply.status for reply in client.searches()] == [403, 403]
    assert client("/static/personal-data-proc.json", {"from": "/inn.do", "svc": "inn"}).status == 400
    cookie = f"upd_inn={client.consent().json()}"
    assert "frmInn" in client("/inn.do", Cookie=cookie).data.decode()
    assert client.find(Cookie=cookie).status == 200
    assert client.find(Cookie="upd_inn=made-up").status == 403

    emulator.control(scenario="consent_strict")
    session, referer = client.session(), "http://service.example" + CONSENT_PAGE
    assert client.consent(Cookie=session).status == 403
    assert client.consent(Referer=referer).status == 403
    given = client.consent(Cookie=session, Referer=referer)
    assert given.headers["set-cookie"].startswith(f"upd_inn={given.json()};")
    assert client.find(Cookie=f"{session};upd_inn={given.json()}").status == 200

    emulator.control(scenario="consent_page_only")
    assert (client("/inn.do").status, client.find().status) == (302, 200)

    emulator.control(scenario="consent_forgotten")
    assert client.find(Cookie=f"upd_inn={client.consent().json()}").status == 403

    emulator.control(scenario="normal", consent="required", rules=[{"on": "consent", "set_cookie": False}])
    given = client.consent()
    assert "set-cookie" not in given.headers
    assert client.find(Cookie=f"upd_inn={given.json()}").status == 200


RULES: dict[str, tuple[dict[str, Any], Expected]] = {
    "an error's page": ({"status": 502}, (502, "<h1>", {"content-type": HTML})),
    "until a date": ({"status": 503, "retry_after": DATE}, (503, "<h1>", {"retry-after": DATE})),
    "an error with the answer": ({"status": 503, "body": "honest"}, (503, {"captchaRequired": False}, {})),
    "an own error": ({"error": "Нет", "status": 403}, (403, {"ERROR": "Нет", "STATUS": 403}, {})),
    "any text": ({"raw": "[NaN]", "content_type": "image/png"}, (200, "[NaN]", {"content-type": "image/png"})),
    "another host": ({"redirect": "//x/"}, (307, "Moved", {"location": "//x/"})),
    "another host by 302": ({"redirect": "//x/", "status": 302}, (302, "Moved", {"location": "//x/"})),
}


@pytest.mark.parametrize("name", RULES)
def test_a_reply_by_rule(emulator: Emulator, client: Client, name: str) -> None:
    rule, expected = RULES[name]
    emulator.control(rules=[{"on": "search", **rule}])
    assert_searches(client, *expected)


@pytest.mark.parametrize(
    "broken", [{"body": "truncated"}, {"body": "garbage"}, {"connection": "drop"}, {"connection": "cut"}]
)
def test_a_reply_that_is_broken_by_rule(emulator: Emulator, client: Client, broken: Form) -> None:
    emulator.control(rules=[{"on": "find", **broken}])
    with pytest.raises((HTTPError, ValueError)):
        client.find().json()


def test_a_result_by_rule(emulator: Emulator, client: Client) -> None:
    emulator.control(rules=[{"on": "get", "inn": "000000000000", "times": 1}, {"on": "get", "extra": {"inn": None}}])
    found = client.find()
    assert [client.get(found).json() for _ in range(2)] == [{"inn": inn, "state": 1} for inn in ("000000000000", None)]
    emulator.control(rules=[{"on": "get", "error": INVALID, "status": 200}])
    assert (client.get(found).status, client.get(found).json()) == (200, {"ERROR": INVALID, "STATUS": 200})
    emulator.control(rules=[{"on": ["legacy", "apifns"], "inn": ""}])
    assert client.legacy().json() == {"inn": "", "captchaRequired": False, "code": 1}
    assert client.paid().json() == {"items": [{"ИНН": ""}]}


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
    assert [reply.json()["state"] for reply in states[2:]] == [-1, -1, 1, 1], "a failed poll counts as pending"


@pytest.mark.parametrize("rule", [{}, {"on": "find", "person": "lee", "pending_sec": 0.2}], ids=["all", "one"])
def test_pending_in_seconds(emulator: Emulator, client: Client, people: dict[str, Form], rule: dict[str, Any]) -> None:
    emulator.control(**({"rules": [rule]} if rule else {"pending_sec": 0.2}))
    start = time.monotonic()
    found = client.find(people["lee"])
    states = [client.get(found).json()["state"]]
    while states[-1] == -1:
        states.append(client.get(found).json()["state"])
    assert time.monotonic() - start >= 0.2
    assert len(states) > 1
    assert states[-1] == 1
    assert client.polls(1, people["petrov"]) == ([1] if rule else [-1])


def test_pending_in_polls(emulator: Emulator, client: Client, people: dict[str, Form]) -> None:
    assert client.polls(4, people["slow"]) == [-1, -1, -1, 1]
    emulator.control(pending=3, pending_sec=0.001)
    assert client.polls(4, FORM) == [-1, -1, -1, 1], "both end with the later"
