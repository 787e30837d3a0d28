"""A client of the emulator that knows nothing but HTTP."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from urllib3 import BaseHTTPResponse

from local_runtime.emulator.process import Emulator

Form = dict[str, str]
BOUND_SEC = 30
NEW, NEW_DO = "/inn-new-proc.json", "/inn-new-proc.do"
OLD = "/inn-proc.do"
KEY = "emulated-key"
FORM: Form = {
    "fam": "Орлова",
    "nam": "Дарья",
    "otch": "Глебовна",
    "bdate": "10.10.1991",
    "doctype": "21",
    "docno": "45 12 101010",
    "docdt": "",
    "captcha": "",
    "captchaToken": "",
}
"""Somebody who has no name in the register, and an INN."""


@dataclass
class Client:
    """Sends requests; a form makes one a POST. Whoever asks for nobody else asks for FORM."""

    url: str
    bound: float = BOUND_SEC

    def __call__(self, path: str, form: Form | None = None, **headers: str) -> BaseHTTPResponse:
        body = None if form is None else urlencode(form)
        if form is not None:
            headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", **headers}
        with urllib3.PoolManager(retries=False, timeout=self.bound) as http:
            return http.request("GET" if form is None else "POST", self.url + path, body=body, headers=headers)

    def find(self, form: Form = FORM, path: str = NEW, **headers: str) -> BaseHTTPResponse:
        return self(path, {"c": "find", **form}, **headers)

    def get(self, found: BaseHTTPResponse, path: str = NEW) -> BaseHTTPResponse:
        return self(path, {"c": "get", "requestId": found.json()["requestId"]})

    def result(self, form: Form = FORM) -> Any:
        """What the first poll of a find says."""
        return self.get(self.find(form)).json()

    def polls(self, count: int, form: Form = FORM) -> list[Any]:
        """So many polls of one find: the state of each, or its status where that is not 200."""
        found = self.find(form)
        replies = [self.get(found) for _ in range(count)]
        return [reply.json()["state"] if reply.status == 200 else reply.status for reply in replies]

    def legacy(self, form: Form = FORM, path: str = OLD, **headers: str) -> BaseHTTPResponse:
        return self(path, {"c": "innMy", "bplace": "", **form}, **headers)

    def searches(self, form: Form = FORM, **headers: str) -> tuple[BaseHTTPResponse, BaseHTTPResponse]:
        """The same search by each protocol."""
        return self.find(form, **headers), self.legacy(form, **headers)

    def paid(self, form: Form = FORM, **changes: str) -> BaseHTTPResponse:
        fields = {name: form.get(name, "") for name in ("fam", "nam", "otch", "bdate", "doctype", "docno")}
        fields |= {"otch": fields["otch"] or "нет", "docno": fields["docno"].replace(" ", "")}
        return self("/api/innfl?" + urlencode({**fields, "key": KEY, **changes}))

    def session(self) -> str:
        """The session's cookie."""
        return self("/inn.do").headers["set-cookie"].partition(";")[0]

    def consent(self, **headers: str) -> BaseHTTPResponse:
        form = {"from": "/inn.do", "svc": "inn", "personalData": "1"}
        return self("/static/personal-data-proc.json", form, **headers)


@pytest.fixture
def client(emulator: Emulator) -> Client:
    return Client(emulator.url)


@pytest.fixture
def people(emulator: Emulator) -> dict[str, Form]:
    """The forms of the named people, by id."""
    return {person["id"]: person["form"] for person in emulator.people()}
