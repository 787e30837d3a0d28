"""The RabbitMQ consumer from its parts."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from adapters.answers.cached_answers import CachedAnswers
from adapters.composition.checks import provider_check, store_check
from adapters.composition.providers import THREADS, provider_of
from adapters.composition.store import StoreSettings, open_store, store_start
from adapters.config.settings import AppSettings, Core, RabbitSettings
from adapters.http.probes import Check, CheckResult
from adapters.rabbitmq.connection import BrokerConfig
from adapters.rabbitmq.consumer import Consumer, LaneRunner
from adapters.rabbitmq.errors import BrokerRefused, BrokerUnavailable
from adapters.rabbitmq.settlement import LaneContext
from adapters.rabbitmq.topology import Names
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookups import Lookups
from adapters.runtime.startup import Connect, Refused
from adapters.telemetry import Telemetry
from function.ports import Ports
from function.telemetry import Observer


class ConsumerProcess(NamedTuple):
    """The consumer of a production process, its readiness checks, and how its start reaches its servers."""

    consumer: Consumer
    checks: Mapping[str, Check]
    servers: Mapping[str, Connect]
    observer: Observer


@contextmanager
def consumer_process(
    core: Core, rabbit: RabbitSettings, telemetry: Telemetry, poll_wait: float = 1
) -> Iterator[ConsumerProcess]:
    """The consumer over MongoDB and the real providers. Nothing is connected yet. `poll_wait`: see Nalog."""
    with ExitStack() as stack:
        clock = SystemClock()
        store = stack.enter_context(open_store(StoreSettings(core.app, core.mongo, core.history)))
        provider = provider_of(core.nalog, core.apifns, store, telemetry, poll_wait)
        answers = stack.enter_context(closing(CachedAnswers(store, clock, telemetry)))
        lookups = Lookups(answers, Ports(answers, provider, clock, core.cache.lifetimes), THREADS, telemetry)
        context = LaneContext(Names(rabbit.source_queue_name), lookups, clock, core.app.request_retry_times, telemetry)
        consumer = Consumer(broker(core.app, rabbit), context, rabbit.prefetch_count, rabbit.prefetch_count)
        stack.enter_context(closing(consumer))
        checks = {
            "store": store_check(store.ping),
            "providers": provider_check(provider.states),
            "fast_lane": lane_check(consumer.fast),
            "slow_lane": lane_check(consumer.slow),
        }
        servers = {"RabbitMQ": broker_start(consumer), "MongoDB": store_start(store, core.nalog)}
        yield ConsumerProcess(consumer, checks, servers, telemetry)


def broker(app: AppSettings, rabbit: RabbitSettings) -> BrokerConfig:
    """Where the broker is, and the queues there."""
    return BrokerConfig(rabbit.uris, app.name, Names(rabbit.source_queue_name), app.request_retry_sec, rabbit.declare)


def broker_start(consumer: Consumer) -> Connect:
    """How a process's start reaches the broker: logged in, its queues declared."""

    async def connect() -> str:
        try:
            await consumer.connect()
        except BrokerUnavailable:
            return "no broker that answers (RABBITMQ_DSN, or RABBITMQ_HOST and RABBITMQ_PORT)"
        except BrokerRefused as refused:
            raise Refused(str(refused)) from None
        return ""

    return connect


def lane_check(lane: LaneRunner) -> Check:
    """A lane is ready while it is connected, its queue's leader answers and what it publishes is confirmed."""

    async def check() -> CheckResult:
        return CheckResult(ready=lane.is_ready, detail=lane.state)

    return check
