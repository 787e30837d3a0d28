"""The RabbitMQ consumer from its parts."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from adapters.composition.asking import THREADS, Asking, providers
from adapters.composition.checks import provider_check, store_check
from adapters.composition.store import Keeping, answers, longest_call, open_store, store_start
from adapters.config.settings import AppSettings, Core, RabbitSettings
from adapters.http.probes import Check, Part
from adapters.rabbitmq.consumer import Consumer
from adapters.rabbitmq.faults import BrokerAway, BrokerRefuses
from adapters.rabbitmq.link import Link
from adapters.rabbitmq.session import Broker
from adapters.rabbitmq.topology import Names
from adapters.rabbitmq.work import Work
from adapters.runtime.clock import SystemClock
from adapters.runtime.startup import Connect, Refused, telling
from adapters.telemetry import Telemetry, timed
from function.ports import Ports

PATIENCE_SEC = 5.0
"""A lookup waits so long for its turn in a thread; one whose turn comes later waits without one."""


class Consuming(NamedTuple):
    """The consumer of a production process, what its probes look at, and how its start reaches its servers."""

    consumer: Consumer
    checks: Mapping[str, Check]
    servers: Mapping[str, Connect]


@contextmanager
def consuming(core: Core, rabbit: RabbitSettings, told: Telemetry) -> Iterator[Consuming]:
    """The consumer over MongoDB and the real providers. Nothing is connected yet."""
    asking = Asking(core.nalog, core.apifns, PATIENCE_SEC, longest_call(core.mongo))
    with ExitStack() as stack:
        store = stack.enter_context(open_store(Keeping(core.app, core.mongo, core.history, asking.lease)))
        asked = stack.enter_context(providers(asking, store, told))
        recent = stack.enter_context(answers(store))
        ports = timed(Ports(recent, asked, SystemClock(), core.cache.lifetimes, recent), told)
        names = Names(rabbit.source_queue_name)
        work = Work(names, ports, core.app.request_retry_times, told)
        consumer = Consumer(broker(core.app, rabbit), work, rabbit.prefetch_count, places(rabbit))
        stack.enter_context(closing(consumer))
        checks = {"store": store_check(store.ping), "providers": provider_check(asked.states), **lane_checks(consumer)}
        servers = telling({"RabbitMQ": broker_start(consumer), "MongoDB": store_start(store)}, told)
        yield Consuming(consumer, checks, servers)


def broker(app: AppSettings, rabbit: RabbitSettings) -> Broker:
    """Where the broker is, and the queues there."""
    return Broker(rabbit.uri, app.name, Names(rabbit.source_queue_name), app.request_retry_sec)


def places(rabbit: RabbitSettings) -> int:
    """Lookups at a time: the pools of connections are no larger."""
    return min(rabbit.prefetch_count, THREADS)


def broker_start(consumer: Consumer) -> Connect:
    """How a process's start reaches the broker: logged in, its queues declared."""

    async def connect() -> str:
        try:
            await consumer.reach()
        except BrokerAway:
            return "no broker that answers (RABBITMQ_DSN, or RABBITMQ_HOST and RABBITMQ_PORT)"
        except BrokerRefuses as no:
            raise Refused(str(no)) from None
        return ""

    return connect


def lane_checks(consumer: Consumer) -> dict[str, Check]:
    """A lane is ready while its connection stands."""
    return {"fast_lane": _lane_check(consumer.fast), "slow_lane": _lane_check(consumer.slow)}


def _lane_check(link: Link) -> Check:
    async def look() -> Part:
        return Part(ready=link.connected, detail=link.state)

    return look
