"""`inn doctor`: checks the settings and each server as a start does, and says what to correct.

The check of a server covers its connection, login and rights, what a start creates, and what is kept there. It yields
findings without secrets, and raises what `failure_of` reads where the server cannot be used.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from adapters.cli.errors import DONE, FAILED, WRONG_USE, Failure, failure_of
from adapters.cli.http_client import cause_of
from adapters.composition.consumer import broker
from adapters.composition.lookups import build_provider, describe
from adapters.composition.mongodb import check_origin, open_store
from adapters.config import environment, settings
from adapters.config.addresses import is_loopback
from adapters.providers.apifns import ApiFns
from adapters.providers.http_client import pool_manager
from adapters.providers.nalog.provider import site_client
from adapters.providers.nalog.replies import is_maintenance
from adapters.providers.nalog.session_and_consent import FORM_NAME, FORM_PAGE, asks_consent
from adapters.rabbitmq.connection import BrokerConfig, QueueCounts, open_connection
from function.ports import Throttled, Unavailable
from function.telemetry import Observer

CONNECT_SEC = 5.0
RESOLVING_PROXIES = {"socks5": "socks5h", "socks4": "socks4a"}  # the schemes that let a SOCKS proxy look the name up
Line = tuple[str, str, str]
"""The result (ok, note, skipped, wrong: a setting, failed: a server), what was checked, and the cause and remedy."""
Finding = tuple[Literal["ok", "note"], str]  # of a server that can be used: the result, and what there is to know
Process = Literal["serve", "consume"]

_CLUSTER = (
    "a cluster: see by rabbitmq-queues quorum_status {} that its queues have three members, for one with a single"
    " member is away with its node; rabbitmq-queues grow NODE all adds one"
)
_OLD_KEYS = (
    "{0.answers} answers and {0.history} rows of history are kept under other keys than the newest: they can be read"
    " while those keys stand behind it in APP_SECRET_KEYS, until they expire or inn forget --old-keys erases them"
)


def doctor(
    *,
    process: Annotated[
        Process | None,
        typer.Option(
            "--for",
            show_default="consume where any RABBITMQ_... is set, else serve",
            help="The process that is to start; serve does without RabbitMQ.",
        ),
    ] = None,
) -> int:
    """Look at the settings (the environment, or .env) and at each server, and say what to mend.

    Indexes and queues that are missing are made, as a start would. The tax service is asked for its
    form's page, without personal data. The exit status is 1 where a server is not as it should be,
    2 where a setting is wrong.

    Examples:
      inn doctor
      inn doctor --for consume
    """
    kinds = set()
    for kind, name, text in _lines(process):
        typer.echo(f"{kind:8} {name:12} {text}")
        kinds.add(kind)
    return WRONG_USE if "wrong" in kinds else FAILED if "failed" in kinds else DONE


def _lines(process: Process | None) -> Iterator[Line]:
    """Check the settings of the process (None: the consumer if any of RabbitMQ's is set), then its servers."""
    try:
        variables = environment.read().keys()
        known = {name for group in settings.ALL_GROUPS for name in settings.variables_of(group)}
        for name in sorted(variables - known):
            # The value of the setting that is meant would silently stay at its default.
            if similar := get_close_matches(name, known, n=1, cutoff=0.85):
                yield "note", "settings", f"{name} is no setting: is {similar[0]} meant?"
        # Processes that only serve HTTP have no such variables.
        has_broker = bool(settings.variables_of(settings.RabbitSettings) & variables)
        is_consumer = process == "consume" or (process is None and has_broker)
        core, rabbit = settings.load_all() if is_consumer else (settings.load_core(), None)
    except environment.WrongSettings as wrong:
        yield from (("wrong", "settings", fault) for fault in wrong.faults)
        yield "skipped", "servers", "not looked at: settings are wrong"
        return
    # A start accepts them for the emulated tax service.
    examples = settings.example_secrets(settings.ALL_GROUPS if rabbit else settings.CORE_GROUPS)
    yield from (("wrong", "settings", fault) for fault in examples)
    if not examples:
        yield "ok", "settings", "all of them can be read"
    yield from _check("MongoDB", check_store(core))
    if rabbit:
        yield from _check("RabbitMQ", check_queues(broker(core.app, rabbit)))
    elif process is None:
        why = "no RABBITMQ_... is set, and inn serve needs none; for inn consume: inn doctor --for consume"
        yield "skipped", "RabbitMQ", f"not looked at: {why}"
    yield from _check("tax service", check_tax_service(core.nalog))
    if core.apifns.enabled:
        yield from _check("paid service", check_paid(core.apifns))


def _check(name: str, findings: Iterator[Finding]) -> Iterator[Line]:
    """The findings about a server, and its error as the last one."""
    try:
        yield from ((kind, name, text) for kind, text in findings)
    except Exception as error:
        if (failure := failure_of(error)) is None:
            raise
        yield "wrong" if failure.status == WRONG_USE else "failed", name, str(failure).removeprefix(f"{name}: ")


def check_store(core: settings.Core) -> Iterator[Finding]:
    """Check that the service can use MongoDB, and the state of the providers that is kept there."""
    try:
        with open_store(core.app, core.mongo) as store:
            check_origin(store, core.nalog)
            store.prepare()
            store.try_writing()
            yield "ok", f"reached, logged in, may write; database {core.mongo.name}"
            if any(old := store.count_under_old_keys()):
                yield "note", _OLD_KEYS.format(old)
            for status in build_provider(core.nalog, core.apifns, store, Observer()).states():
                yield "note" if status.denied else "ok", f"provider {describe(status)}"
    except Unavailable as away:
        raise Failure(f"{_no_listener(core.mongo.uri)}{failure_of(away)}") from None


def _no_listener(uri: str) -> str:
    """Which of MongoDB's hosts cannot be connected to, and why; "" for none."""
    with suppress(PyMongoError):
        for host, port in parse_uri(uri)["nodelist"]:
            try:
                socket.create_connection((host, port), CONNECT_SEC).close()
            except socket.gaierror:
                return f"the name {host} is not known here; "
            except OSError:
                return f"nothing listens on {host}, port {port}; "
    return ""


def check_queues(to: BrokerConfig) -> Iterator[Finding]:
    """Check that the consumer can use RabbitMQ: connect, declare the queues and count their messages."""
    counts, names = asyncio.run(_counts(to)), to.names
    waiting = sum(counts[queue].ready for queue in (names.source, names.lookup, names.retry))
    yield "ok", f"reached, logged in, its queues as they should be; {waiting} requests wait"
    if len(to.uris) > 1:
        yield "note", _CLUSTER.format(names.source)  # AMQP does not report a queue's members
    if not counts[names.source].consumers:
        yield "note", f"nobody consumes {names.source}: start inn consume"
    if parked := counts[names.dead].ready:
        yield "note", f"{parked} messages are parked: inn dead list shows them, inn dead replay returns them"
    if unrouted := counts[names.unrouted].ready:
        yield "note", f"{unrouted} replies had no queue to go to: inn dead list --unrouted shows them"


async def _counts(to: BrokerConfig) -> dict[str, QueueCounts]:
    async with open_connection(to, Observer(), queues=True) as connection:
        return {queue: await connection.counts(queue) for queue in sorted(to.names.all)}


def check_tax_service(nalog: settings.NalogSettings) -> Iterator[Finding]:
    """Open the form's page. No person is looked up, and no consent given."""
    if nalog.url.startswith("http:") and not is_loopback(urlsplit(nalog.url).hostname or ""):
        yield "note", "CLIENT_NALOG_URL begins with http: personal data would travel unencrypted; take https"
    try:
        reply = site_client(nalog).request(FORM_PAGE)
    except Unavailable:
        places = "CLIENT_NALOG_URL, CLIENT_NALOG_PROXY, CLIENT_NALOG_CA_BUNDLE and this machine's network"
        raise Failure(f"{_why_unreachable(nalog)}: check {places}, or try again later") from None
    if asks_consent(reply) and nalog.consent:
        yield "ok", "reached; it asks for consent, which lookups give"
    elif reply.status == HTTPStatus.OK and FORM_NAME in reply.text:
        yield "ok", "reached; its form's page was given"
    elif asks_consent(reply) or reply.status == HTTPStatus.FORBIDDEN:
        raise Failure(
            "reached, but it wants consent to the processing of personal data: set CLIENT_NALOG_CONSENT=true if you, its"
            f" operator, agree ({reply.status}: or it turns this address away, CLIENT_NALOG_PROXY)"
        )
    elif is_maintenance(reply):
        raise Failure("reached, but it is under maintenance: try again later")
    else:
        mend = "mend CLIENT_NALOG_URL, or try again later"
        raise Failure(f"what answers does not give its form ({reply.status}): {mend}")


def _why_unreachable(nalog: settings.NalogSettings) -> str:
    """The cause, by urllib3's own pools, whose errors name it."""
    resolving = RESOLVING_PROXIES.get(urlsplit(nalog.proxy_url).scheme)
    try:
        if resolving:
            socket.getaddrinfo(urlsplit(nalog.url).hostname, None)
    except OSError:
        return f"its name is not known here; write {resolving}:// in CLIENT_NALOG_PROXY, and the proxy looks it up"
    try:
        with pool_manager(nalog.proxy_url, nalog.ca_bundle) as pools:
            pools.request("HEAD", nalog.url, timeout=Timeout(CONNECT_SEC), retries=False, redirect=False)
    except HTTPError as error:
        return cause_of(error)
    return "it gave no reply that can be read"


def check_paid(apifns: settings.ApiFnsSettings) -> Iterator[Finding]:
    """Check the quota of the paid provider."""
    try:
        quota = ApiFns(apifns, timeout=15).quota()
    except Throttled:
        raise Failure("it refuses the key, the method or this address: mend CLIENT_APIFNS_KEY") from None
    except Unavailable:
        places = "CLIENT_APIFNS_URL, CLIENT_APIFNS_PROXY and CLIENT_APIFNS_CA_BUNDLE"
        raise Failure(f"it cannot be used now: check {places}, or try again later") from None
    left = f"{quota.limit - quota.spent} of {quota.limit} requests are left"
    if quota.spent >= quota.limit:
        raise Failure(f"{left}: pay for more, or unset CLIENT_APIFNS_ENABLED")
    yield "ok", left
