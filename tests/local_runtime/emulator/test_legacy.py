"""fns-protocol.md, 2: every row, as the emulated service plays it."""

from typing import Any

import pytest

from local_runtime.emulator.client import Emulator

Form = dict[str, str]

ROWS: list[tuple[str, dict[str, object]]] = [
    ("petrov", {"inn": "770000000300", "captchaRequired": False, "code": 1}),
    ("nobody", {"captchaRequired": False, "code": 0}),
    ("namesake", {"captchaRequired": False, "code": 3}),
    ("unavailable", {"captchaRequired": False, "code": 99}),
    ("stuck", {"captchaRequired": False, "code": 99}),
    ("wrong-inn", {"inn": "770000000083", "captchaRequired": False, "code": 1}),
    ("captcha", {"captchaRequired": True}),
]


@pytest.mark.parametrize(("who", "answer"), ROWS)
def test_every_code_has_its_person(client: Any, people: dict[str, Form], who: str, answer: dict[str, object]) -> None:
    reply = client.legacy(people[who])
    assert (reply.status, reply.json) == (200, answer)


@pytest.mark.parametrize("code", [2, 5, 99])
def test_any_other_code_by_rule(emulator: Emulator, client: Any, form: Form, code: int) -> None:
    emulator.control(rules=[{"on": "legacy", "code": code}])
    assert client.legacy(form).json == {"captchaRequired": False, "code": code}


def test_both_protocols_know_the_same_people(client: Any, form: Form) -> None:
    assert client.legacy(form).json["inn"] == client.get(client.find(form)).json["inn"]
    assert client.legacy(form, "/inn-proc.json").json == client.legacy(form).json


def test_wrong_fields_are_refused_as_in_the_other_protocol(client: Any, form: Form) -> None:
    wrong = {**form, "bdate": "10.13.1991", "docno": "1"}
    assert client.legacy(wrong).json == client.find(wrong).json


def test_captcha_required_together_with_an_answer(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "legacy", "captcha": "with_id"}])
    reply = client.legacy(form).json
    assert reply["captchaRequired"] is True
    assert reply["code"] == 1


def test_the_other_side_404_with_a_page(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "legacy", "status": 404, "body": "html"}])
    assert b"inn" not in client.legacy(form).body
