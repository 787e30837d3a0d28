"""How the emulator is controlled: settings, rules, scenarios, captchas."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from local_runtime.emulator import settings as settings_module
from local_runtime.emulator.cases import CASES
from local_runtime.emulator.client import Emulator, WrongControl
from local_runtime.emulator.counts import Step
from local_runtime.emulator.settings import STEPS_OF, Body, Captcha, Connection, Consent, EmulatorSettings, Rule

Form = dict[str, str]
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
    with pytest.raises(WrongControl, match=fault):
        emulator.control(**settings)
    assert emulator.control() == before


def test_what_is_not_json_is_refused(client: Any) -> None:
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


def test_settings_that_are_not_named_stay(emulator: Emulator) -> None:
    emulator.control(latency=0.01, pending=2)
    now = emulator.control(latency=0.02)
    assert (now["latency"], now["pending"]) == (0.02, 2)


def test_reset_undoes_everything(emulator: Emulator, client: Any, form: Form) -> None:
    before = emulator.control()
    found = client.find(form)
    emulator.control(scenario="down", pending=2, captcha_after=0, rules=[{"on": "get", "state": 7}])
    emulator.reset()
    assert emulator.control() == before
    assert emulator.stats().finds == 0
    assert client.get(found).status == 400
    assert client.get(client.find(form)).json["state"] == 1


def test_a_rule_begins_after_so_many_and_ends_after_so_many(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "find", "after": 2, "times": 3, "status": 500}])
    assert [client.find(form).status for _ in range(7)] == [200, 200, 500, 500, 500, 200, 200]
    [rule] = emulator.control()["rules"]
    assert (rule["seen"], rule["fired"]) == (7, 3)


def test_the_first_rule_that_takes_a_request_has_it(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "find", "times": 1, "status": 500}, {"on": "search", "times": 1, "status": 502}])
    assert [client.find(form).status for _ in range(3)] == [500, 502, 200]


@pytest.mark.parametrize("by", ["id", "key"])
def test_a_rule_for_one_person(emulator: Emulator, client: Any, people: dict[str, Form], form: Form, by: str) -> None:
    person = next(person for person in emulator.people() if person["id"] == "lee")
    emulator.control(rules=[{"on": "tax", "person": person[by], "status": 500}])
    assert client.find(form).status == 200
    assert client.find(people["lee"]).status == 500
    assert client.legacy(people["lee"]).status == 500


def test_a_persons_results_by_rule(emulator: Emulator, client: Any, people: dict[str, Form], form: Form) -> None:
    emulator.control(rules=[{"on": "get", "person": "lee", "state": -2}])
    assert client.get(client.find(people["lee"])).json == {"state": -2.0}
    assert client.get(client.find(form)).json["state"] == 1


def test_an_inn_by_rule(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "get", "inn": "000000000000"}, {"on": "legacy", "inn": ""}])
    assert client.get(client.find(form)).json == {"inn": "000000000000", "state": 1.0}
    assert client.legacy(form).json == {"inn": "", "captchaRequired": False, "code": 1}


def test_found_without_inn(emulator: Emulator, client: Any, people: dict[str, Form]) -> None:
    emulator.control(rules=[{"on": "get", "state": 1, "extra": {"inn": None}}])
    assert client.get(client.find(people["nobody"])).json["inn"] is None


def test_pending_polls_of_one_find_by_rule(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "find", "times": 1, "pending": 1}])
    first, second = client.find(form), client.find(form)
    assert client.get(first).json == {"state": -1.0}
    assert client.get(first).json["state"] == 1
    assert client.get(second).json["state"] == 1


def test_captcha_after_so_many_and_for_so_many(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(captcha_after=2, captcha_for=2)
    demanded = [client.find(form).json["captchaRequired"] for _ in range(6)]
    assert demanded == [False, False, True, True, False, False]
    emulator.control(captcha_after=1)
    demanded = [client.legacy(form).json["captchaRequired"] for _ in range(5)]
    assert demanded == [False, True, True, False, False], "counted anew"
    emulator.control(captcha_after=0, captcha_for=None)
    assert all(client.find(form).json["captchaRequired"] for _ in range(5))


def test_captchas_do_not_touch_polls(emulator: Emulator, client: Any, form: Form) -> None:
    found = client.find(form)
    emulator.control(captcha_after=0)
    assert client.get(found).json["state"] == 1


@pytest.mark.parametrize(
    ("scenario", "answer"), [("throttled", (429, "30")), ("down", (503, None)), ("captcha", (200, None))]
)
def test_scenarios(emulator: Emulator, client: Any, form: Form, scenario: str, answer: tuple[int, str | None]) -> None:
    emulator.control(scenario=scenario)
    for reply in (client.find(form), client.legacy(form)):
        assert (reply.status, reply.headers.get("retry-after")) == answer
        assert b"requestId" not in reply.body
        assert b"inn" not in reply.body
    emulator.control(scenario="normal")
    assert client.get(client.find(form)).json["state"] == 1


def test_the_slow_scenario_has_pending_polls_and_latency(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(scenario="slow")
    found = client.find(form)
    emulator.control(scenario="normal")
    assert [client.get(found).json["state"] for _ in range(4)] == [-1, -1, -1, 1]
    [find] = emulator.stats().times[Step.FIND]
    assert emulator.stats().times[Step.GET][0] - find >= 2


def test_latency_of_find_and_of_get(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(latency=0.2, get_latency=0)
    found = client.find(form)
    client.get(found)
    emulator.control(get_latency=0.3)
    client.get(found)
    client.find(form)
    stats = emulator.stats()
    times = sorted(stats.times[Step.FIND] + stats.times[Step.GET])
    find, first, second, end = times
    assert first - find >= 0.2
    assert end - second >= 0.3


def test_a_rule_adds_delay(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(latency=0.1, rules=[{"on": "find", "times": 1, "delay": 0.2}])
    client.find(form)
    client.find(form)
    first, second = emulator.stats().times[Step.FIND]
    assert second - first >= 0.3


def test_it_says_what_it_is(client: Any) -> None:
    assert b"/control" in client("/").body
    assert client("/nothing").status == 404
