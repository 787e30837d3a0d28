"""What `/stats` tells."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from function.request import LookupRequest, parse
from local_runtime.emulator.client import Emulator, known
from local_runtime.emulator.counts import Step

Form = dict[str, str]


def test_calls_are_counted_by_kind_and_by_person(emulator: Emulator, client: Any, people: dict[str, Form]) -> None:
    found = client.find(people["lee"])
    client.get(found)
    client.get(found)
    client.legacy(people["lee"])
    client.find(people["petrov"])
    client("/inn.do")
    client("/static/personal-data.html?svc=inn&from=%2Finn.do")
    client("/static/personal-data-proc.json", {"from": "/inn.do", "svc": "inn", "personalData": "1"})
    stats = emulator.stats()
    keys = {person["id"]: person["key"] for person in emulator.people()}
    assert (stats.finds, stats.gets) == (3, 2)
    assert [stats.calls[step] for step in (Step.PAGE, Step.CONSENT_PAGE, Step.CONSENT)] == [1, 1, 1]
    assert stats.persons == {keys["lee"]: {"find": 1, "get": 2, "legacy": 1}, keys["petrov"]: {"find": 1}}
    assert (stats.of(keys["lee"]), stats.of(keys["petrov"]), stats.of("nobody")) == (2, 1, 0)
    assert stats.statuses == {200: 8}


def test_two_spellings_are_one_person(emulator: Emulator, client: Any, form: Form) -> None:
    client.find(form)
    client.find({**form, "fam": "ОРЛОВА", "docdt": "01.01.2012"})
    assert list(emulator.stats().persons.values()) == [{"find": 2}]


def test_nobody_is_counted_for_wrong_fields(emulator: Emulator, client: Any, form: Form) -> None:
    client.find({**form, "docno": "1"})
    stats = emulator.stats()
    assert (stats.finds, stats.persons, stats.statuses) == (1, {}, {400: 1})


def test_no_name_and_no_document_is_shown(emulator: Emulator, client: Any, form: Form) -> None:
    client.find(form)
    shown = client("/stats").body.decode()
    assert not any(form[field] in shown for field in ("fam", "nam", "otch", "bdate", "docno"))


def test_a_request_of_the_contract_finds_its_counts(emulator: Emulator, client: Any) -> None:
    for person in emulator.people():
        client.find(person["form"])
        request = parse({"requestId": "1", **person["request"]}, datetime.now(UTC).date())
        assert isinstance(request, LookupRequest)
        assert emulator.asked(request) == 1, person["id"]
        entry = known(request)
        assert (entry.key, entry.ending, entry.inn) == (person["key"], person["ending"], person["inn"])


def test_what_is_in_flight_is_counted(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(latency=0.3)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(client.find, [form] * 5))
    stats = emulator.stats()
    assert 1 < stats.max_in_flight <= 5
    assert stats.in_flight == 0


def test_when_it_closed_itself_is_kept(emulator: Emulator, client: Any, form: Form) -> None:
    emulator.control(
        rules=[{"on": "find", "times": 1, "captcha": "required"}, {"on": "find", "status": 429, "times": 1}]
    )
    before = time.monotonic()
    for search in (client.find, client.find, client.legacy):
        search(form)
    stats = emulator.stats()
    assert stats.captchas == 1
    assert len(stats.closings) == 2
    first, second, third = stats.searched
    # The machine's monotonic clock is the same for all processes.
    times = [before, first, stats.closings[0], second, stats.closings[1], third, stats.now, time.monotonic()]
    assert times == sorted(times)


def test_a_brief_look_has_neither_persons_nor_times(emulator: Emulator, client: Any, form: Form) -> None:
    client.find(form)
    stats = emulator.stats(brief=True)
    assert (stats.finds, stats.persons, stats.searched) == (1, {}, [])
