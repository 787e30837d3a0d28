"""Checks MongoDB and RabbitMQ: connection, login, rights, what a start creates; and reports what is kept there."""

import asyncio
import socket
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from adapters.cli.doctor import Finding, Settings, providers
from adapters.cli.errors import Failure
from adapters.composition.consumer import broker
from adapters.composition.mongodb import check_origin, open_store
from adapters.config import settings as groups
from adapters.mongodb import StoreFault, WrongAddress
from adapters.rabbitmq.connection import BrokerConfig, QueueCounts, declare_queues, open_connection
from adapters.rabbitmq.errors import NO_LEADER, UNCONFIRMED, BrokerRefused, BrokerUnavailable
from function.ports import Unavailable
from function.telemetry import Observer

MONGO, RABBIT = "MongoDB", "RabbitMQ"
CONNECT_SEC = 3.0
PORTS = {"amqp": 5672, "amqps": 5671}
_NO_PRIMARY = (
    "something listens, but no server that takes writes was found: is there a primary, is MONGO_RS its replica "
    "set's name, is TLS needed (MONGO_DSN with tls=true), is MONGO_TIMEOUT_SERVER_SELECT too short?"
)
_NO_LEADER = (
    "a queue cannot be read now, for its leader does not answer: start the node that is down, or most of its"
    " members where it has several (rabbitmq-queues quorum_status shows them)"
)
_CLUSTER = (
    "a cluster: see by rabbitmq-queues quorum_status {} that its queues have three members, for one with a single"
    " member is away with its node; rabbitmq-queues grow NODE all adds one"
)
_OLD_KEYS = "{0.answers} answers and {0.history} rows of history are kept under other keys than the newest"
_LOST_KEYS = (
    ", and nobody can read them: put those keys behind the first of APP_SECRET_KEYS, or erase what they keep:"
    " inn forget --old-keys"
)
_KEPT_KEYS = ": leave those keys in APP_SECRET_KEYS until it has expired or is erased (inn forget --old-keys)"


def check_store(settings: Settings) -> Iterator[Finding]:
    """Check that the service can use MongoDB, and the state of the providers that is kept there."""
    app, mongo = settings[groups.AppSettings], settings[groups.MongoSettings]
    try:
        with open_store(app, mongo, settings[groups.HistorySettings]) as store:
            store.prepare()
            store.try_writing()
            old = store.count_under_old_keys()
            yield "ok", MONGO, f"reached, logged in, may write; database {mongo.name}"
            if not store.is_replicated:
                text = "a server by itself: it is down as long as its machine is; a replica set (MONGO_RS) goes on"
                yield "note", MONGO, text
            if any(old):
                yield "note", MONGO, _OLD_KEYS.format(old) + (_KEPT_KEYS if app.keys[1:] else _LOST_KEYS)
            if nalog := settings.get(groups.NalogSettings):
                try:
                    check_origin(store, nalog)
                except WrongAddress as wrong:
                    yield "failed", MONGO, str(wrong)
            if nalog and groups.ApiFnsSettings in settings:
                yield from providers.check_states(nalog, settings[groups.ApiFnsSettings], store)
    except Unavailable:
        raise Failure(_why_no_store(mongo.uri)) from None
    except StoreFault as fault:
        raise Failure(f"it gives an error that nobody foresaw, {fault}: look into its log") from None


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Check that the consumer can use RabbitMQ."""
    yield from check_queues(broker(settings[groups.AppSettings], settings[groups.RabbitSettings]))


def check_queues(to: BrokerConfig) -> Iterator[Finding]:
    """Connect, declare the queues and count their messages."""
    try:
        counts = asyncio.run(_counts(to))
    except BrokerRefused as refused:
        raise Failure(str(refused)) from None
    except BrokerUnavailable as unavailable:
        raise Failure(why_no_broker(to, unavailable.code)) from None
    names = to.names
    waiting = sum(counts[queue].ready for queue in (names.source, names.lookup, names.retry))
    yield "ok", RABBIT, f"reached, logged in, its queues as they should be; {waiting} requests wait"
    if len(to.uris) > 1:
        # AMQP does not report a queue's members.
        yield "note", RABBIT, _CLUSTER.format(names.source)
    if not counts[names.source].consumers:
        yield "note", RABBIT, f"nobody consumes {names.source}: start inn consume"
    if parked := counts[names.dead].ready:
        yield "note", RABBIT, f"{parked} messages are parked: inn dead list shows them, inn dead replay returns them"
    if unrouted := counts[names.unrouted].ready:
        yield "note", RABBIT, f"{unrouted} replies had no queue to go to: inn dead list --unrouted shows them"


async def _counts(to: BrokerConfig) -> dict[str, QueueCounts]:
    async with open_connection(to, Observer()) as connection:
        await declare_queues(connection, to)
        return {queue: await connection.counts(queue) for queue in sorted(to.names.all)}


def why_no_broker(to: BrokerConfig, code: str) -> str:
    """The likely cause and the remedy; `code`: of BrokerUnavailable."""
    if code in (NO_LEADER, UNCONFIRMED):
        return _NO_LEADER
    where = "RABBITMQ_DSN, or RABBITMQ_HOST and RABBITMQ_PORT"
    listens = (
        f"something listens, but the connection breaks ({code}): is it RabbitMQ, is TLS right (amqps://)? Mend {where}"
    )
    parts = [urlsplit(uri) for uri in to.uris]
    return _why(((unquote(part.hostname or ""), part.port or PORTS[part.scheme]) for part in parts), where, listens)


def _why_no_store(uri: str) -> str:
    try:
        nodes = parse_uri(uri, warn=False)["nodelist"]
    except (PyMongoError, ValueError):
        # For instance an SRV name that DNS does not resolve.
        nodes = []
    return _why(((host, port or 27017) for host, port in nodes), "MONGO_DSN, or MONGO_HOST and MONGO_PORT", _NO_PRIMARY)


def _why(addresses: Iterable[tuple[str, int]], settings: str, listens: str) -> str:
    """Why no TCP connection to any of the addresses succeeds, and the remedy; `listens` if one does."""
    causes = [_connect_fault(host, port) for host, port in addresses]
    return f"{'; '.join(causes)}: start it, or mend {settings}" if causes and all(causes) else listens


def _connect_fault(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), timeout=CONNECT_SEC).close()
    except socket.gaierror:
        return f"the name {host} is not known"
    except ConnectionRefusedError:
        return f"nothing listens on {host}, port {port}"
    except TimeoutError:
        return f"{host}, port {port}, does not answer: is a firewall between?"
    except OSError as exc:
        return f"{host}, port {port}: {exc.strerror}"
    return ""
