"""How the emulator is controlled: settings, rules, captchas; fns-protocol.md, 3, as it plays it by rule; what `/stats` shows."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import urllib3

from function.request import LookupRequest, parse
from local_runtime.emulator import settings as settings_module
from local_runtime.emulator.cases import CASES
from local_runtime.emulator.counts import Step
from local_runtime.emulator.process import Emulator, WrongEmulatorSettings, entry_for
from local_runtime.emulator.settings import STEPS_OF, Body, Captcha, Connection, Consent, EmulatorSettings, Rule
from tests.local_runtime.emulator.conftest import FORM, NEW, Client, Form

README = Path(settings_module.__file__).with_name("README.md")


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"latncy": 1}, "latncy"),
        ({"latency": -1, "pending": 3}, "latency"),
        ({"latency": "1"}, "latency"),
        ({"latency": 601}, "latency"),
        ({"pending": 1.5}, "pending"),
        ({"scenario": "sad"}, "scenario"),
        ({"captcha": "often"}, "captcha"),
        ({"captcha_for": 0}, "captcha_for"),
        ({"numbers": "roman"}, "numbers"),
        ({"rules": {}}, "rules"),
        ({"rules": [{"on": "everything"}]}, "rules.0.on"),
        ({"rules": [{"on": "get"}, {"on": "get", "stat": 1}]}, "rules.1.stat"),
        ({"rules": [{"status": 99}]}, "rules.0.status"),
        ({"rules": [{"times": 0}]}, "rules.0.times"),
        ({"rules": [{"connection": "lost"}]}, "rules.0.connection"),
        ({"rules": [{"state": 1}]}, "state goes with on = get only"),
        ({"rules": [{"on": "get", "pending": 1}]}, "pending needs find"),
        ({"rules": [{"on": ["get", "nothing"]}]}, "rules.0.on"),
        ({"rules": [{"case": "sadness"}]}, "case must be one of"),
        ({"rules": [{"case": "state_ambiguous", "on": "find"}]}, "state goes with on = get only"),
        ({"rules": [{"on": "page", "poll": 1}]}, "poll goes with on = get only"),
        ({"rules": [{"on": "tax", "code": 1}]}, "code goes with on = legacy only"),
        ({"rules": [{"on": "get", "captcha": "required"}]}, "captcha goes with on = find, legacy only"),
        ({"rules": [{"on": "page", "person": "lee"}]}, "person goes with on = "),
        ({"rules": [{"on": "find", "raw": "x", "error": "y"}]}, "only one of error, raw"),
    ],
)
def test_a_wrong_setting_is_refused_and_changes_nothing(emulator: Emulator, settings: Any, fault: str) -> None:
    before = emulator.control()
    with pytest.raises(WrongEmulatorSettings, match=fault):
        emulator.control(**settings)
    assert emulator.control() == before


def test_what_is_not_json_is_refused(client: Client) -> None:
    refused = client("/control", {"scenario": "slow"})
    assert refused.status == 400
    assert refused.json["errors"]


def examples() -> list[dict[str, Any]]:
    readme = README.read_text(encoding="utf-8")
    return [json.loads(line) for line in readme.splitlines() if line.startswith('{"')]


@pytest.mark.parametrize("example", examples(), ids=lambda example: next(iter(example)))
def test_the_examples_of_the_readme_are_understood(emulator: Emulator, example: dict[str, Any]) -> None:
    assert emulator.control(**example)


def test_the_readme_names_every_setting_rule_and_case() -> None:
    readme = README.read_text(encoding="utf-8")
    words = (word for kind in (Captcha, Consent, Body, Connection) for word in get_args(kind))
    named = {*EmulatorSettings.model_fields, *Rule.model_fields, *words, *STEPS_OF, *CASES}
    assert {name for name in named if f"`{name}`" not in readme} == set()


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


def test_a_rule_begins_after_so_many_and_ends_after_so_many(emulator: Emulator, client: Client) -> None:
    emulator.control(rules=[{"on": "find", "after": 2, "times": 3, "status": 500}])
    assert [client.find().status for _ in range(7)] == [200, 200, 500, 500, 500, 200, 200]
    [rule] = emulator.control()["rules"]
    assert (rule["seen"], rule["fired"]) == (7, 3)


def test_the_first_rule_that_takes_a_request_has_it(emulator: Emulator, client: Client) -> None:
    emulator.control(rules=[{"on": "find", "times": 1, "status": 500}, {"on": "search", "times": 1, "status": 502}])
    assert [client.find().status for _ in range(3)] == [500, 502, 200]


@pytest.mark.parametrize("by", ["id", "key"])
def test_a_rule_for_one_person(emulator: Emulator, client: Client, people: dict[str, Form], by: str) -> None:
    person = next(person for person in emulator.people() if person["id"] == "lee")
    emulator.control(rules=[{"on": "tax", "person": person[by], "status": 500}])
    assert [reply.status for reply in (*client.searches(), *client.searches(people["lee"]))] == [200, 200, 500, 500]


def test_captcha_after_so_many_and_for_so_many(emulator: Emulator, client: Client) -> None:
    emulator.control(captcha_after=2, captcha_for=2)
    demanded = [client.find().json["captchaRequired"] for _ in range(6)]
    assert demanded == [False, False, True, True, False, False]
    emulator.control(captcha_after=1)
    demanded = [client.legacy().json["captchaRequired"] for _ in range(5)]
    assert demanded == [False, True, True, False, False], "counted anew"
    emulator.control(captcha_after=0, captcha_for=None)
    assert all(client.find().json["captchaRequired"] for _ in range(5))
    emulator.control(captcha_after=None)
    found = client.find()
    emulator.control(captcha_after=0)
    assert client.get(found).json["state"] == 1, "polls are free"


def test_the_slow_scenario_adds_to_the_latency_of_find_and_of_get(emulator: Emulator, client: Client) -> None:
    emulator.control(scenario="slow", latency=0.1, get_latency=0)
    found = client.find()
    emulator.control(scenario="normal")
    assert [client.get(found).json["state"] for _ in range(4)] == [-1, -1, -1, 1]
    emulator.control(get_latency=0.2)
    client.get(found)
    client.find()
    stats = emulator.stats()
    first, *quick, slow, last = sorted(stats.times[Step.FIND] + stats.times[Step.GET])
    assert quick[0] - first >= 2.1
    assert last - slow >= 0.2


def test_it_says_what_it_is(client: Client) -> None:
    assert b"/control" in client("/").body
    assert client("/nothing").status == 404


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
    headers = {"content-type": kind} if kind else {}
    refused = urllib3.request("POST", emulator.url + NEW, body=body, headers=headers)
    assert refused.status == status
    assert refused.json()["STATUS"] == status


def test_calls_are_counted_by_kind_and_by_person(emulator: Emulator, client: Client, people: dict[str, Form]) -> None:
    found = client.find(people["lee"])
    client.get(found)
    client.get(found)
    client.legacy(people["lee"])
    client.find(people["petrov"])
    client.session()
    client("/static/personal-data.html?svc=inn&from=%2Finn.do")
    client.consent()
    stats = emulator.stats()
    keys = {person["id"]: person["key"] for person in emulator.people()}
    assert (stats.finds, stats.gets) == (3, 2)
    assert [stats.calls[step] for step in (Step.PAGE, Step.CONSENT_PAGE, Step.CONSENT)] == [1, 1, 1]
    assert stats.persons == {keys["lee"]: {"find": 1, "get": 2, "legacy": 1}, keys["petrov"]: {"find": 1}}
    assert (stats.of(keys["lee"]), stats.of(keys["petrov"]), stats.of("nobody")) == (2, 1, 0)
    assert stats.statuses == {200: 8}


def test_two_spellings_are_one_person_who_is_counted_without_name_or_document(
    emulator: Emulator, client: Client
) -> None:
    client.find()
    client.find({**FORM, "fam": "ОРЛОВА", "docdt": "01.01.2012"})
    assert list(emulator.stats().persons.values()) == [{"find": 2}]
    shown = client("/stats").text
    assert not any(FORM[field] in shown for field in ("fam", "nam", "otch", "bdate", "docno"))
    brief = emulator.stats(brief=True)
    assert (brief.finds, brief.persons, brief.searched) == (2, {}, [])


def test_nobody_is_counted_for_wrong_fields(emulator: Emulator, client: Client) -> None:
    client.find({**FORM, "docno": "1"})
    stats = emulator.stats()
    assert (stats.finds, stats.persons, stats.statuses) == (1, {}, {400: 1})


def test_a_request_of_the_contract_finds_its_counts(emulator: Emulator, client: Client) -> None:
    for person in emulator.people():
        client.find(person["form"])
        request = parse({"requestId": "1", **person["request"]}, datetime.now(UTC).date())
        assert isinstance(request, LookupRequest)
        assert emulator.asked(request) == 1, person["id"]
        entry = entry_for(request)
        assert (entry.key, entry.ending, entry.inn) == (person["key"], person["ending"], person["inn"])


def test_what_is_in_flight_is_counted(emulator: Emulator, client: Client) -> None:
    emulator.control(latency=0.3)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(client.find, [FORM] * 5))
    stats = emulator.stats()
    assert 1 < stats.max_in_flight <= 5
    assert stats.in_flight == 0


def test_when_it_closed_itself_is_kept(emulator: Emulator, client: Client) -> None:
    emulator.control(
        rules=[{"on": "find", "times": 1, "captcha": "required"}, {"on": "find", "status": 429, "times": 1}]
    )
    before = time.monotonic()
    for search in (client.find, client.find, client.legacy):
        search()
    stats = emulator.stats()
    assert stats.captchas == 1
    assert len(stats.closings) == 2
    first, second, third = stats.searched
    # The machine's monotonic clock is the same for all processes.
    times = [before, first, stats.closings[0], second, stats.closings[1], third, stats.now, time.monotonic()]
    assert times == sorted(times)
