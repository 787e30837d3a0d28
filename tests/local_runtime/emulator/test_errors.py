"""fns-protocol.md, 3: every row, in both protocols, as the emulated service plays it by rule."""

import json
from typing import Any

import pytest
import urllib3

from local_runtime.emulator.client import Emulator

Form = dict[str, str]


@pytest.fixture(params=["find", "legacy"])
def search(request: pytest.FixtureRequest, client: Any) -> Any:
    return getattr(client, request.param)


def test_wrong_fields_in_the_services_own_view(search: Any, people: dict[str, Form]) -> None:
    refused = search(people["rejected"])
    assert refused.status == 400
    assert refused.json.keys() == {"ERROR", "ERRORS", "STATUS"}
    assert refused.json["ERRORS"].keys() == {"docno"}


def test_any_field_by_rule(emulator: Emulator, search: Any, form: Form) -> None:
    errors = {"fam": ["Нет такой фамилии", "Совсем нет"], "docno": ["Нет такого документа"]}
    emulator.control(rules=[{"on": "search", "errors": errors}])
    assert search(form).json == {"ERROR": "-", "ERRORS": errors, "STATUS": 400}


@pytest.mark.parametrize(("kind", "field"), [("field", "captcha"), ("token_field", "captchaToken")])
def test_captcha_among_the_errors(emulator: Emulator, search: Any, form: Form, kind: str, field: str) -> None:
    emulator.control(captcha_after=0, captcha=kind)
    refused = search(form)
    assert refused.status == 400
    assert refused.json["ERRORS"].keys() == {field}


@pytest.mark.parametrize("status", [403, 500, 503])
def test_an_error_of_the_service(emulator: Emulator, search: Any, form: Form, status: int) -> None:
    emulator.control(rules=[{"on": "search", "error": "Сервис недоступен", "status": status}])
    failed = search(form)
    assert (failed.status, failed.json) == (status, {"ERROR": "Сервис недоступен", "STATUS": status})


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("retry_after", [None, 7, "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_status_with_anything(
    emulator: Emulator, search: Any, form: Form, status: int, retry_after: int | str | None
) -> None:
    emulator.control(rules=[{"on": "search", "status": status, "retry_after": retry_after}])
    failed = search(form)
    assert failed.status == status
    assert failed.headers.get("retry-after") == (None if retry_after is None else str(retry_after))
    assert b"{" not in failed.body


def test_a_bad_status_may_hold_the_answer(emulator: Emulator, search: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "search", "status": 503, "body": "honest"}])
    assert search(form).json["captchaRequired"] is False


@pytest.mark.parametrize("body", ["truncated", "html", "garbage", "nested"])
def test_a_body_that_is_no_json(emulator: Emulator, search: Any, form: Form, body: str) -> None:
    emulator.control(rules=[{"on": "search", "body": body}])
    reply = search(form)
    assert reply.status == 200
    with pytest.raises((ValueError, RecursionError)):
        json.loads(reply.body)


def test_any_text_as_any_type(emulator: Emulator, search: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "search", "raw": "[NaN, null]", "content_type": "image/png"}])
    reply = search(form)
    assert (reply.body, reply.headers["content-type"]) == (b"[NaN, null]", "image/png")


def test_a_redirect_to_another_host(emulator: Emulator, search: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "search", "redirect": "http://elsewhere.invalid/inn-new-proc.json"}])
    moved = search(form)
    assert moved.status == 307
    assert moved.headers["location"] == "http://elsewhere.invalid/inn-new-proc.json"
    emulator.control(rules=[{"on": "search", "redirect": "http://elsewhere.invalid/", "status": 302}])
    assert search(form).status == 302


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"c=find", "application/json", 415),
        (b"c=find", "", 415),
        (b"c=find&fam=%ff", "application/x-www-form-urlencoded", 400),
        ("c=find&fam=я".encode(), "application/x-www-form-urlencoded", 400),
        (b"c=find", "multipart/form-data", 400),
        (b"c=find&fam=" + b"a" * 70_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_what_is_no_form_is_refused(emulator: Emulator, body: bytes, kind: str, status: int) -> None:
    with urllib3.PoolManager() as http:
        headers = {"content-type": kind} if kind else {}
        refused = http.request("POST", emulator.url + "/inn-new-proc.json", body=body, headers=headers)
        assert refused.status == status
        assert refused.json()["STATUS"] == status
