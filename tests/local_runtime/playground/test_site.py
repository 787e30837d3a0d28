"""The page's side of the wire: what is served beside the function, to whom it listens, and what it tells of a lookup."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
import urllib3
from starlette.applications import Starlette

from adapters.http.server import Address, Server, listen, run
from adapters.providers import Providers
from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, Unavailable, Verdict
from function.rate_limit import Again, Pace, Reply
from function.request import LookupRequest
from function.telemetry import NullObserver
from local_runtime.emulator.client import Emulator, Remote
from local_runtime.playground import Playground, Watched
from local_runtime.playground.watched import KEPT, Said
from tests.doubles import MemoryRateLimiter
from tests.doubles import INN, request
from tests.servers.process import free_port

JSON = {"content-type": "application/json"}


class Named:
    """An Upstream that finds everybody, or what else it is told to do."""

    def __init__(self, name: str, say: Callable[[], Verdict | Invalid] | None = None) -> None:
        self.name = name
        self._say = say or (lambda: Verdict(Status.FOUND, INN, name))

    def serves(self, request: LookupRequest) -> bool:
        return True

    def ask(self, request: LookupRequest, again: Again) -> Reply:
        return Reply(self._say())


def watched(nalog: Callable[[], Verdict | Invalid] | None = None) -> Watched:
    book, pace = MemoryRateLimiter(), Pace(0, 0, 0, 0)
    tax_service, paid = (Named("nalog", nalog), pace), (Named("apifns"), pace)
    return Watched(
        Providers([tax_service], book, NullObserver()), Providers([tax_service, paid], book, NullObserver()), paid=False
    )


@contextmanager
def serving(emulator: Remote, watched: Watched) -> Iterator[str]:
    listener = listen(Address("127.0.0.1", 0))
    server = Server(Starlette(routes=Playground(emulator, watched).routes()), listener, grace=1)
    thread = threading.Thread(target=run, args=(server.serve(),))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.stop()
    thread.join()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with Emulator() as emulator, serving(emulator, watched()) as url:
        yield url


def call(url: str, body: object = None, headers: Mapping[str, str] = JSON) -> urllib3.BaseHTTPResponse:
    if body is None:
        return urllib3.request("GET", url, retries=False)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return urllib3.request("POST", url, body=data, headers=headers, retries=False)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/playground/page.css", "text/css; charset=utf-8"),
        ("/playground/main.js", "text/javascript; charset=utf-8"),
        ("/playground/icon.svg", "image/svg+xml"),
        ("/playground/people", "application/json"),
        ("/playground/state", "application/json"),
    ],
)
def test_whatever_is_served_has_its_type_and_a_policy_that_lets_nothing_else_in(
    site: str, path: str, kind: str
) -> None:
    answer = call(site + path)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert not [rule for rule in policy if "unsafe" in rule or "http" in rule or "*" in rule]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/playground/site.py", "/playground/../site.py", "/playground/index.html"])
def test_nothing_but_the_pages_own_files_is_served(site: str, path: str) -> None:
    assert call(site + path).status == 404


def test_the_switches_are_set_one_by_one_and_the_state_tells_them(site: str) -> None:
    assert call(f"{site}/playground/state", {"mood": "slow"}).json()["mood"] == "slow"
    both = call(f"{site}/playground/state", {"paid": True}).json()
    assert (both["mood"], both["paid"]) == ("slow", True)
    assert [provider["name"] for provider in both["providers"]] == ["nalog", "apifns"]
    call(f"{site}/playground/state", {"mood": "normal", "paid": False})
    state = call(f"{site}/playground/state").json()
    assert (state["mood"], state["paid"]) == ("normal", False)
    assert [provider["name"] for provider in state["providers"]] == ["nalog"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"mood": "furious"}, JSON, 400),
        ({"paid": "yes"}, JSON, 400),
        ({"latency": 5}, JSON, 400),
        (b"{", JSON, 400),
        (b'{"mood": "down"}', {"content-type": "text/plain"}, 415),
        (b'{"mood": "down"}', {}, 415),
    ],
    ids=["no mood", "no boolean", "no switch", "no JSON", "a form of another site", "no type"],
)
def test_what_is_no_switch_is_refused(site: str, body: object, headers: dict[str, str], status: int) -> None:
    answer = call(f"{site}/playground/state", body, headers)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"].startswith("expected ")
    assert call(f"{site}/playground/state").json()["mood"] == "normal"


def test_an_emulator_that_has_ended_is_a_problem_and_no_fault() -> None:
    with serving(Remote(f"http://127.0.0.1:{free_port()}"), watched()) as url:
        answer = call(f"{url}/playground/state")
    assert (answer.status, answer.json()["detail"]) == (502, "the emulated tax service does not answer")


def test_who_answered_is_remembered_by_request_and_for_a_while_only() -> None:
    asked = watched()
    for number in range(KEPT + 1):
        asked.ask(request(requestId=f"r-{number}"))
    assert [said.request_id for said in asked.latest()] == [f"r-{number}" for number in range(KEPT, 0, -1)]
    assert asked.latest()[0] == Said(f"r-{KEPT}", Status.FOUND, "nalog")


def test_who_is_called_wrong_is_so_by_the_tax_service() -> None:
    asked = watched(lambda: Invalid((FieldError("lastName", "wrong"),)))
    asked.ask(request())
    assert asked.latest() == [Said("r-1", Status.REJECTED, "nalog")]


def test_who_gets_no_answer_is_not_remembered() -> None:
    def refuse() -> Verdict:
        raise Unavailable(Reason.BAD_REPLY)

    asked = watched(refuse)
    with pytest.raises(Unavailable):
        asked.ask(request())
    assert asked.latest() == []
