"""The client and the emulated services, written apart from one text: what one says the other must understand."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.config.settings import ApiFnsSettings
from adapters.providers.apifns import ApiFns, Quota
from function.outcomes import Status
from function.ports import Invalid, ProviderReply, Throttled, Unavailable, Verdict
from function.request import LookupRequest, parse
from local_runtime.emulator.client import Emulator
from tests.adapters.providers.nalog.clients import looked_up, nalog
from tests.adapters.providers.nalog.people import TODAY, request
from tests.adapters.providers.nalog.test_rows import BAD, LATER, THROTTLED, No, throttled
from tests.doubles import FixedClock

PROTOCOLS = ["two-step", "legacy"]
ENDINGS: dict[str, Callable[[ProviderReply | No, str], bool]] = {
    "found": lambda ended, inn: ended == ProviderReply(Verdict(Status.FOUND, inn, "nalog")),
    "not_found": lambda ended, _inn: ended == ProviderReply(Verdict(Status.NOT_FOUND, "", "nalog")),
    "ambiguous": lambda ended, _inn: ended == ProviderReply(Verdict(Status.AMBIGUOUS, "", "nalog")),
    "rejected": lambda ended, _inn: isinstance(ended, ProviderReply) and isinstance(ended.answer, Invalid),
    "pending": lambda ended, _inn: ended == LATER,
    "unavailable": lambda ended, _inn: ended == LATER,
    "wrong_inn": lambda ended, _inn: ended == BAD,
    "captcha": lambda ended, _inn: ended == THROTTLED,
}


def ended(emulator: Emulator, asked: LookupRequest, **settings: Any) -> ProviderReply | No:
    clock = FixedClock()
    try:
        return looked_up(nalog(emulator.url, clock, **settings), asked, clock)
    except Unavailable as no:
        return No(no.reason, no.retry_after, isinstance(no, Throttled))


def person(fields: dict[str, Any]) -> LookupRequest:
    parsed = parse({"requestId": "r", **fields}, TODAY)
    assert isinstance(parsed, LookupRequest)
    return parsed


@pytest.mark.parametrize("numbers", ["usual", "float", "int", "string"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_named_person_ends_as_the_register_says(emulator: Emulator, protocol: str, numbers: str) -> None:
    emulator.control(numbers=numbers)
    endings = set()
    for named in emulator.people():
        ending = ended(emulator, person(named["request"]), protocol=protocol)
        assert ENDINGS[named["ending"]](ending, named["inn"]), named["about"]
        endings.add(named["ending"])
    assert endings == set(ENDINGS)


def test_the_form_is_the_one_that_the_emulator_expects_of_each_person(emulator: Emulator) -> None:
    for named in emulator.people():
        ended(emulator, person(named["request"]))
        # It counts a person by what came in the form.
        assert emulator.stats().of(named["key"]) == 1, named["about"]


FOUND = "found"
NOT_FOUND = ProviderReply(Verdict(Status.NOT_FOUND, "", "nalog"))
AMBIGUOUS = ProviderReply(Verdict(Status.AMBIGUOUS, "", "nalog"))
CASES: dict[str, ProviderReply | No | str] = {
    "captcha": THROTTLED,
    "captcha_with_request_id": "found, and a captcha ahead",
    "maintenance": THROTTLED,
    "captcha_field": THROTTLED,
    "captcha_token_field": THROTTLED,
    "wrong_fields": "rejected",
    "service_error": LATER,
    "throttled": throttled(30),
    "down": LATER,
    "switched_off": THROTTLED,
    "json_in_html": FOUND,
    "windows_1251": LATER,
    "windows_1251_undeclared": LATER,
}
TWO_STEP_CASES: dict[str, ProviderReply | No | str] = {
    "empty_find": THROTTLED,
    "pending_polls": FOUND,
    "state_pending": LATER,
    "state_unavailable": LATER,
    "state_not_found": NOT_FOUND,
    "state_found_wrong_inn": BAD,
    "state_ambiguous": AMBIGUOUS,
    "state_unknown": LATER,
    "state_and_error_code": FOUND,
    "new_keys": FOUND,
    "poll_502": FOUND,
    "poll_503": FOUND,
    "poll_504": FOUND,
    "poll_empty": FOUND,
    "poll_reset": FOUND,
    "invalid_request_id": FOUND,
    "forgotten_request_id": LATER,
    "internal_error": LATER,
}
LEGACY_CASES: dict[str, ProviderReply | No | str] = {
    "code_not_found": NOT_FOUND,
    "code_ambiguous": AMBIGUOUS,
    "code_error": LATER,
    "code_timeout": LATER,
    "legacy_404": FOUND,
}
CASE_ROWS = [
    *itertools.product(PROTOCOLS, CASES),
    *(("two-step", case) for case in TWO_STEP_CASES),
    *(("legacy", case) for case in LEGACY_CASES),
]


@pytest.mark.parametrize(("protocol", "case"), CASE_ROWS, ids=[f"{protocol}: {case}" for protocol, case in CASE_ROWS])
def test_a_row_of_the_protocol(emulator: Emulator, protocol: str, case: str) -> None:
    named = emulator.people()[0]
    emulator.control(scenario=case)
    check(
        ended(emulator, person(named["request"]), protocol=protocol),
        {**CASES, **TWO_STEP_CASES, **LEGACY_CASES}[case],
        named["inn"],
    )
    # Whatever happened to its polls, a person costs one find.
    assert emulator.stats().of(named["key"]) <= 1


def check(got: ProviderReply | No, ending: ProviderReply | No | str, inn: str) -> None:
    if ending == "rejected":
        assert isinstance(got, ProviderReply)
        assert isinstance(got.answer, Invalid)
    elif isinstance(ending, str):
        assert got == ProviderReply(Verdict(Status.FOUND, inn, "nalog"), captcha_ahead=ending != FOUND)
    else:
        assert got == ending


def test_a_poll_that_gets_no_reply_is_made_again(emulator: Emulator) -> None:
    named = emulator.people()[0]
    emulator.control(scenario="poll_timeout")
    check(ended(emulator, person(named["request"]), timeout_sec=1), FOUND, named["inn"])
    assert emulator.stats().finds == 1


@pytest.mark.parametrize("consent", ["consent", "consent_strict", "consent_page_only"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_1_a_service_that_wants_session_and_consent_gets_them_where_the_operator_agrees(
    emulator: Emulator, protocol: str, consent: str
) -> None:
    named = emulator.people()[0]
    emulator.control(scenario=consent, session="required")
    assert isinstance(ended(emulator, person(named["request"]), protocol=protocol), No)
    found = ended(emulator, person(named["request"]), protocol=protocol, consent=True)
    check(found, FOUND, named["inn"])


class TestPaid:
    def client(self, emulator: Emulator, key: str = "emulated-key") -> ApiFns:
        return ApiFns(ApiFnsSettings(enabled=True, url=emulator.url, key=SecretStr(key)), timeout=30)

    def test_every_named_person_ends_as_the_register_says(self, emulator: Emulator) -> None:
        client = self.client(emulator)
        seen = 0
        for named in emulator.people():
            asked = person(named["request"])
            if not client.serves(asked) or named["ending"] not in ("found", "not_found"):
                continue
            seen += 1
            verdict = client.ask(asked, None).answer
            assert isinstance(verdict, Verdict)
            assert (verdict.status.value, verdict.inn) == (named["ending"], named["inn"]), named["about"]
            assert emulator.stats().persons[named["key"]]["apifns"] == 1
        assert seen > 3

    @pytest.mark.parametrize(
        ("case", "ending"),
        [
            ("apifns_not_found", ProviderReply(Verdict(Status.NOT_FOUND, "", "apifns"))),
            ("apifns_item_error", LATER),
            ("apifns_wrong_key", throttled(3600)),
            ("apifns_blocked", THROTTLED),
        ],
    )
    def test_a_row_of_the_protocol(self, emulator: Emulator, case: str, ending: ProviderReply | No) -> None:
        emulator.control(scenario=case)
        got: ProviderReply | No
        try:
            got = self.client(emulator).ask(request(), None)
        except Unavailable as no:
            got = No(no.reason, no.retry_after, isinstance(no, Throttled))
        assert got == ending

    def test_its_quota_is_read(self, emulator: Emulator) -> None:
        client = self.client(emulator)
        client.ask(person(emulator.people()[0]["request"]), None)
        assert client.quota() == Quota(1000, 1)

    @pytest.mark.parametrize(("key", "limit"), [("wrong", 1000), ("emulated-key", 0)], ids=["a wrong key", "used up"])
    def test_what_closes_it(self, emulator: Emulator, key: str, limit: int) -> None:
        emulator.control(apifns_limit=limit)
        with pytest.raises(Throttled):
            self.client(emulator, key).ask(request(), None)
