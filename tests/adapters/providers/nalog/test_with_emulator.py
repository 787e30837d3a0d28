"""The client and the emulated services, written apart from one text: what one says the other must understand."""

from typing import Any

import pytest
from pydantic import SecretStr

from adapters.config.settings import ApiFnsSettings
from adapters.providers.apifns import ApiFns, Quota
from function.outcomes import Status
from function.ports import Invalid, ProviderReply, Verdict
from function.request import LookupRequest
from local_runtime.emulator.process import Emulator
from tests import doubles
from tests.adapters.providers.nalog.clients import (
    BAD,
    LATER,
    THROTTLED,
    No,
    ending,
    looked_up,
    nalog,
    request,
    throttled,
)
from tests.adapters.providers.nalog.test_rows import AMBIGUOUS, NOT_FOUND
from tests.doubles import FixedClock

PROTOCOLS = ["two-step", "legacy"]


def endings(inn: str) -> dict[str, ProviderReply | No | type[Invalid]]:
    """How a lookup ends, by the register's words, and by the scenario's, for a person of this INN."""
    found = ProviderReply(Verdict(Status.FOUND, inn, "nalog"))
    return {
        "found": found, "not_found": NOT_FOUND, "ambiguous": AMBIGUOUS, "rejected": Invalid, "pending": LATER,
        "unavailable": LATER, "wrong_inn": BAD, "captcha": THROTTLED, "throttled": throttled(30),
        "found, and a captcha ahead": found._replace(captcha_ahead=True),
    }  # fmt: skip


def ended(emulator: Emulator, asked: LookupRequest, **settings: Any) -> ProviderReply | No | type[Invalid]:
    clock = FixedClock()
    ended = ending(looked_up, nalog(emulator.url, clock, **settings), asked, clock)
    return Invalid if isinstance(ended, ProviderReply) and isinstance(ended.answer, Invalid) else ended


def person(fields: dict[str, Any]) -> LookupRequest:
    return doubles.request(**{"middleName": ..., "documentSerial": ..., "documentNumber": ..., **fields})


@pytest.mark.parametrize("numbers", ["usual", "float", "int", "string"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_named_person_ends_as_the_register_says(emulator: Emulator, protocol: str, numbers: str) -> None:
    emulator.control(numbers=numbers)
    seen = set()
    for named in emulator.people():
        end = ended(emulator, person(named["request"]), protocol=protocol)
        assert end == endings(named["inn"])[named["ending"]], named["about"]
        # It counts a person by what came in the form.
        assert emulator.stats().of(named["key"]) == 1, named["about"]
        seen.add(named["ending"])
    assert seen == endings("").keys() - {"found, and a captcha ahead", "throttled"}


CASES = {
    "captcha": "captcha captcha_field captcha_token_field maintenance switched_off",
    "found, and a captcha ahead": "captcha_with_request_id",
    "rejected": "wrong_fields",
    "unavailable": "service_error down windows_1251 windows_1251_undeclared",
    "throttled": "throttled",
    "found": "json_in_html",
}
TWO_STEP_CASES = {
    "captcha": "empty_find",
    "found": "pending_polls state_and_error_code new_keys poll_502 poll_503 poll_504 poll_empty poll_reset"
    " invalid_request_id",
    "unavailable": "state_pending state_unavailable state_unknown forgotten_request_id internal_error",
    "not_found": "state_not_found",
    "wrong_inn": "state_found_wrong_inn",
    "ambiguous": "state_ambiguous",
}
LEGACY_CASES = {
    "found": "legacy_404",
    "not_found": "code_not_found",
    "ambiguous": "code_ambiguous",
    "unavailable": "code_error code_timeout",
}
OF_PROTOCOLS = [("two-step", CASES), ("legacy", CASES), ("two-step", TWO_STEP_CASES), ("legacy", LEGACY_CASES)]
ROWS = [
    (protocol, case, kind)
    for protocol, kinds in OF_PROTOCOLS
    for kind, cases in kinds.items()
    for case in cases.split()
]


@pytest.mark.parametrize(("protocol", "case", "kind"), ROWS)
def test_a_row_of_the_protocol(emulator: Emulator, protocol: str, case: str, kind: str) -> None:
    named = emulator.people()[0]
    emulator.control(scenario=case)
    assert ended(emulator, person(named["request"]), protocol=protocol) == endings(named["inn"])[kind]
    # Whatever happened to its polls, a person costs one find.
    assert emulator.stats().of(named["key"]) <= 1


def test_a_poll_that_gets_no_reply_is_made_again(emulator: Emulator) -> None:
    named = emulator.people()[0]
    emulator.control(scenario="poll_timeout")
    assert ended(emulator, person(named["request"]), timeout_sec=1) == endings(named["inn"])["found"]
    assert emulator.stats().finds == 1


@pytest.mark.parametrize("consent", ["consent", "consent_strict", "consent_page_only"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_1_a_service_that_wants_session_and_consent_gets_them_where_the_operator_agrees(
    emulator: Emulator, protocol: str, consent: str
) -> None:
    named = emulator.people()[0]
    emulator.control(scenario=consent, session="required")
    assert isinstance(ended(emulator, person(named["request"]), protocol=protocol), No)
    assert ended(emulator, person(named["request"]), protocol=protocol, consent=True) == endings(named["inn"])["found"]


class TestPaid:
    def client(self, emulator: Emulator, key: str = "emulated-key") -> ApiFns:
        return ApiFns(ApiFnsSettings(enabled=True, url=emulator.url, key=SecretStr(key)), timeout=30)

    def test_every_named_person_ends_as_the_register_says(self, emulator: Emulator) -> None:
        client = self.client(emulator)
        people = [named for named in emulator.people() if named["ending"] in ("found", "not_found")]
        served = [named for named in people if client.serves(person(named["request"]))]
        assert len(served) > 3
        for number, named in enumerate(served, 1):
            verdict = client.ask(person(named["request"]), None).answer
            assert isinstance(verdict, Verdict)
            assert (verdict.status.value, verdict.inn) == (named["ending"], named["inn"]), named["about"]
            assert emulator.stats().persons[named["key"]]["apifns"] == 1
            assert client.quota() == Quota(1000, number)

    @pytest.mark.parametrize(
        ("case", "expected"),
        [
            ("apifns_not_found", ProviderReply(Verdict(Status.NOT_FOUND, "", "apifns"))),
            ("apifns_item_error", LATER),
            ("apifns_wrong_key", throttled(3600)),
            ("apifns_blocked", THROTTLED),
        ],
    )
    def test_a_row_of_the_protocol(self, emulator: Emulator, case: str, expected: ProviderReply | No) -> None:
        emulator.control(scenario=case)
        assert ending(self.client(emulator).ask, request(), None) == expected

    @pytest.mark.parametrize(("key", "limit"), [("wrong", 1000), ("emulated-key", 0)], ids=["a wrong key", "used up"])
    def test_what_closes_it(self, emulator: Emulator, key: str, limit: int) -> None:
        emulator.control(apifns_limit=limit)
        ended = ending(self.client(emulator, key).ask, request(), None)
        assert isinstance(ended, No)
        assert ended.throttled
