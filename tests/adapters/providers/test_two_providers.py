"""The tax service, and the paid provider behind it: real clients, a real store, the emulated services."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.config.settings import ApiFnsSettings, NalogSettings
from adapters.providers import FailoverProvider
from adapters.providers.apifns import ApiFns
from adapters.providers.nalog import Nalog
from adapters.runtime.clock import SystemClock
from function.outcomes import Reason
from function.ports import Invalid, Pending, Unavailable, Verdict
from function.rate_limit import DenialReason, RateLimit
from function.request import LookupRequest
from function.telemetry import Observer
from local_runtime.emulator.client import Emulator
from local_runtime.store import EmbeddedStore
from tests.adapters.providers.nalog.people import invented

EVER = 3600


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def asking(emulator: Emulator, tmp_path: Path) -> Iterator[FailoverProvider]:
    emulator.reset()
    clock, observer = SystemClock(), Observer()
    with closing(EmbeddedStore(tmp_path / "store", lease=60)) as store:
        tax_service = Nalog(NalogSettings(url=emulator.url), clock, observer, poll_wait=0)
        paid = ApiFns(ApiFnsSettings(enabled=True, url=emulator.url, key=SecretStr("emulated-key")), timeout=30)
        limited, free = RateLimit(0, EVER, daily_limit=3, probe_lease=60), RateLimit(0, EVER, 0, 60)
        yield FailoverProvider([(tax_service, limited), (paid, free)], store, observer, clock)


def who_answers(asking: FailoverProvider, persons: range) -> list[str]:
    verdicts = [answer(asking, invented(number)) for number in persons]
    return [verdict.provider for verdict in verdicts if isinstance(verdict, Verdict)]


def answer(asking: FailoverProvider, request: LookupRequest) -> Verdict | Invalid:
    reply = asking.ask(request, None)
    while isinstance(reply, Pending):
        reply = asking.ask(request, reply.ticket)
    return reply


def denials(asking: FailoverProvider) -> list[DenialReason | None]:
    return [state.denied.reason if state.denied else None for state in asking.states()]


@pytest.mark.parametrize("captcha", ["required", "field", "token_field"])
def test_persons_go_to_the_paid_provider_while_the_tax_service_demands_captchas(
    emulator: Emulator, asking: FailoverProvider, captcha: str
) -> None:
    emulator.control(captcha_after=1, captcha=captcha)
    assert who_answers(asking, range(4)) == ["nalog", "apifns", "apifns", "apifns"]
    assert denials(asking) == [DenialReason.COOLING_DOWN, None]
    stats = emulator.stats()
    assert stats.finds == 2
    # Nobody is seen twice by one of them.
    assert {
        count for steps in stats.persons.values() for step, count in steps.items() if step in ("find", "apifns")
    } == {1}


def test_persons_go_to_the_paid_provider_when_the_day_s_limit_is_reached(
    emulator: Emulator, asking: FailoverProvider
) -> None:
    assert who_answers(asking, range(5)) == ["nalog", "nalog", "nalog", "apifns", "apifns"]
    assert denials(asking) == [DenialReason.DAILY_LIMIT, None]
    assert emulator.stats().finds == 3


def test_nobody_goes_to_the_paid_provider_because_the_tax_service_fails(
    emulator: Emulator, asking: FailoverProvider
) -> None:
    emulator.control(scenario="down")
    with pytest.raises(Unavailable) as no:
        who_answers(asking, range(1))
    assert no.value.reason is Reason.PROVIDER_UNAVAILABLE
    assert emulator.stats().calls["apifns"] == 0


def test_a_throttled_tax_service_says_for_how_long(emulator: Emulator, asking: FailoverProvider) -> None:
    emulator.control(rules=[{"on": "find", "status": 429, "raw": "", "retry_after": 3600}])
    assert who_answers(asking, range(2)) == ["apifns", "apifns"]
    tax_service, _ = asking.states()
    assert tax_service.denied is not None
    assert 3500 < tax_service.denied.retry_after <= 3600


def test_both_are_closed(emulator: Emulator, asking: FailoverProvider) -> None:
    emulator.control(scenario="captcha", apifns_key="another")
    with pytest.raises(Unavailable) as no:
        who_answers(asking, range(1))
    assert no.value.reason is Reason.THROTTLED
    assert denials(asking) == [DenialReason.COOLING_DOWN, DenialReason.COOLING_DOWN]


@pytest.mark.parametrize(
    ("trouble", "stands"),
    [({"apifns_limit": 0}, DenialReason.COOLING_DOWN), ({"rules": [{"on": "apifns", "status": 503, "raw": ""}]}, None)],
    ids=["used up", "away"],
)
def test_a_paid_provider_in_trouble_fails_no_request_that_would_wait_without_it(
    emulator: Emulator, asking: FailoverProvider, trouble: dict[str, Any], stands: DenialReason | None
) -> None:
    emulator.control(scenario="captcha", **trouble)
    endings = []
    for number in (0, 0, 0, 1):
        with pytest.raises(Unavailable) as no:
            who_answers(asking, range(number, number + 1))
        endings.append(no.value.reason)
    assert endings == [Reason.THROTTLED, *[Reason.PROVIDER_CLOSED] * 3]
    assert denials(asking) == [DenialReason.COOLING_DOWN, stands]
    # Once for each person, unless it turns everybody away.
    assert emulator.stats().calls["apifns"] == (1 if stands else 2)
