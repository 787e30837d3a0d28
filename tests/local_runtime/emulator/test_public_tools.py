"""The plain calls that public tools make to the real service get their answers from the emulated one, unchanged.

No package of PyPI or npm speaks the protocol. These do, elsewhere; each row below states what its
tool sends and what it reads, in a client that shares no line with this project:

- fns-service (Packagist: supasta/fns-service, MIT; PHP): two steps, both to `.json`, multipart as curl sends an array,
  no document date, an empty patronymic beside its mark, one poll.
- `find_fl_inn_new` of a Python module `fns`: two steps, both to `.do`, `bplace` too, up to five polls until there is
  an `inn`.
- a batch script (Python, requests): `find` to `.do`, `get` to `.json`.
- request-inn (Packagist: dezinger/request-inn; PHP): one step, without captcha fields; reads `inn`, `code` and the
  first of each of the ERRORS.
- the examples of the gist that Dadata's support points to (Python, PHP, JavaScript): one step, all fields.
- a PHP script of the legacy protocol: page, consent, and then both cookies by hand.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener, urlopen
from uuid import uuid4

import pytest

from local_runtime.emulator.client import Emulator

Fields = dict[str, str]
BOUND_SEC = 30
NO_CAPTCHA = {"captcha": "", "captchaToken": ""}


def fields_of(person: Fields, *more: str) -> Fields:
    """What every tool sends of a person, and what some do."""
    return {name: person.get(name, "") for name in ("fam", "nam", "otch", "bdate", "doctype", "docno", *more)}


def url_encoded(fields: Fields) -> tuple[bytes, str]:
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def multipart(fields: Fields) -> tuple[bytes, str]:
    boundary = f"------------------------{uuid4().hex[:16]}"
    part = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(part.format(boundary, name, value) for name, value in fields.items())
    return f"{body}--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


Encoding = Callable[[Fields], tuple[bytes, str]]


def post(url: str, fields: Fields, encoded: Encoding = url_encoded, cookie: str = "") -> Any:
    body, kind = encoded(fields)
    headers = {"Content-Type": kind, **({"Cookie": cookie} if cookie else {})}
    with urlopen(Request(url, body, headers), timeout=BOUND_SEC) as reply:
        return json.loads(reply.read())


def fns_service(site: str, person: Fields) -> Any:
    mark = {} if person.get("otch") else {"opt_otch": "1"}
    found = post(f"{site}/inn-new-proc.json", {**fields_of(person), **NO_CAPTCHA, **mark, "c": "find"}, multipart)
    poll = {"c": "get", "requestId": found["requestId"]}
    return post(f"{site}/inn-new-proc.json", poll, multipart).get("inn")


def find_fl_inn_new(site: str, person: Fields) -> Any:
    found = post(f"{site}/inn-new-proc.do", {**fields_of(person, "bplace", "docdt"), "c": "find", **NO_CAPTCHA})
    polls = (post(f"{site}/inn-new-proc.do", {"c": "get", "requestId": found["requestId"]}) for _ in range(5))
    return next((result["inn"] for result in polls if result.get("inn")), None)


def batch_script(site: str, person: Fields) -> Any:
    found = post(f"{site}/inn-new-proc.do", {**fields_of(person), "c": "find", **NO_CAPTCHA})
    return post(f"{site}/inn-new-proc.json", {"c": "get", "requestId": found["requestId"]}).get("inn")


def request_inn(site: str, person: Fields) -> Any:
    return post(f"{site}/inn-proc.do", {"c": "innMy", **fields_of(person, "bplace", "docdt")}).get("inn")


def gist(site: str, person: Fields) -> Any:
    fields = {**fields_of(person, "bplace", "docdt"), "c": "innMy", **NO_CAPTCHA}
    return post(f"{site}/inn-proc.do", fields).get("inn")


class NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def with_cookies(site: str, person: Fields) -> Any:
    try:
        page = build_opener(NoRedirect).open(f"{site}/inn.do", timeout=BOUND_SEC)
    except HTTPError as redirect:
        page = redirect
    with page:
        session = page.headers["Set-Cookie"].partition(";")[0]
    consent = {"from": "/inn.do", "svc": "inn", "personalData": "1"}
    token = post(f"{site}/static/personal-data-proc.json", consent, cookie=session)
    fields = {"c": "innMy", **NO_CAPTCHA, **fields_of(person, "bplace"), "docdt": ""}
    return post(f"{site}/inn-proc.do", fields, cookie=f"{session};upd_inn={token}").get("inn")


@pytest.mark.parametrize("tool", [fns_service, find_fl_inn_new, batch_script, request_inn, gist, with_cookies])
def test_it_finds_a_person_and_nothing_of_one_without_inn(
    emulator: Emulator, people: dict[str, Fields], tool: Callable[[str, Fields], Any]
) -> None:
    assert tool(emulator.url, people["ivanova"]) == "770000000082"
    assert tool(emulator.url, people["nobody"]) is None


def test_it_finds_a_person_without_patronymic(emulator: Emulator, people: dict[str, Fields]) -> None:
    assert fns_service(emulator.url, people["lee"]) == "770000000220"


def test_who_polls_on_finds_a_slow_person_and_who_polls_once_does_not(
    emulator: Emulator, people: dict[str, Fields]
) -> None:
    assert find_fl_inn_new(emulator.url, people["slow"]) == "467943371364"
    assert batch_script(emulator.url, people["slow"]) is None


def test_cookies_set_by_hand_are_cookies(emulator: Emulator, people: dict[str, Fields]) -> None:
    emulator.control(session="required", consent="required")
    assert with_cookies(emulator.url, people["ivanova"]) == "770000000082"
    with pytest.raises(HTTPError):
        gist(emulator.url, people["ivanova"])


def test_errors_are_read_by_field(emulator: Emulator, form: Fields) -> None:
    with pytest.raises(HTTPError) as refused:
        request_inn(emulator.url, {**form, "fam": "", "docno": "451112"})
    with refused.value as reply:
        errors = {field: texts[0] for field, texts in json.loads(reply.read())["ERRORS"].items()}
    assert errors.keys() == {"fam", "docno"}
