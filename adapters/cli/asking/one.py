"""Asks for one person: in time, and again where the service says to."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import closing

from adapters.cli.asking.places import Address, Broker
from adapters.cli.asking.trouble import NotNow
from adapters.cli.failure import Failure
from function.outcomes import Status
from function.request import LookupResult

TRIES = 5
FIRST_WAIT_SEC = 1.0
"""Where the service does not say how long; doubled each time."""


def asked(where: Address | Broker, request: Mapping[str, object], patience: float) -> LookupResult:
    """The answer; `failed` where the service says "later" for `patience` seconds. Raises Failure."""
    begun = time.monotonic()
    try:
        if isinstance(where, Address):
            return _over_http(where, request, begun + patience)
        return asyncio.run(_over_amqp(where, request, patience))
    except NotNow as no:
        # The reply that RabbitMQ's clients get when retries are used up.
        return LookupResult(
            request_id=str(request["requestId"]),
            inn="",
            cached=False,
            details=f"{no.code}: {no}" if no.code else str(no),
            elapsed_time=round(time.monotonic() - begun, 6),
            status=Status.FAILED,
        )


def _over_http(address: Address, request: Mapping[str, object], ends: float) -> LookupResult:
    """Ask, and once more when the service says to, within the time and the tries."""
    from adapters.cli.asking.http import HttpClient  # noqa: PLC0415  # imported only where it is used

    tried = 0
    while True:
        with closing(HttpClient(address, max(1.0, ends - time.monotonic()))) as client:
            try:
                return client.ask(request)
            except NotNow as no:
                wait = no.retry_after or FIRST_WAIT_SEC * 2**tried
                tried += 1
                if tried == TRIES or time.monotonic() + wait >= ends:
                    raise
        time.sleep(wait)


async def _over_amqp(broker: Broker, request: Mapping[str, object], patience: float) -> LookupResult:
    from adapters.cli.asking.amqp import AmqpClient  # noqa: PLC0415  # imported only where it is used

    try:
        async with AmqpClient(broker) as client, asyncio.timeout(patience):
            return await client.ask(request)
    except TimeoutError:
        raise Failure(
            f"no reply by way of the queue {broker.queue} in {patience:g} s: is `inn consume` running? "
            "The request stays in the queue, and its answer will be kept"
        ) from None
