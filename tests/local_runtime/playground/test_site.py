"""What is served for the page: its files, the state, the switches, and who gave the latest answers."""

import json
from collections.abc import Callable, Iterator, Mapping

import pytest
import urllib3
from starlette.applications import Starlette

from adapters.providers import FailoverProvider
from adapters.runtime.clock import SystemClock
from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, ProviderReply, Ticket, Unavailable, Verdict
from function.rate_limit import RateLimit
from function.request import LookupRequest
from local_runtime.emulator.control_client import EmulatorControl
from local_runtime.emulator.process import Emulator
from local_runtime.playground import Playground, SwitchableProvider
from local_runtime.playground.switchable_provider import MAX_ANSWERS, LatestAnswer
from tests.adapters.http.conftest import serving
from tests.doubles import INN, MemoryRateLimiter, RecordingObserver, request
from tests.servers.process import free_port

JSON = {"content-type": "application/json"}


class Named:
    """A Provider that finds everybody, or what else it is told to do."""

    def __init__(self, name: str, say: Callable[[], Verdict | Invalid] | None = None) -> None:
        self.name = name
        self._say = say or (lambda: Verdict(Status.FOUND, INN, name))

    def serves(self, request: LookupRequest) -> bool:
        return True

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> ProviderReply:
        return ProviderReply(self._say())


def switchable(nalog: Callable[[], Verdict | Invalid] | None = None) -> SwitchableProvider:
    limiter, limit = MemoryRateLimiter(), RateLimit(0, 0, 0, 0)
    tax_service, paid = (Named("nalog", nalog), limit), (Named("apifns"), limit)
    alone, with_paid = (
        FailoverProvider(order, limiter, RecordingObserver(), SystemClock())
        for order in ([tax_service], [tax_service, paid])
    )
    return SwitchableProvider(alone, with_paid, paid=False)


def playground(emulator: EmulatorControl, provider: SwitchableProvider) -> Starlette:
    return Starlette(routes=Playground(emulator, provider).routes())


@pytest.fixture(scope="module")
def site(tax_service: Emulator) -> Iterator[str]:
    tax_service.reset()
    with serving(playground(tax_service, switchable())) as url:
        yield url


def call(url: str, body: object = None, headers: Mapping[str, str] = JSON) -> urllib3.BaseHTTPResponse:
    if body is None:
        return urllib3.request("GET", url, retries=False)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return urllib3.request("POST", url, body=data, headers=headers, retries=False)


def test_every_file_has_its_type_and_a_strict_policy_and_nothing_else_is_served(site: str) -> None:
    files = {"": "text/html", "page.css": "text/css", "main.js": "text/javascript", "people": "application/json"}
    for name, kind in files.items():
        answer = call(f"{site}/playground/{name}" if name else site)
        assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, kind)
        policy = answer.headers["content-security-policy"].split("; ")
        assert "default-src 'none'" in policy
        assert not [rule for rule in policy if "unsafe" in rule or "http" in rule or "*" in rule]
        assert answer.headers["x-content-type-options"] == "nosniff"
    for outside in ("site.py", "../site.py", "index.html"):
        assert call(f"{site}/playground/{outside}").status == 404


def test_the_switches_are_set_one_by_one_and_the_state_shows_them(site: str) -> None:
    def state(**switches: object) -> tuple[str, bool, list[str]]:
        shown = call(f"{site}/playground/state", switches or None).json()
        return shown["scenario"], shown["paid"], [provider["name"] for provider in shown["providers"]]

    assert state(scenario="slow") == ("slow", False, ["nalog"])
    assert state(paid=True) == ("slow", True, ["nalog", "apifns"])
    state(scenario="normal", paid=False)
    assert state() == ("normal", False, ["nalog"])


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"scenario": "furious"}, JSON, 400),
        ({"paid": "yes"}, JSON, 400),
        ({"latency": 5}, JSON, 400),
        (b"{", JSON, 400),
        (b'{"scenario": "down"}', {"content-type": "text/plain"}, 415),
        (b'{"scenario": "down"}', {}, 415),
    ],
    ids=["no scenario", "no boolean", "no switch", "no JSON", "a form of another site", "no type"],
)
def test_an_unknown_switch_is_refused(site: str, body: object, headers: dict[str, str], status: int) -> None:
    answer = call(f"{site}/playground/state", body, headers)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"].startswith("expected ")
    assert call(f"{site}/playground/state").json()["scenario"] == "normal"


def test_an_emulator_that_has_ended_is_a_problem_and_no_internal_error() -> None:
    gone = EmulatorControl(f"http://127.0.0.1:{free_port()}")
    with serving(playground(gone, switchable())) as url:
        answer = call(f"{url}/playground/state")
    assert (answer.status, answer.json()["detail"]) == (502, "the emulated tax service does not answer")


def test_the_latest_answers_are_remembered_by_request_and_what_is_none_is_not() -> None:
    def refuse() -> Verdict:
        raise Unavailable(Reason.BAD_REPLY)

    provider = switchable(refuse)
    with pytest.raises(Unavailable):
        provider.ask(request(), None)
    assert provider.latest() == []

    provider = switchable()
    for number in range(MAX_ANSWERS + 1):
        provider.ask(request(requestId=f"r-{number}"), None)
    assert [answer.request_id for answer in provider.latest()] == [f"r-{n}" for n in range(MAX_ANSWERS, 0, -1)]
    assert provider.latest()[0] == LatestAnswer(f"r-{MAX_ANSWERS}", Status.FOUND, "nalog")

    provider = switchable(lambda: Invalid((FieldError("lastName", "wrong"),)))
    provider.ask(request(), None)
    assert provider.latest() == [LatestAnswer("r-1", Status.REJECTED, "nalog")]
