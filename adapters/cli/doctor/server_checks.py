"""The checks of `inn doctor` on each server: connection, login, rights, what a start creates, and what is kept there.

Each yields findings without secrets, and raises what `failure_of` reads where the server cannot be used.
"""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from adapters.cli.errors import Failure
from adapters.composition.mongodb import check_origin, open_store
from adapters.composition.providers import build_provider
from adapters.composition.readiness import describe
from adapters.config.host_names import is_loopback
from adapters.config.settings import ApiFnsSettings, Core, NalogSettings
from adapters.providers.apifns import ApiFns
from adapters.providers.nalog import site
from adapters.providers.nalog.replies import is_maintenance
from adapters.providers.nalog.session_and_consent import SETTING as CONSENT
from adapters.providers.nalog.session_and_consent import asks_consent
from adapters.rabbitmq.connection import BrokerConfig, QueueCounts, open_connection
from function.ports import Throttled, Unavailable
from function.telemetry import Observer

Finding = tuple[Literal["ok", "note"], str]
"""The result and what there is to know. note: it works, with a remark."""

_OLD_KEYS = (
    "{0.answers} answers and {0.history} rows of history are kept under other keys than the newest: they can be read"
    " while those keys stand behind it in APP_SECRET_KEYS, until they expire or inn forget --old-keys erases them"
)


def check_store(core: Core) -> Iterator[Finding]:
    """Check that the service can use MongoDB, and the state of the providers that is kept there."""
    with open_store(core.app, core.mongo, core.history) as store:
        check_origin(store, core.nalog)
        store.prepare()
        store.try_writing()
        yield "ok", f"reached, logged in, may write; database {core.mongo.name}"
        old = store.count_under_old_keys()
        if any(old):
            yield "note", _OLD_KEYS.format(old)
        for status in build_provider(core.nalog, core.apifns, store, Observer()).states():
            yield "note" if status.denied else "ok", f"provider {describe(status)}"


def check_queues(to: BrokerConfig) -> Iterator[Finding]:
    """Check that the consumer can use RabbitMQ: connect, declare the queues and count their messages."""
    counts, names = asyncio.run(_counts(to)), to.names
    waiting = sum(counts[queue].ready for queue in (names.source, names.lookup, names.retry))
    yield "ok", f"reached, logged in, its queues as they should be; {waiting} requests wait"
    if not counts[names.source].consumers:
        yield "note", f"nobody consumes {names.source}: start inn consume"
    if parked := counts[names.dead].ready:
        yield "note", f"{parked} messages are parked: inn dead list shows them, inn dead replay returns them"
    if unrouted := counts[names.unrouted].ready:
        yield "note", f"{unrouted} replies had no queue to go to: inn dead list --unrouted shows them"


async def _counts(to: BrokerConfig) -> dict[str, QueueCounts]:
    async with open_connection(to, Observer(), queues=True) as connection:
        return {queue: await connection.counts(queue) for queue in sorted(to.names.all)}


def check_tax_service(nalog: NalogSettings) -> Iterator[Finding]:
    """Open the form's page. No person is looked up, and no consent given."""
    if nalog.url.startswith("http:") and not is_loopback(urlsplit(nalog.url).hostname or ""):
        yield "note", "CLIENT_NALOG_URL begins with http: personal data would travel unencrypted; take https"
    try:
        reply = site.client(nalog).get(site.FORM_PAGE)
    except Unavailable:
        places = "CLIENT_NALOG_URL, CLIENT_NALOG_PROXY, CLIENT_NALOG_CA_BUNDLE and this machine's network"
        raise Failure(f"cannot be reached: check {places}, or try again later") from None
    if asks_consent(reply) and nalog.consent:
        yield "ok", "reached; it asks for consent, which lookups give"
    elif reply.status == HTTPStatus.OK and site.FORM_NAME in reply.text:
        yield "ok", "reached; its form's page was given"
    elif asks_consent(reply) or reply.status == HTTPStatus.FORBIDDEN:
        consent = f"it wants consent to the processing of personal data: set {CONSENT}=true if you, its operator, agree"
        raise Failure(f"reached, but {consent} ({reply.status}: or it turns this address away, CLIENT_NALOG_PROXY)")
    elif is_maintenance(reply):
        raise Failure("reached, but it is under maintenance: try again later")
    else:
        raise Failure(
            f"what answers does not give its form ({reply.status}): mend CLIENT_NALOG_URL, or try again later"
        )


def check_paid(apifns: ApiFnsSettings) -> Iterator[Finding]:
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
