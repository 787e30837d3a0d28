"""Builds the RabbitMQ consumer."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import NamedTuple

from adapters.composition.lookups import build_provider, open_lookups
from adapters.composition.mongodb import open_store, store_connector
from adapters.config.settings import AppSettings, Core, RabbitSettings
from adapters.http.probes import Check, CheckResult
from adapters.rabbitmq.connection import BrokerConfig, open_connection
from adapters.rabbitmq.errors import BrokerRefused, BrokerUnavailable
from adapters.rabbitmq.settlement import LaneContext
from adapters.rabbitmq.supervisor import Consumer, LaneSupervisor
from adapters.rabbitmq.topology import QueueNames
from adapters.runtime.clock import SystemClock
from adapters.runtime.wait_for_servers import Connect, Refused
from adapters.telemetry import Telemetry
from function.telemetry import Observer


class ConsumerProcess(NamedTuple):
    """The consumer of a production process, its readiness checks, and the connectors of its servers."""

    consumer: Consumer
    checks: Mapping[str, Check]
    servers: Mapping[str, Connect]


@contextmanager
def consumer_process(
    core: Core, rabbit: RabbitSettings, telemetry: Telemetry, poll_wait: float = 1
) -> Iterator[ConsumerProcess]:
    """The consumer over MongoDB and the real providers. Nothing is connected yet. `poll_wait`: see Nalog."""
    with ExitStack() as stack:
        store = stack.enter_context(open_store(core.app, core.mongo))
        provider = build_provider(core.nalog, core.apifns, store, telemetry, poll_wait)
        lookups, checks = stack.enter_context(open_lookups(store, provider, core.cache.lifetimes, telemetry))
        to = broker(core.app, rabbit)
        context = LaneContext(to.names, lookups, SystemClock(), core.app.request_retry_times, telemetry)
        consumer = Consumer(to, context, rabbit.prefetch_count, rabbit.prefetch_count)
        stack.enter_context(closing(consumer))
        checks |= {"fast_lane": partial(check_lane, consumer.fast), "slow_lane": partial(check_lane, consumer.slow)}
        servers = {"RabbitMQ": broker_connector(to, telemetry), "MongoDB": store_connector(store, core.nalog)}
        yield ConsumerProcess(consumer, checks, servers)


def broker(app: AppSettings, rabbit: RabbitSettings) -> BrokerConfig:
    """The broker's addresses and queues, from settings."""
    return BrokerConfig(
        rabbit.uris, app.name, QueueNames(rabbit.source_queue_name), app.request_retry_sec, rabbit.declare
    )


def broker_connector(to: BrokerConfig, observer: Observer) -> Connect:
    """Connects to the broker at a process's start: logs in and declares the queues."""

    async def connect() -> str:
        try:
            async with open_connection(to, observer, queues=True):
                return ""
        except BrokerUnavailable:
            return "no broker that answers (RABBITMQ_DSN, or RABBITMQ_HOST and RABBITMQ_PORT)"
        except BrokerRefused as refused:
            raise Refused(str(refused)) from None

    return connect


async def check_lane(lane: LaneSupervisor) -> CheckResult:
    """A lane is ready while it is connected, its queue's leader answers and what it publishes is confirmed."""
    return CheckResult(ready=lane.is_ready, detail=lane.state)
