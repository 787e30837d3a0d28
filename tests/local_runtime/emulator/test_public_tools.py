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

from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from local_runtime.emulator.process import Emulator
from tests.local_runtime.emulator.conftest import BOUND_SEC, FORM, NEW, NEW_DO, OLD, Form

Tool = Callable[[str, Form], Any]
NO_CAPTCHA = {"captcha": "", "captchaToken": ""}


class Refused(Exception):
    """A reply that is no success; its JSON."""


def post(url: str, fields: Form, *, multipart: bool = False, cookie: str = "") -> Any:
    headers = {"Cookie": cookie} if cookie else {}
    with urllib3.PoolManager(retries=False, timeout=BOUND_SEC) as pool:
        reply = pool.request_encode_body("POST", url, fields, headers, encode_multipart=multipart)
    if reply.status != 200:
        raise Refused(reply.json())
    return reply.json()


def fields_of(person: Form, *more: str) -> Form:
    """What every tool sends of a person, and what some do."""
    return {name: person.get(name, "") for name in ("fam", "nam", "otch", "bdate", "doctype", "docno", *more)}


def two_steps(find_at: str, get_at: str, *more: str, polls: int = 1, multipart: bool = False) -> Tool:
    def ask(site: str, person: Form) -> Any:
        found = post(site + find_at, {**fields_of(person, *more), "c": "find", **NO_CAPTCHA}, multipart=multipart)
        poll = {"c": "get", "requestId": found["requestId"]}
        results = (post(site + get_at, poll, multipart=multipart) for _ in range(polls))
        return next((result["inn"] for result in results if result.get("inn")), None)

    return ask


def one_step(captcha: Form) -> Tool:
    def ask(site: str, person: Form) -> Any:
        return post(site + OLD, {"c": "innMy", **fields_of(person, "bplace", "docdt"), **captcha}).get("inn")

    return ask


fns_service = two_steps(NEW, NEW, multipart=True)
find_fl_inn_new = two_steps(NEW_DO, NEW_DO, "bplace", "docdt", polls=5)
batch_script = two_steps(NEW_DO, NEW)
request_inn = one_step({})
gist = one_step(NO_CAPTCHA)


def with_cookies(site: str, person: Form) -> Any:
    page = urllib3.request("GET", f"{site}/inn.do", redirect=False)
    session = page.headers["Set-Cookie"].partition(";")[0]
    consent = {"from": "/inn.do", "svc": "inn", "personalData": "1"}
    token = post(f"{site}/static/personal-data-proc.json", consent, cookie=session)
    fields = {"c": "innMy", **NO_CAPTCHA, **fields_of(person, "bplace"), "docdt": ""}
    return post(site + OLD, fields, cookie=f"{session};upd_inn={token}").get("inn")


@pytest.mark.parametrize("tool", [fns_service, find_fl_inn_new, batch_script, request_inn, gist, with_cookies])
def test_it_finds_a_person_and_nothing_of_one_without_inn(
    emulator: Emulator, people: dict[str, Form], tool: Tool
) -> None:
    assert tool(emulator.url, people["ivanova"]) == "770000000082"
    assert tool(emulator.url, people["nobody"]) is None


def test_it_finds_a_person_without_patronymic(emulator: Emulator, people: dict[str, Form]) -> None:
    marked = two_steps(NEW, NEW, "opt_otch", multipart=True)
    assert marked(emulator.url, {**people["lee"], "opt_otch": "1"}) == "770000000220"


def test_who_polls_on_finds_a_slow_person_and_who_polls_once_does_not(
    emulator: Emulator, people: dict[str, Form]
) -> None:
    assert find_fl_inn_new(emulator.url, people["slow"]) == "467943371364"
    assert batch_script(emulator.url, people["slow"]) is None


def test_cookies_set_by_hand_are_cookies(emulator: Emulator, people: dict[str, Form]) -> None:
    emulator.control(session="required", consent="required")
    assert with_cookies(emulator.url, people["ivanova"]) == "770000000082"
    with pytest.raises(Refused):
        gist(emulator.url, people["ivanova"])


def test_errors_are_read_by_field(emulator: Emulator) -> None:
    with pytest.raises(Refused) as refused:
        request_inn(emulator.url, {**FORM, "fam": "", "docno": "451112"})
    errors = {field: texts[0] for field, texts in refused.value.args[0]["ERRORS"].items()}
    assert errors.keys() == {"fam", "docno"}
