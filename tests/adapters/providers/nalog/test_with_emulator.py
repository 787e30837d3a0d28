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
from tests.adapters.providers.nalog.clients import BAD, LATER, THROTTLED, No, ending, looked_up, nalog
from tests.adapters.providers.nalog.test_rows import AMBIGUOUS, NOT_FOUND
from tests.doubles import FixedClock

PROTOCOLS = ["two-step", "legacy"]


def endings(inn: str) -> dict[str, ProviderReply | No | type[Invalid]]:
    """How a lookup ends, by the register's words, for a person of this INN."""
    return {
        "found": ProviderReply(Verdict(Status.FOUND, inn, "nalog")), "not_found": NOT_FOUND, "ambiguous": AMBIGUOUS,
        "rejected": Invalid, "pending": LATER, "unavailable": LATER, "wrong_inn": BAD, "captcha": THROTTLED,
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
    assert seen == endings("").keys()


CASES = {
    "found": "json_in_html pending_polls new_keys state_and_error_code poll_502 poll_empty poll_reset invalid_request_id",
    "captcha": "captcha captcha_field captcha_token_field maintenance switched_off empty_find",
    "rejected": "wrong_fields",
    "unavailable": "down service_error windows_1251 windows_1251_undeclared state_unknown forgotten_request_id internal_error",
    "not_found": "state_not_found",
    "ambiguous": "state_ambiguous",
    "wrong_inn": "state_found_wrong_inn",
}


@pytest.mark.parametrize(("case", "kind"), [(case, kind) for kind, cases in CASES.items() for case in cases.split()])
def test_a_case_of_the_protocol_costs_one_find_whatever_happens_to_its_polls(
    emulator: Emulator, case: str, kind: str
) -> None:
    named = emulator.people()[0]
    emulator.control(scenario=case)
    assert ended(emulator, person(named["request"])) == endings(named["inn"])[kind]
    assert emulator.stats().of(named["key"]) <= 1


def test_the_paid_provider_answers_every_holder_of_a_passport_as_the_register_says(emulator: Emulator) -> None:
    client = ApiFns(ApiFnsSettings(enabled=True, url=emulator.url, key=SecretStr("emulated-key")), timeout=30)
    people = [named for named in emulator.people() if named["ending"] in ("found", "not_found")]
    served = [named for named in people if client.serves(person(named["request"]))]
    assert len(served) > 3
    for number, named in enumerate(served, 1):
        verdict = client.ask(person(named["request"]), None).answer
        assert isinstance(verdict, Verdict)
        assert (verdict.status.value, verdict.inn) == (named["ending"], named["inn"]), named["about"]
        assert client.quota() == Quota(1000, number)
