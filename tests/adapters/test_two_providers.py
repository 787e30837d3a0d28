"""The tax service, and the paid provider behind it: real clients, a real store, the emulated services."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.providers import Providers
from adapters.providers.apifns import ApiFns
from adapters.providers.nalog import NalogConfig, connect
from adapters.providers.nalog.exchange import Exchange
from adapters.providers.nalog.pools import Site
from function.outcomes import Reason
from function.ports import Unavailable, Verdict
from function.rate_limit import Pace, Why
from function.telemetry import Silent
from local_runtime.emulator.client import Emulator
from local_runtime.store import EmbeddedStore
from tests.adapters.providers.nalog.replica import person
from tests.adapters.providers.nalog.test_with_emulator import person as asked_for

EVER = 3600


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def asking(emulator: Emulator, tmp_path: Path) -> Iterator[Providers]:
    emulator.reset()
    store = EmbeddedStore(tmp_path / "store", lease=60)
    web = Exchange(Site(emulator.url))
    with closing(store), closing(web), closing(connect(NalogConfig(emulator.url))) as tax_service:
        paid = ApiFns(web, "emulated-key", 30)
        limited, free = Pace(0, EVER, daily_limit=3, probe_lease=60), Pace(0, EVER, 0, 60)
        yield Providers([(tax_service, limited), (paid, free)], store, Silent())


def who_answers(asking: Providers, persons: range) -> list[str]:
    said = [asking.ask(asked_for(person(number))) for number in persons]
    return [verdict.provider for verdict in said if isinstance(verdict, Verdict)]


def why_shut(asking: Providers) -> list[Why | None]:
    return [state.shut.why if state.shut else None for state in asking.states()]


@pytest.mark.parametrize("captcha", ["required", "field", "token_field"])
def test_persons_go_to_the_paid_provider_while_the_tax_service_demands_captchas(
    emulator: Emulator, asking: Providers, captcha: str
) -> None:
    emulator.control(captcha_after=1, captcha=captcha)
    assert who_answers(asking, range(4)) == ["nalog", "apifns", "apifns", "apifns"]
    assert why_shut(asking) == [Why.COOLING, None]
    stats = emulator.stats()
    assert stats.finds == 2
    # Nobody is seen twice by one of them.
    assert {
        count for steps in stats.persons.values() for step, count in steps.items() if step in ("find", "apifns")
    } == {1}


def test_persons_go_to_the_paid_provider_when_the_day_s_limit_is_reached(emulator: Emulator, asking: Providers) -> None:
    assert who_answers(asking, range(5)) == ["nalog", "nalog", "nalog", "apifns", "apifns"]
    assert why_shut(asking) == [Why.DAILY_LIMIT, None]
    assert emulator.stats().finds == 3


def test_nobody_goes_to_the_paid_provider_because_the_tax_service_fails(emulator: Emulator, asking: Providers) -> None:
    emulator.control(scenario="down")
    with pytest.raises(Unavailable) as no:
        who_answers(asking, range(1))
    assert no.value.reason is Reason.PROVIDER_UNAVAILABLE
    assert emulator.stats().calls["apifns"] == 0


def test_a_throttled_tax_service_says_for_how_long(emulator: Emulator, asking: Providers) -> None:
    emulator.control(rules=[{"on": "find", "status": 429, "raw": "", "retry_after": 3600}])
    assert who_answers(asking, range(2)) == ["apifns", "apifns"]
    tax_service, _ = asking.states()
    assert tax_service.shut is not None
    assert 3500 < tax_service.shut.reopens_in <= 3600


def test_both_are_closed(emulator: Emulator, asking: Providers) -> None:
    emulator.control(scenario="captcha", apifns_key="another")
    with pytest.raises(Unavailable) as no:
        who_answers(asking, range(1))
    assert no.value.reason is Reason.TURNED_AWAY
    assert why_shut(asking) == [Why.COOLING, Why.COOLING]


@pytest.mark.parametrize(
    ("trouble", "stands"),
    [({"apifns_limit": 0}, Why.COOLING), ({"rules": [{"on": "apifns", "status": 503, "raw": ""}]}, None)],
    ids=["used up", "away"],
)
def test_a_paid_provider_in_trouble_fails_no_request_that_would_wait_without_it(
    emulator: Emulator, asking: Providers, trouble: dict[str, Any], stands: Why | None
) -> None:
    emulator.control(scenario="captcha", **trouble)
    endings = []
    for number in (0, 0, 0, 1):
        with pytest.raises(Unavailable) as no:
            who_answers(asking, range(number, number + 1))
        endings.append(no.value.reason)
    assert endings == [Reason.TURNED_AWAY, *[Reason.PROVIDER_CLOSED] * 3]
    assert why_shut(asking) == [Why.COOLING, stands]
    # Once for each person, unless it turns everybody away.
    assert emulator.stats().calls["apifns"] == (1 if stands else 2)
