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
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener, urlopen
from uuid import uuid4

import pytest

from local_runtime.emulator.client import Emulator

Fields = dict[str, str]
BOUND_SEC = 30


@dataclass(frozen=True)
class Person:
    fam: str
    nam: str
    otch: str
    bdate: str
    docno: str
    docdt: str = ""

    @property
    def fields(self) -> Fields:
        names = {"fam": self.fam, "nam": self.nam, "otch": self.otch}
        return {**names, "bdate": self.bdate, "doctype": "21", "docno": self.docno}


IVANOVA = Person("Иванова", "Анна", "Петровна", "15.07.1990", "45 11 123456", "20.08.2010")
LEE = Person("Ли", "Мария", "", "29.02.2000", "45 20 654321", "05.03.2020")
SLOW = Person("Долгих", "Тихон", "Егорович", "03.03.1983", "45 08 333333")
NOBODY = Person("Безномерная", "Ольга", "Игоревна", "09.09.1999", "45 19 000098")
NO_CAPTCHA = {"captcha": "", "captchaToken": ""}


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


def fns_service(site: str, person: Person) -> str | None:
    fields = {**person.fields, **NO_CAPTCHA, "c": "find"}
    if not person.otch:
        fields["opt_otch"] = "1"
    found = post(f"{site}/inn-new-proc.json", fields, multipart)
    inn: str | None = post(f"{site}/inn-new-proc.json", {"c": "get", "requestId": found["requestId"]}, multipart).get(
        "inn"
    )
    return inn


def find_fl_inn_new(site: str, person: Person) -> str | None:
    fields = {**person.fields, "bplace": "", "docdt": person.docdt, "c": "find", **NO_CAPTCHA}
    found = post(f"{site}/inn-new-proc.do", fields)
    for _ in range(5):
        result = post(f"{site}/inn-new-proc.do", {"c": "get", "requestId": found["requestId"]})
        if result.get("inn"):
            inn: str = result["inn"]
            return inn
    return None


def batch_script(site: str, person: Person) -> str | None:
    found = post(f"{site}/inn-new-proc.do", {**person.fields, "c": "find", **NO_CAPTCHA})
    result = post(f"{site}/inn-new-proc.json", {"c": "get", "requestId": found["requestId"]})
    inn: str | None = result.get("inn")
    return inn


def request_inn(site: str, person: Person, **captcha: str) -> str | None:
    fields = {"c": "innMy", **person.fields, "bplace": "", "docdt": person.docdt, **captcha}
    inn: str | None = post(f"{site}/inn-proc.do", fields).get("inn")
    return inn


def gist(site: str, person: Person) -> str | None:
    return request_inn(site, person, **NO_CAPTCHA)


class NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def with_cookies(site: str, person: Person) -> str | None:
    try:
        page = build_opener(NoRedirect).open(f"{site}/inn.do", timeout=BOUND_SEC)
    except HTTPError as redirect:
        page = redirect
    with page:
        session = page.headers["Set-Cookie"].partition(";")[0]
    consent = {"from": "/inn.do", "svc": "inn", "personalData": "1"}
    token = post(f"{site}/static/personal-data-proc.json", consent, cookie=session)
    fields = {"c": "innMy", **NO_CAPTCHA, **person.fields, "bplace": "", "docdt": ""}
    inn: str | None = post(f"{site}/inn-proc.do", fields, cookie=f"{session};upd_inn={token}").get("inn")
    return inn


Tool = Callable[[str, Person], str | None]
TOOLS: list[Tool] = [fns_service, find_fl_inn_new, batch_script, request_inn, gist, with_cookies]


@pytest.mark.parametrize("tool", TOOLS)
def test_it_finds_a_person_and_nothing_of_one_without_inn(emulator: Emulator, tool: Tool) -> None:
    assert tool(emulator.url, IVANOVA) == "770000000082"
    assert tool(emulator.url, NOBODY) is None


def test_it_finds_a_person_without_patronymic(emulator: Emulator) -> None:
    assert fns_service(emulator.url, LEE) == "770000000220"


@pytest.mark.parametrize(("tool", "found"), [(find_fl_inn_new, "467943371364"), (batch_script, None)])
def test_who_polls_on_finds_a_slow_person_and_who_polls_once_does_not(
    emulator: Emulator, tool: Tool, found: str | None
) -> None:
    assert tool(emulator.url, SLOW) == found


def test_cookies_set_by_hand_are_cookies(emulator: Emulator) -> None:
    emulator.control(session="required", consent="required")
    assert with_cookies(emulator.url, IVANOVA) == "770000000082"
    with pytest.raises(HTTPError):
        gist(emulator.url, IVANOVA)


def test_errors_are_read_by_field(emulator: Emulator) -> None:
    nobody = Person("", "Анна", "Петровна", "15.07.1990", "451112")
    with pytest.raises(HTTPError) as refused:
        request_inn(emulator.url, nobody)
    with refused.value as reply:
        errors = {field: texts[0] for field, texts in json.loads(reply.read())["ERRORS"].items()}
    assert errors.keys() == {"fam", "docno"}
