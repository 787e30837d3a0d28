"""How the emulator is controlled: settings, rules, captchas; and what `/stats` shows."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import urllib3

from local_runtime.emulator import control_settings as settings_module
from local_runtime.emulator.control_client import WrongEmulatorSettings
from local_runtime.emulator.control_settings import EmulatorSettings
from local_runtime.emulator.fault_rules import STEPS_OF, Body, Captcha, Consent, Rule
from local_runtime.emulator.http_replies import Connection
from local_runtime.emulator.process import Emulator
from local_runtime.emulator.register import entry_for
from local_runtime.emulator.scenarios import CASES
from local_runtime.emulator.stats import Step
from tests.doubles import request
from tests.local_runtime.emulator.conftest import FORM, NEW, Client, Form

README = Path(settings_module.__file__).with_name("README.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(line) for line in README.splitlines() if line.startswith('{"')]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"latncy": 1}, "latncy"),
        ({"latency": -1, "pending": 3}, "latency"),
        ({"latency": "1"}, "latency"),
        ({"latency": 601}, "latency"),
        ({"scenario": "sad"}, "scenario"),
        ({"rules": [{"on": "get"}, {"on": "get", "stat": 1}]}, "rules.1.stat"),
        ({"rules": [{"on": ["get", "nothing"]}]}, "rules.0.on"),
        ({"rules": [{"on": "get", "pending": 1}]}, "pending needs find"),
        ({"rules": [{"case": "sadness"}]}, "case must be one of"),
        ({"rules": [{"case": "state_ambiguous", "on": "find"}]}, "state goes with on = get only"),
        ({"rules": [{"on": "page", "poll": 1}]}, "poll goes with on = get only"),
        ({"rules": [{"on": "find", "raw": "x", "error": "y"}]}, "only one of error, raw"),
    ],
)
def test_a_wrong_setting_is_refused_and_changes_nothing(emulator: Emulator, settings: Any, fault: str) -> None:
    before = emulator.control()
    with pytest.raises(WrongEmulatorSettings, match=fault):
        emulator.control(**settings)
    assert emulator.control() == before


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: next(iter(example)))
def test_the_examples_of_the_readme_are_understood(emulator: Emulator, example: dict[str, Any]) -> None:
    assert emulator.control(**example)


def test_the_readme_names_every_setting_rule_and_case() -> None:
    words = (word for kind in (Captcha, Consent, Body, Connection) for word in get_args(kind))
    named = {*EmulatorSettings.model_fields, *Rule.model_fields, *words, *STEPS_OF, *CASES}
    assert {name for name in named if f"`{name}`" not in README} == set()


def test_settings_that_are_not_named_stay_and_a_reset_undoes_everything(emulator: Emulator, client: Client) -> None:
    before = emulator.control()
    found = client.find()
    emulator.control(latency=0.01, pending=2)
    now = emulator.control(latency=0.02)
    assert (now["latency"], now["pending"]) == (0.02, 2)
    emulator.control(scenario="down", captcha_after=0, rules=[{"on": "get", "state": 7}])
    emulator.reset()
    assert emulator.control() == before
    assert emulator.stats().finds == 0
    assert client.get(found).status == 400
    assert client.result()["state"] == 1


def test_the_first_rule_that_takes_a_request_has_it_after_so_many_and_for_so_many(
    emulator: Emulator, client: Client
) -> None:
    emulator.control(
        rules=[{"on": "find", "after": 2, "times": 3, "status": 500}, {"on": "search", "times": 1, "status": 502}]
    )
    assert [client.find().status for _ in range(7)] == [502, 200, 500, 500, 500, 200, 200]
    first, second = emulator.control()["rules"]
    assert (first["seen"], first["fired"], second["seen"], second["fired"]) == (7, 3, 4, 1)


@pytest.mark.parametrize("by", ["id", "key"])
def test_a_rule_for_one_person(emulator: Emulator, client: Client, people: dict[str, Form], by: str) -> None:
    person = next(person for person in emulator.people() if person["id"] == "lee")
    emulator.control(rules=[{"on": "tax", "person": person[by], "status": 500}])
    assert [reply.status for reply in (*client.searches(), *client.searches(people["lee"]))] == [200, 200, 500, 500]


def test_captcha_after_so_many_and_for_so_many(emulator: Emulator, client: Client) -> None:
    emulator.control(captcha_after=2, captcha_for=2)
    demanded = [client.find().json()["captchaRequired"] for _ in range(6)]
    assert demanded == [False, False, True, True, False, False]
    assert emulator.stats().captchas == 2
    emulator.control(captcha_after=1)
    demanded = [client.legacy().json()["captchaRequired"] for _ in range(5)]
    assert demanded == [False, True, True, False, False], "counted anew"
    emulator.control(captcha_after=0, captcha_for=None)
    assert all(client.find().json()["captchaRequired"] for _ in range(5))
    emulator.control(captcha_after=None)
    found = client.find()
    emulator.control(captcha_after=0)
    assert client.get(found).json()["state"] == 1, "polls are free"


def test_each_answer_has_its_latency(emulator: Emulator, client: Client) -> None:
    emulator.control(latency=5, get_latency=0, rules=[{"on": "get", "times": 1, "delay": 5}])
    impatient = Client(client.url, bound=0.2)
    for step in ("find", "get"):
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            impatient(NEW, {"c": step})
    assert client(NEW, {"c": "get"}).status == 400


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"c=find", "application/json", 415),
        (b"c=find", "", 415),
        (b"c=find&fam=%ff", "application/x-www-form-urlencoded", 400),
        ("c=find&fam=я".encode(), "application/x-www-form-urlencoded", 400),
        (b"c=find&fam=" + b"a" * 70_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_what_is_no_form_is_refused(emulator: Emulator, body: bytes, kind: str, status: int) -> None:
    headers = {"content-type": kind} if kind else {}
    refused = urllib3.request("POST", emulator.url + NEW, body=body, headers=headers)
    assert (refused.status, refused.json()["STATUS"]) == (status, status)


def test_calls_are_counted_by_step_and_by_person_without_name_or_document(
    emulator: Emulator, client: Client, people: dict[str, Form]
) -> None:
    found = client.find(people["lee"])
    client.get(found)
    client.get(found)
    client.legacy(people["lee"])
    for same in ({}, {"fam": "ОРЛОВА", "docdt": "01.01.2012"}):
        client.find({**FORM, **same})
    client.find({**FORM, "docno": "1"})
    client.session()
    client.consent()
    stats = emulator.stats()
    lee = next(person["key"] for person in emulator.people() if person["id"] == "lee")
    [other] = stats.persons.keys() - {lee}
    assert stats.persons == {lee: {"find": 1, "get": 2, "legacy": 1}, other: {"find": 2}}
    assert [stats.calls[step] for step in (Step.FIND, Step.PAGE, Step.CONSENT_PAGE, Step.CONSENT)] == [4, 1, 0, 1]
    assert (stats.finds, stats.gets, stats.of(lee), stats.of("nobody")) == (5, 2, 2, 0)
    assert stats.statuses == {200: 8, 400: 1}
    shown = client("/stats").data.decode()
    assert not any(FORM[field] in shown for field in ("fam", "nam", "otch", "bdate", "docno"))
    brief = emulator.stats(brief=True)
    assert (brief.finds, brief.persons) == (5, {})


def test_a_request_of_the_contract_finds_its_counts(emulator: Emulator, client: Client) -> None:
    for person in emulator.people():
        client.find(person["form"])
        entry = entry_for(request(**person["request"]))
        assert emulator.stats().of(entry.key) == 1, person["id"]
        assert (entry.key, entry.ending, entry.inn) == (person["key"], person["ending"], person["inn"])


def test_it_says_what_it_is(client: Client) -> None:
    assert b"/control" in client("/").data
    assert client("/nothing").status == 404
