"""A production run in which everything happens: what its processes and servers tell holds nothing of any person.

And a request is one trace, over HTTP and through the queue.
"""

import json
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import urllib3
from pymongo import MongoClient

from function.telemetry import STATUSES
from local_runtime.emulator.process import Emulator
from local_runtime.emulator.register import entry_for
from tests.collector import Collector, collecting
from tests.servers.mongod import Mongo, standalone
from tests.servers.process import free_port
from tests.servers.rabbitmq import PASSWORD, Node
from tests.system.personal import People, lookup, seen, told, values
from tests.system.process import HEADERS, Process, settings_of
from tests.system.rabbitmq.crowd import Crowd, crowd

SOURCE = "untold"
TOKEN, PAID_KEY = "token-2c26b46b68ffc68f", "paid-3fdba35f04dc8c46"
SECRETS = {
    "APP_SECRET_KEYS": "9f86d081884c7d659a2feaa0c55ad015,a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "HTTP_TOKENS": f"{TOKEN},token-fcde2b2edba56bf4",
    "CLIENT_APIFNS_KEY": PAID_KEY,
}
QUICK = {
    "LOG_LEVEL": "DEBUG",
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    "MONGO_TIMEOUT_SERVER_SELECT": "500",
    "APP_REQUEST_RETRY_SEC": "0.2",
    "APP_REQUEST_RETRY_TIMES": "1",
    "APP_LOOKUP_DEADLINE_SEC": "2",
    "CLIENT_NALOG_TIMEOUT_SEC": "1",
    "CLIENT_NALOG_RETRIES": "1",
    "CLIENT_NALOG_WAIT_SEC": "0.05",
    "CLIENT_NALOG_COOLDOWN_SEC": "0.1",
    "CLIENT_APIFNS_ENABLED": "true",
}
WRONG_TOKEN = "token-baa5a0964d3320fb"
ANOTHER_INN = "500100732259"
NOT_PAID_FOR = {"documentType": "03", "documentSerial": "V-АН"}  # the paid provider knows passports only
UNUSUAL = {"failed", "deadline", "internal_error", "in_progress", "provider_closed"}
"""Statuses that the log need not show of this run: of who has failed it shows the reason."""
STAMP = re.compile(r"^\d{4}-\d\d-\d\d [\d:.+]+ \[\w+\] <[\d.]+>|<\d+\.\d+\.\d+>", re.MULTILINE)
"""Times and processes in RabbitMQ's log, in which any digits can stand."""

QUEUED, POSTED, CLIENT = "3d" * 16, "7c" * 16, "4e" * 8  # traces through the queue and over HTTP, and who called
Request = dict[str, Any]
_INN = re.compile(rb'"inn":"(\d+)"')


@dataclass
class Production:
    """`inn serve` and `inn consume` between a real MongoDB, a real RabbitMQ, both emulated providers and a collector.

    `personal`: all of it that was sent or came back so far; `in_ids`: what stood in the requests' own ids, which history
    keeps; `mongo_log`: what MongoDB has logged before it was killed; `told`, by whom, and the `lines` of both logs: at the end.
    """

    function: Process
    consumer: Process
    customers: Crowd
    emulator: Emulator
    mongo: Mongo
    collector: Collector
    people: People = field(default_factory=People)
    personal: set[str] = field(default_factory=set)
    in_ids: set[str] = field(default_factory=set)
    mongo_log: str = ""
    told: dict[str, list[str]] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    _asked: int = 0
    _waited_for: int = 0

    def someone(self, **changes: Any) -> Request:
        """The request for a new person."""
        request = self.people.one(**changes)
        self.personal |= values(request)
        self._asked += 1
        return {"requestId": f"r-{self._asked}", **request}

    def posts(self, body: object, path: str = "/", **headers: str) -> urllib3.BaseHTTPResponse:
        """One HTTP request, on a connection of its own: an idle one may be closing. What is no bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        all_headers = {**HEADERS, "authorization": f"Bearer {TOKEN}", "connection": "close", **changed}
        response = self.function.pool.request("POST", self.function.url + path, body=content, headers=all_headers)
        self.personal |= {inn.decode() for inn in _INN.findall(response.data)}
        return response

    def posts_all(self, bodies: list[Request]) -> list[int]:
        """Many at once; the statuses in order."""
        with ThreadPoolExecutor(len(bodies)) as threads:
            return [response.status for response in threads.map(self.posts, bodies)]

    def sends(self, body: object, **properties: Any) -> None:
        """One message; its reply is waited for where its `correlation_id` is given."""
        self._waited_for += "correlation_id" in properties
        self.customers.sends(body, **properties)

    def asks(self, requests: list[Request]) -> None:
        """Send these through the queue."""
        self._waited_for += len(requests)
        self.customers.asks(requests)

    def settled(self) -> dict[str, str]:
        """The statuses of all requests that were sent through the queue, once each has its reply."""
        replies = self.customers.replies
        if len(replies) < self._waited_for:
            replies = self.customers.got(self._waited_for)
        self.personal |= {copies[0]["inn"] for copies in replies.values()} - {""}
        return {name: copies[0]["status"] for name, copies in replies.items()}

    def log_every_call(self) -> None:
        """Make MongoDB log whatever it is asked, as it does with slow calls."""
        with MongoClient[dict[str, Any]](self.mongo.uri) as client:
            client.admin.command("profile", 0, slowms=0)

    def keep_mongo_log(self) -> None:
        server = self.mongo.members[0].server
        assert server is not None
        self.mongo_log += server.log.read_text(errors="replace")


@contextmanager
def production(node: Node, folder: Path) -> Iterator[Production]:
    """All of it, ready."""
    with ExitStack() as stack:
        mongo = stack.enter_context(standalone(auth=True))
        emulator = stack.enter_context(Emulator("--control", json.dumps({"apifns_key": PAID_KEY})))
        collector = stack.enter_context(collecting())
        urls = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "CLIENT_APIFNS_URL": emulator.url}
        settings = {**settings_of(SOURCE, mongo, emulator, node), **urls, **SECRETS, **QUICK}
        function, consumer = (
            Process(["inn", command], folder, {**settings, "HTTP_PORT": str(free_port())})
            for command in ("serve", "consume")
        )
        for process in (function, consumer):
            stack.callback(process.end, signal.SIGKILL)
        for process in (function, consumer):
            process.answers("/readyz", 200)
        customers = stack.enter_context(crowd(node.uri, SOURCE))
        run = Production(function, consumer, customers, emulator, mongo, collector)
        run.log_every_call()
        yield run


def spoiled(request: Request) -> list[dict[str, Any]]:
    """What the tax service may do instead of answering for a person, most of it by saying who it is."""
    who = f"{request['lastName']} {request['firstName']}, {request['documentSerial']} {request['documentNumber']}"
    return [
        {"on": "get", "error": f"{who}: данные не найдены"},
        {"on": "find", "errors": {"fam": [f"{who}: недопустимо"]}},
        {"on": "find", "raw": who},
        {"on": "find", "raw": json.dumps({"requestId": [who], who: who})},
        {"on": "get", "extra": {"fio": who, "ИНН": ANOTHER_INN}},
        {"on": "get", "state": 1, "inn": ANOTHER_INN},
        {"on": "find", "body": "garbage"},
        {"on": "get", "body": "truncated"},
        {"on": "find", "status": 500},
        {"on": "find", "connection": "reset"},
        {"on": "get", "connection": "hang"},
    ]


def answers_of_every_kind(run: Production) -> None:
    requests = [run.someone(), run.someone(ending="98"), run.someone(ending="99")]
    assert run.posts_all([*requests, run.someone()]) == [200] * 4
    run.asks([{**request, "requestId": f"again-{number}"} for number, request in enumerate(requests)])
    run.asks([run.someone(), run.someone(ending="98"), run.someone(ending="99")])
    assert run.posts(run.someone(), ce_traceparent=f"00-{POSTED}-{CLIENT}-01").status == 200
    traced = run.someone()
    for name in ("traced", "traced again"):
        run.sends(traced, correlation_id=name, headers={"traceparent": f"00-{QUEUED}-{CLIENT}-01"})
        settled = run.settled()
    assert sorted(settled.values()) == [*["ambiguous"] * 2, *["found"] * 4, *["not_found"] * 2]


def places_where_persons_do_not_belong(run: Production) -> None:
    """Ids, attributes, paths, headers, and queues that a client names after its person."""
    person = run.someone()
    run.in_ids |= values(person)
    number = f"{person['documentSerial']}{person['documentNumber']}"
    who = quote(f"{person['lastName']} {number}")
    named = {**person, "requestId": f"{person['lastName']} {number}"}
    event = {"specversion": "1.0", "id": who, "source": f"/{who}", "type": "inn.lookup.requested", "data": named}
    run.posts(named, ce_id=who, ce_source=f"/{who}", ce_subject=who, traceparent=f"00-{who}")
    run.posts(event, content_type="application/cloudevents+json")
    run.posts([event, {**event, "data": run.someone()}], content_type="application/cloudevents-batch+json")
    run.posts(person, f"/{who}?fam={who}")
    run.posts(person, f"/?fam={who}", authorization=f"Bearer {WRONG_TOKEN}", user_agent=who)
    run.asks([{**named, "requestId": number}, {**named, "requestId": who}])
    run.sends(named, reply_to=f"replies-of-{person['lastName']}", headers={"traceparent": who, "person": who})
    run.sends(named, reply_to="", app_id=who)
    run.settled()


def what_is_no_request(run: Production) -> None:
    person = run.someone()
    text = json.dumps(person, ensure_ascii=False)
    wrong = [
        {**person, "lastName": f"{person['lastName']}1"},
        {**person, "birthDate": "12.03.1985"},
        {**person, "documentNumber": person["documentNumber"][:5], "documentSerial": [person["documentSerial"]]},
        {"requestId": "r-wrong", "person": person},
    ]
    bodies = [b"", b"[]", text[:-1].encode(), text.encode("cp1251"), text.encode("utf-16"), f'"{text}"'.encode()]
    answers = [run.posts(body).status for body in [*wrong, *bodies, b" " * 70_000 + text.encode()]]
    assert set(answers) == {400, 413, 422}
    run.posts(text.encode(), content_type=f"text/{quote(person['lastName'])}")
    for number, body in enumerate([*wrong, *bodies]):
        run.sends(body, correlation_id=f"wrong-{number}")
    assert {status for name, status in run.settled().items() if name.startswith("wrong")} == {"rejected"}


def a_tax_service_that_says_who_it_is_asked_for(run: Production) -> None:
    """Each person is spoiled for: over HTTP once, over the queue until the retries are used up; of polls, which go on, two."""
    count = len(spoiled(run.someone()))
    over_http, queued = ([run.someone() for _ in range(count)] for _ in range(2))
    rules = [
        {"person": entry_for(lookup(request)).key, **rule, **({"times": 2} if rule["on"] == "get" else often)}
        for group, often in ((over_http, {"times": 1}), (queued, {}))
        for request, rule in ((request, spoiled(request)[number]) for number, request in enumerate(group))
    ]
    run.emulator.control(rules=rules)
    assert set(run.posts_all(over_http)) == {200, 422, 503}
    run.asks(queued)
    settled = run.settled()
    assert {settled[request["requestId"]] for request in queued} == {"failed", "found", "rejected"}


def a_tax_service_that_turns_everybody_away(run: Production) -> None:
    """The paid provider stands in, with the key and the person in its URLs, and is spoiled as well."""
    for scenario in ("captcha", "throttled", "down"):
        quoted, sent_on = run.someone(), run.someone()
        text = json.dumps(quoted, ensure_ascii=False)
        quoting = {"person": entry_for(lookup(quoted)).key, "times": 1}
        elsewhere = {"person": entry_for(lookup(sent_on)).key, "on": "find", "redirect": f"/inn.do?{quote(text)}"}
        # A page instead of JSON turns away as well.
        page = {"on": "find", "raw": f"<p>{text}", **quoting}
        paid = {"on": "apifns", "raw": text, **quoting}
        # As the scenario, but that it lasts half a minute.
        soon = [{"case": "throttled", "retry_after": 1}] if scenario == "throttled" else []
        run.emulator.control(scenario=scenario, rules=[elsewhere, page, paid, *soon])
        # By itself, before the others have closed the door.
        assert run.posts(run.someone(**NOT_PAID_FOR)).status == 503
        run.posts_all([quoted, sent_on, run.someone(), run.someone(**NOT_PAID_FOR)])
        run.asks([run.someone(), run.someone(**NOT_PAID_FOR)])
    run.emulator.control(scenario="normal", rules=[])
    run.settled()


def a_store_that_goes_away_and_comes_back(run: Production) -> None:
    run.keep_mongo_log()
    run.mongo.members[0].kill()
    assert run.posts(run.someone()).status == 503
    run.asks([run.someone() for _ in range(4)])
    run.consumer.answers("/readyz", 503)
    run.mongo.members[0].start()
    run.log_every_call()
    run.settled()


PROCESSES = ["the function's log", "the consumer's log", "what they print", "the metrics", "the spans"]
SERVERS = ["MongoDB's log", "RabbitMQ's log", "RabbitMQ's queues and connections"]


@pytest.fixture(scope="module")
def everything(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Production:
    # An earlier test's crash report counts words and reductions, and any count can be anybody's series.
    earlier = _logs(node)
    with production(node, tmp_path_factory.mktemp("untold")) as run:
        answers_of_every_kind(run)
        places_where_persons_do_not_belong(run)
        what_is_no_request(run)
        a_tax_service_that_says_who_it_is_asked_for(run)
        a_tax_service_that_turns_everybody_away(run)
        a_store_that_goes_away_and_comes_back(run)
        run.keep_mongo_log()
        expositions = [process.get("/metrics").data.decode() for process in (run.function, run.consumer)]
        queues = [
            node.control("list_queues", "name", "arguments"),
            node.control("list_connections", "client_properties"),
        ]
        # The last spans are sent at the end.
        assert [process.end(signal.SIGTERM) for process in (run.function, run.consumer)] == [0, 0]
    logs = [run.function.errors, run.consumer.errors]
    run.lines = [json.loads(line) for log in logs for line in log.splitlines()]
    run.told = {
        "the function's log": list(told(logs[0])),
        "the consumer's log": list(told(logs[1])),
        "what they print": [run.function.output, run.consumer.output],
        # Without the numbers: a count of bytes can be anybody's document.
        "the metrics": [line.rpartition(" ")[0] for text in expositions for line in text.splitlines()],
        "the spans": [body.decode(errors="replace") for body in run.collector.bodies],
        "MongoDB's log": list(told(run.mongo_log)),
        "RabbitMQ's log": [STAMP.sub("", log.removeprefix(old)) for old, log in zip(earlier, _logs(node), strict=True)],
        "RabbitMQ's queues and connections": queues,
    }
    return run


def _logs(node: Node) -> list[str]:
    logs = [node.folder / "node.log", *sorted((node.folder / "log").rglob("*.log"))]
    return [log.read_text(errors="replace") for log in logs]


@pytest.mark.parametrize("who", [*PROCESSES, *SERVERS])
def test_nothing_of_any_person_is_told(everything: Production, who: str) -> None:
    personal = everything.personal | {ANOTHER_INN}
    assert seen(personal - everything.in_ids if who == "MongoDB's log" else personal, everything.told[who]) == []


@pytest.mark.parametrize("who", [*PROCESSES, "MongoDB's log", "RabbitMQ's queues and connections"])
def test_no_secret_is_told(everything: Production, who: str) -> None:
    secrets = {each for value in SECRETS.values() for each in value.split(",")}
    assert seen({*secrets, WRONG_TOKEN, PASSWORD, everything.mongo.password}, everything.told[who]) == []


def test_all_that_was_to_happen_did_and_was_told_of(everything: Production) -> None:
    requests = [line for line in everything.lines if line["event"] == "lookup"]
    closed = [line["provider"] for line in everything.lines if line["event"] == "provider_closed"]
    moved = {line["queue"] for line in everything.lines if line["event"] == "message_moved"}
    assert {line["status"] for line in requests} >= set(STATUSES) - UNUSUAL
    assert {line["provider"] for line in requests} == {"", "nalog", "apifns"}
    assert (set(closed), moved) == ({"nalog"}, {"dead", "unrouted"})
    assert any('queue="retry"' in line for line in everything.told["the metrics"])
    assert any("ask apifns" in body for body in everything.told["the spans"])
    assert everything.told["MongoDB's log"].count("Slow query") > 100
    assert SOURCE in everything.told["RabbitMQ's queues and connections"][0]
    assert len(everything.personal) > 500


@pytest.mark.parametrize(
    ("trace", "asking", "others", "statuses"),
    [
        (POSTED, "serve lookup", [], ["found"]),
        (QUEUED, "consume lookup", ["consume request"] * 2, ["not_cached", "found", "found"]),
    ],
    ids=["over HTTP", "through the queue"],
)
def test_one_trace_leads_to_the_tax_service(
    everything: Production, trace: str, asking: str, others: list[str], statuses: list[str]
) -> None:
    spans = [span for span in everything.collector.all_spans if span.trace_id.hex() == trace]
    assert sorted(span.name for span in spans) == sorted([*["ask nalog"] * 2, asking, *others])
    [looked_up] = [span for span in spans if span.name == asking]
    assert looked_up.parent_span_id.hex() == CLIENT
    assert {span.parent_span_id for span in spans if span.name == "ask nalog"} == {looked_up.span_id}
    lookups = [line for line in everything.lines if line["event"] == "lookup" and line["trace_id"] == trace]
    assert [line["status"] for line in lookups] == statuses


def as_bytes(text: str) -> str:
    return repr(text.encode())


@pytest.mark.parametrize("told_as", [str, str.upper, quote, ascii, as_bytes])
def test_the_search_finds_a_person_in_every_form(told_as: Callable[[str], str]) -> None:
    person = People().one()
    personal = values(person)
    assert seen(personal, [told_as(f"of\n{value}, not {value}0") for value in personal]) == sorted(personal)
