"""Each case, named after its row of fns-protocol.md, over plain HTTP: as a rule, as the scenario, and limited."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.client import RemoteDisconnected
from typing import Any

import pytest

from local_runtime.emulator.cases import CASES
from local_runtime.emulator.client import Emulator

Form = dict[str, str]
Check = Callable[["Site"], None]
INVALID = {"ERROR": "Недопустимый идентификатор запроса", "STATUS": 400}
CONSENT = {"from": "/inn.do", "svc": "inn", "personalData": "1"}
HTML = {"content-type": "text/html;charset=UTF-8"}
CONSENT_PAGE = "/static/personal-data.html?svc=inn&from=%2Finn.do"


@dataclass
class Site:
    """The emulated site as a client sees it, and one person to ask it for."""

    client: Any
    form: Form

    def find(self, **headers: str) -> Any:
        return self.client.find(self.form, **headers)

    def legacy(self) -> Any:
        return self.client.legacy(self.form)

    def paid(self) -> Any:
        return self.client("/api/innfl?key=emulated-key&docno=1")

    def polls(self, count: int) -> list[Any]:
        """So many polls of one find: the state of each, or its status where that is not 200."""
        found = self.find()
        assert found.status == 200
        replies = [self.client.get(found) for _ in range(count)]
        return [reply.json["state"] if reply.status == 200 else reply.status for reply in replies]

    def consent(self, **headers: str) -> Any:
        return self.client("/static/personal-data-proc.json", CONSENT, **headers)

    def session(self) -> str:
        """The session's cookie."""
        cookie: str = self.client("/inn.do").headers["set-cookie"].partition(";")[0]
        return cookie


def searched(status: int, text: str = "", headers: Form | None = None, **json_keys: object) -> Check:
    """Each search, of both protocols, has this status, this text in it, these headers and these keys."""

    def check(site: Site) -> None:
        for reply in (site.find(), site.legacy()):
            assert reply.status == status
            assert text in reply.body.decode()
            assert (headers or {}).items() <= reply.headers.items()
            if json_keys:
                assert json_keys.items() <= reply.json.items()

    return check


def polled(*states: float) -> Check:
    """The polls of one find have these states, or statuses other than 200."""

    def check(site: Site) -> None:
        assert site.polls(len(states)) == list(states)

    return check


def read(*results: object) -> Check:
    """The polls of one find are answered with this JSON."""

    def check(site: Site) -> None:
        found = site.find()
        assert [site.client.get(found).json for _ in results] == list(results)

    return check


def coded(code: int, status: int = 200) -> Check:
    def check(site: Site) -> None:
        reply = site.legacy()
        assert (reply.status, reply.json["code"]) == (status, code)

    return check


def captcha_with_request_id(site: Site) -> None:
    found = site.find()
    assert found.json["captchaRequired"] is True
    assert site.client.get(found).json["state"] == 1
    legacy = site.legacy().json
    assert (legacy["captchaRequired"], legacy["code"]) == (True, 1)


def empty_find(site: Site) -> None:
    for reply in (site.find(), site.legacy()):
        assert (reply.status, reply.body) == (200, b"")


def keys(*names: str) -> Check:
    def check(site: Site) -> None:
        result = site.client.get(site.find()).json
        assert result.keys() == {"state", "inn", *names}
        assert result["state"] == 1

    return check


def broken_first_poll(error: type[Exception]) -> Check:
    def check(site: Site) -> None:
        found = site.find()
        with pytest.raises(error):
            replace(site.client, bound=0.2).get(found)
        assert site.client.get(found).json["state"] == 1

    return check


def wrong_first_poll(body: bytes, status: int) -> Check:
    def check(site: Site) -> None:
        found = site.find()
        first = site.client.get(found)
        assert (first.status, first.body) == (status, body)
        assert site.client.get(found).json["state"] == 1

    return check


def consent(site: Site) -> None:
    page = site.client("/inn.do")
    assert (page.status, page.headers["location"]) == (302, CONSENT_PAGE)
    assert page.headers["set-cookie"].startswith("JSESSIONID=")
    assert "/static/personal-data-proc.json" in site.client(CONSENT_PAGE).body.decode()
    assert site.find().status == 403
    assert site.legacy().status == 403
    assert site.client("/static/personal-data-proc.json", {"from": "/inn.do", "svc": "inn"}).status == 400
    token = site.consent().json
    assert isinstance(token, str)
    cookie = f"upd_inn={token}"
    assert "frmInn" in site.client("/inn.do", Cookie=cookie).body.decode()
    assert site.find(Cookie=cookie).status == 200
    assert site.find(Cookie="upd_inn=made-up").status == 403


def consent_strict(site: Site) -> None:
    session = site.session()
    referer = "http://service.example" + CONSENT_PAGE
    assert site.consent(Cookie=session).status == 403
    assert site.consent(Referer=referer).status == 403
    given = site.consent(Cookie=session, Referer=referer)
    assert given.headers["set-cookie"].startswith(f"upd_inn={given.json};")
    assert site.find(Cookie=f"{session}; upd_inn={given.json}").status == 200


def consent_page_only(site: Site) -> None:
    assert site.client("/inn.do").status == 302
    assert site.find().status == 200


def consent_forgotten(site: Site) -> None:
    cookie = f"upd_inn={site.consent().json}"
    assert site.find(Cookie=cookie).status == 403


def maintenance(site: Site) -> None:
    for reply in (site.client("/inn.do"), site.find(), site.legacy()):
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/html")
        assert "проведения технических работ" in reply.body.decode()
        assert "frmInn" not in reply.body.decode()


def wrapped(site: Site) -> None:
    for reply in (site.find(), site.legacy()):
        assert reply.headers["content-type"].startswith("text/html")
        before, _, inner = reply.body.decode().partition('<div id="result">')
        assert before.startswith("<html>")
        assert json.loads(inner.partition("</div>")[0])["captchaRequired"] is False


def windows_1251(content_type: str) -> Check:
    def check(site: Site) -> None:
        for reply in (site.find(), site.legacy()):
            assert (reply.status, reply.headers["content-type"]) == (500, content_type)
            with pytest.raises(UnicodeDecodeError):
                reply.body.decode()
            assert json.loads(reply.body.decode("windows-1251"))["ERROR"].startswith("Сервис временно")

    return check


def paid(status: int, text: str) -> Check:
    def check(site: Site) -> None:
        reply = site.paid()
        assert reply.status == status
        assert text in reply.body.decode()

    return check


CHECKS: dict[str, Check] = {
    "captcha": searched(200, captchaRequired=True),
    "captcha_with_request_id": captcha_with_request_id,
    "empty_find": empty_find,
    "slow": polled(-1, -1, -1, 1),
    "pending_polls": polled(-1, -1, -1, 1),
    "pending_seconds": polled(-1, -1, -1, -1, -1),
    "state_pending": polled(-1, -1, -1, -1, -1),
    "state_unavailable": polled(-2),
    "state_not_found": polled(0),
    "state_found_wrong_inn": read({"state": 1, "inn": "123456789037"}),
    "state_ambiguous": polled(3),
    "state_unknown": polled(7),
    "state_and_error_code": keys("error_code"),
    "new_keys": keys("error_code", "id", "entityId", "result"),
    "poll_502": polled(502, 1, 1),
    "poll_503": polled(503, 1, 1),
    "poll_504": polled(504, 1, 1),
    "poll_timeout": broken_first_poll(TimeoutError),
    "poll_empty": wrong_first_poll(b"", 200),
    "poll_reset": broken_first_poll(ConnectionResetError),
    "invalid_request_id": wrong_first_poll(
        json.dumps(INVALID, ensure_ascii=False, separators=(",", ":")).encode(), 400
    ),
    "forgotten_request_id": read(INVALID, INVALID, INVALID),
    "internal_error": read({"ERROR": "Произошла внутренняя ошибка", "STATUS": 500}),
    "consent": consent,
    "consent_strict": consent_strict,
    "consent_page_only": consent_page_only,
    "consent_forgotten": consent_forgotten,
    "maintenance": maintenance,
    "code_not_found": coded(0),
    "code_ambiguous": coded(3),
    "code_error": coded(2),
    "code_timeout": coded(99),
    "legacy_404": coded(1, 404),
    "wrong_fields": searched(
        400, ERROR="-", STATUS=400, ERRORS={"fam": ["Проверьте фамилию"], "docno": ["Проверьте номер документа"]}
    ),
    "captcha_field": searched(400, ERRORS={"captcha": ["Требуется ввести цифры с картинки"]}),
    "captcha_token_field": searched(400, ERRORS={"captchaToken": ["Требуется ввести цифры с картинки"]}),
    "service_error": searched(500, "Сервис временно недоступен", STATUS=500),
    "throttled": searched(429, "<h1>", {"retry-after": "30"}),
    "down": searched(503, "<h1>", HTML),
    "switched_off": searched(405, "<h1>", HTML),
    "json_in_html": wrapped,
    "windows_1251": windows_1251("application/json;charset=windows-1251"),
    "windows_1251_undeclared": windows_1251("application/json"),
    "apifns_not_found": paid(200, '{"items":[],"error":"Информация об ИНН не найдена"}'),
    "apifns_item_error": paid(200, '{"items":[{"error":'),
    "apifns_wrong_key": paid(200, "Ошибка: Неверный ключ (1)"),
    "apifns_blocked": paid(403, "Доступ запрещен"),
}


def test_every_case_is_checked() -> None:
    assert CHECKS.keys() == CASES.keys()


@pytest.mark.parametrize("name", CHECKS)
def test_case(emulator: Emulator, client: Any, form: Form, name: str) -> None:
    # Nobody has to wait here for what only takes time.
    quick = {"delay": 0} if name == "slow" else {}
    emulator.control(rules=[{"case": name, **quick}])
    CHECKS[name](Site(client, form))


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "slow"])
def test_case_as_the_scenario_of_everybody(emulator: Emulator, client: Any, form: Form, name: str) -> None:
    emulator.control(scenario=name)
    CHECKS[name](Site(client, form))


def test_a_case_is_limited_by_the_rules_other_fields(
    emulator: Emulator, client: Any, form: Form, people: dict[str, Form]
) -> None:
    emulator.control(rules=[{"case": "state_ambiguous", "person": "lee", "after": 1, "times": 1}])
    assert Site(client, form).polls(3) == [1, 1, 1]
    assert Site(client, people["lee"]).polls(3) == [1, 3, 1]


def test_a_rules_own_field_replaces_the_cases(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"case": "poll_502", "poll": 2, "status": 500}])
    assert Site(client, form).polls(3) == [1, 500, 1]


def test_the_nth_poll_is_counted_for_each_request_id(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"case": "poll_502"}], pending=2)
    first, second = client.find(form), client.find(form)
    states = [client.get(found) for found in (first, second, first, second, first, second)]
    assert [reply.status for reply in states] == [502, 502, 200, 200, 200, 200]
    assert [reply.json["state"] for reply in states[2:]] == [-1, -1, 1, 1], "a failed poll counts as pending"


@pytest.mark.parametrize("rule", [{}, {"on": "find", "person": "lee", "pending_sec": 0.2}], ids=["all", "one"])
def test_pending_in_seconds(emulator: Emulator, client: Any, people: dict[str, Form], rule: dict[str, Any]) -> None:
    emulator.control(**({"rules": [rule]} if rule else {"pending_sec": 0.2}))
    start = time.monotonic()
    found = client.find(people["lee"])
    states = [client.get(found).json["state"]]
    while states[-1] == -1:
        states.append(client.get(found).json["state"])
    assert time.monotonic() - start >= 0.2
    assert len(states) > 1
    assert states[-1] == 1
    assert Site(client, people["petrov"]).polls(1) == ([1] if rule else [-1])


def test_pending_in_polls_and_in_seconds_ends_with_the_later(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(pending=3, pending_sec=0.001)
    assert Site(client, form).polls(4) == [-1, -1, -1, 1]


def test_counts_are_exact_whatever_happens_to_the_reply(
    emulator: Emulator, client: Any, people: dict[str, Form]
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


def test_the_consent_cookie_may_come_in_the_body_alone(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(consent="required", rules=[{"on": "consent", "set_cookie": False}])
    given = Site(client, form).consent()
    assert "set-cookie" not in given.headers
    assert client.find(form, Cookie=f"upd_inn={given.json}").status == 200
