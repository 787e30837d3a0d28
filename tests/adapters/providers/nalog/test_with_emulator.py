"""The client and the emulated services, written apart from one text: what one says the other must understand."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters.providers.apifns import ApiFns, Quota
from adapters.providers.nalog import NalogConfig, connect
from adapters.providers.nalog.exchange import Exchange
from adapters.providers.nalog.pools import Site
from function.outcomes import Status
from function.ports import Invalid, Unavailable, Verdict
from function.rate_limit import Reply, Throttled
from function.request import LookupRequest, parse
from local_runtime.emulator.client import Emulator
from tests.adapters.providers.nalog.clock import Clock
from tests.adapters.providers.nalog.people import TODAY, every_turn, request
from tests.adapters.providers.nalog.test_rows import BAD, CLOSE, LATER, No, closing

PROTOCOLS = ["two-step", "legacy"]
ENDINGS: dict[str, Callable[[Reply | No, str], bool]] = {
    "found": lambda ended, inn: ended == Reply(Verdict(Status.FOUND, inn, "nalog")),
    "not_found": lambda ended, _inn: ended == Reply(Verdict(Status.NOT_FOUND, "", "nalog")),
    "ambiguous": lambda ended, _inn: ended == Reply(Verdict(Status.AMBIGUOUS, "", "nalog")),
    "rejected": lambda ended, _inn: isinstance(ended, Reply) and isinstance(ended.said, Invalid),
    "pending": lambda ended, _inn: ended == LATER,
    "unavailable": lambda ended, _inn: ended == LATER,
    "wrong_inn": lambda ended, _inn: ended == BAD,
    "captcha": lambda ended, _inn: ended == CLOSE,
}


def ended(config: NalogConfig, asked: LookupRequest) -> Reply | No:
    client = connect(config)
    client._timing = Clock().timing
    try:
        return client.ask(asked, every_turn)
    except Unavailable as no:
        return No(no.reason, no.retry_after, isinstance(no, Throttled))
    finally:
        client.close()


def person(fields: dict[str, Any]) -> LookupRequest:
    parsed = parse({"requestId": "r", **fields}, TODAY)
    assert isinstance(parsed, LookupRequest)
    return parsed


@pytest.mark.parametrize("numbers", ["usual", "float", "int", "string"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_named_person_ends_as_the_register_says(emulator: Emulator, protocol: Any, numbers: str) -> None:
    emulator.control(numbers=numbers)
    endings = set()
    for named in emulator.people():
        config = NalogConfig(url=emulator.url, protocol=protocol)
        assert ENDINGS[named["ending"]](ended(config, person(named["request"])), named["inn"]), named["about"]
        endings.add(named["ending"])
    assert endings == set(ENDINGS)


def test_the_form_is_the_one_that_the_emulator_expects_of_each_person(emulator: Emulator) -> None:
    for named in emulator.people():
        ended(NalogConfig(url=emulator.url), person(named["request"]))
        # It counts a person by what came in the form.
        assert emulator.stats().of(named["key"]) == 1, named["about"]


Script = dict[str, Any]
FOUND = "a good answer"
RULES: dict[str, tuple[Script, No | str]] = {
    "the search has a captcha": ({"on": "search", "captcha": "required"}, CLOSE),
    "captcha as a field": ({"on": "search", "captcha": "field"}, CLOSE),
    "captchaToken as a field": ({"on": "search", "captcha": "token_field"}, CLOSE),
    "the next search will have a captcha": ({"on": "search", "captcha": "with_id"}, "a good answer, and a cool-down"),
    "an error as text": ({"on": "tax", "error": "Произошла внутренняя ошибка"}, LATER),
    "fields of ours": ({"on": "search", "errors": {"c": ["?"]}}, LATER),
    "429": ({"on": "tax", "status": 429, "raw": "", "retry_after": 30}, closing(30)),
    "429 without a time": ({"on": "tax", "status": 429, "raw": ""}, CLOSE),
    "500": ({"on": "tax", "status": 500, "raw": "oops"}, LATER),
    "503 with a time": ({"on": "tax", "status": 503, "raw": "", "retry_after": 60}, closing(60)),
    "405 with a page": ({"on": "tax", "status": 405, "body": "html"}, CLOSE),
    "200 with a page": ({"on": "tax", "body": "html"}, CLOSE),
    "an empty body": ({"on": "tax", "body": "empty"}, BAD),
    "half a body": ({"on": "tax", "body": "truncated"}, BAD),
    "an answer in a page": ({"on": "tax", "body": "in_html"}, FOUND),
    "garbage": ({"on": "tax", "body": "garbage"}, BAD),
    "depth": ({"on": "tax", "body": "nested"}, BAD),
    "a wrong checksum": ({"on": "any", "inn": "770000000083"}, BAD),
    "more keys": ({"on": "tax", "extra": {"error_code": 99, "entityId": 1.0}}, FOUND),
    "a connection that drops once": ({"on": "tax", "connection": "drop", "times": 1}, FOUND),
    "a connection that is reset once": ({"on": "tax", "connection": "reset", "times": 1}, FOUND),
    "a connection that is cut once": ({"on": "tax", "connection": "cut", "times": 1}, FOUND),
    "a connection that always drops": ({"on": "tax", "connection": "drop"}, LATER),
    "an endless body": ({"on": "tax", "connection": "endless"}, BAD),
    "a huge body": ({"on": "tax", "connection": "huge"}, BAD),
}
TWO_STEP_RULES: dict[str, tuple[Script, No | str]] = {
    "state 2": ({"on": "get", "state": 2}, LATER),
    "state -2": ({"on": "get", "state": -2}, LATER),
    "state 17": ({"on": "get", "state": 17}, LATER),
    "a request id that is not known for a while": (
        {"on": "get", "error": "Недопустимый идентификатор запроса", "times": 2},
        FOUND,
    ),
    "a request id that is forgotten": ({"on": "find", "forgotten": True, "times": 1}, FOUND),
    "request ids that are all forgotten": ({"on": "find", "forgotten": True}, LATER),
    "three polls": ({"on": "find", "pending": 3}, FOUND),
}
LEGACY_RULES: dict[str, tuple[Script, No | str]] = {
    "code 2": ({"on": "legacy", "code": 2}, LATER),
    "code 99": ({"on": "legacy", "code": 99}, LATER),
    "404 with an answer": ({"on": "legacy", "status": 404}, FOUND),
}
ROWS = [
    *((protocol, rule) for protocol in PROTOCOLS for rule in RULES),
    *(("two-step", rule) for rule in TWO_STEP_RULES),
    *(("legacy", rule) for rule in LEGACY_RULES),
]


@pytest.mark.parametrize(("protocol", "name"), ROWS, ids=[f"{protocol}: {rule}" for protocol, rule in ROWS])
def test_a_fault_of_the_service(emulator: Emulator, protocol: Any, name: str) -> None:
    script, ending = (RULES | TWO_STEP_RULES | LEGACY_RULES)[name]
    named = emulator.people()[0]
    rule = script if script["on"] != "any" else script | {"on": "get" if protocol == "two-step" else "legacy"}
    emulator.control(rules=[rule])
    got = ended(NalogConfig(url=emulator.url, protocol=protocol), person(named["request"]))
    if isinstance(ending, No):
        assert got == ending
    else:
        assert got == Reply(Verdict(Status.FOUND, named["inn"], "nalog"), cool=ending != FOUND)


@pytest.mark.parametrize("connection", ["hang", "trickle", "trickle_head"])
def test_a_reply_that_takes_its_time_ends_with_the_lookup_s(emulator: Emulator, connection: str) -> None:
    emulator.control(rules=[{"on": "tax", "connection": connection, "pause": 0.05}])
    client = connect(NalogConfig(url=emulator.url, timeout=0.3))
    with pytest.raises(Unavailable) as no:
        client.ask(request(), every_turn)
    client.close()
    assert not isinstance(no.value, Throttled)


def test_a_redirect_to_another_host_is_not_followed(emulator: Emulator) -> None:
    with Emulator() as elsewhere:
        emulator.control(rules=[{"on": "tax", "redirect": elsewhere.url + "/inn-new-proc.json"}])
        assert isinstance(ended(NalogConfig(url=emulator.url), request()), No)
        assert sum(elsewhere.stats().calls.values()) == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_service_that_wants_session_and_consent_gets_them_where_the_operator_agrees(
    emulator: Emulator, protocol: Any
) -> None:
    named = emulator.people()[0]
    emulator.control(session="required", consent="required")
    assert isinstance(ended(NalogConfig(url=emulator.url, protocol=protocol), person(named["request"])), No)
    found = ended(NalogConfig(url=emulator.url, protocol=protocol, consent=True), person(named["request"]))
    assert found == Reply(Verdict(Status.FOUND, named["inn"], "nalog"))


class TestPaid:
    def asked(self, emulator: Emulator, key: str = "emulated-key") -> ApiFns:
        return ApiFns(Exchange(Site(emulator.url)), key, 30)

    def test_every_named_person_ends_as_the_register_says(self, emulator: Emulator) -> None:
        client = self.asked(emulator)
        seen = 0
        for named in emulator.people():
            asked = person(named["request"])
            if not client.serves(asked) or named["ending"] not in ("found", "not_found"):
                continue
            seen += 1
            reply = client.ask(asked, every_turn)
            assert isinstance(reply.said, Verdict)
            assert (reply.said.status.value, reply.said.inn) == (named["ending"], named["inn"]), named["about"]
            assert emulator.stats().persons[named["key"]]["apifns"] == 1
        assert seen > 3

    def test_a_wrong_key_closes_it(self, emulator: Emulator) -> None:
        client = self.asked(emulator, "wrong")
        with pytest.raises(Throttled):
            client.ask(request(), every_turn)
        with pytest.raises(Throttled):
            client.quota()

    def test_its_quota_is_read(self, emulator: Emulator) -> None:
        client = self.asked(emulator)
        client.ask(person(emulator.people()[0]["request"]), every_turn)
        assert client.quota() == Quota(1000, 1)

    def test_a_used_up_quota_closes_it(self, emulator: Emulator) -> None:
        emulator.control(apifns_limit=0)
        with pytest.raises(Throttled):
            self.asked(emulator).ask(request(), every_turn)
