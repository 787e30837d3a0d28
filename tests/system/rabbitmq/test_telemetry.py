"""What a consumer tells of a request that went through the queue: one trace, whole, and nothing of the person."""

import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from adapters import telemetry
from adapters.answers.cached_answers import CachedAnswers
from adapters.composition.providers import provider_of
from adapters.config.settings import ApiFnsSettings, CacheSettings, NalogSettings, load
from adapters.rabbitmq.connection import BrokerConfig
from adapters.rabbitmq.consumer import Consumer
from adapters.rabbitmq.jobs import LaneContext
from adapters.rabbitmq.topology import Names
from adapters.runtime.clock import SystemClock
from adapters.runtime.lookups import Lookups
from function.ports import Ports
from local_runtime.emulator.client import Emulator
from local_runtime.store import EmbeddedStore
from tests.collector import Collector, collecting
from tests.servers.process import wait_for
from tests.servers.rabbitmq import Node

TRACE, CLIENT = "3d" * 16, "4e" * 8
REPLY_SEC = 60


class Telling:
    """A consumer with everything that it tells."""

    def __init__(self, told: telemetry.Telemetry, consumer: Consumer, log: io.StringIO) -> None:
        self.told = told
        self.consumer = consumer
        self.log = log

    def requests(self) -> list[dict[str, Any]]:
        lines = map(json.loads, self.log.getvalue().splitlines())
        return [line for line in lines if line["event"] == "lookup"]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def telling(node: Node, emulator: Emulator, collector: Collector, tmp_path: Path) -> Iterator[Telling]:
    """A consumer of queues of its own, over an embedded store and an emulated tax service."""
    names, log = Names("told"), io.StringIO()
    with ExitStack() as stack:
        told = stack.enter_context(telemetry.start("inn", "DEBUG", log))
        store, clock = stack.enter_context(closing(EmbeddedStore(tmp_path / "answers.sqlite"))), SystemClock()
        answers = stack.enter_context(closing(CachedAnswers(store, clock, told)))
        provider = provider_of(load(NalogSettings, url=emulator.url), load(ApiFnsSettings), store, told)
        lookups = Lookups(answers, Ports(answers, provider, clock, load(CacheSettings).lifetimes), 4, told)
        context = LaneContext(names, lookups, clock, 3, told)
        broker = BrokerConfig((node.uri,), "inn", names, 1.0)
        consumer = stack.enter_context(closing(Consumer(broker, context, 10, 10)))
        yield Telling(told, consumer, log)


async def _asked_twice(node: Node, telling: Telling, request: dict[str, Any]) -> list[aio_pika.abc.AbstractMessage]:
    """The replies to one request, and to the same one a second time."""
    stopping = asyncio.Event()
    await telling.consumer.connect()
    running = asyncio.create_task(telling.consumer.run(stopping))
    async with await aio_pika.connect(node.uri) as connection:
        channel = await connection.channel()
        own = await channel.declare_queue(exclusive=True)
        headers: dict[str, Any] = {"traceparent": f"00-{TRACE}-{CLIENT}-01"}
        message = aio_pika.Message(json.dumps(request).encode(), reply_to=own.name, headers=headers)
        replies: list[aio_pika.abc.AbstractMessage] = []
        async with asyncio.timeout(REPLY_SEC), own.iterator() as arriving:
            for _ in range(2):
                await channel.default_exchange.publish(message, routing_key="told")
                replies.append(await anext(arriving))
    stopping.set()
    await running
    return replies


async def test_one_trace_leads_through_the_queue_to_the_tax_service(
    node: Node, telling: Telling, emulator: Emulator, collector: Collector
) -> None:
    person = emulator.people()[0]
    first, second = await _asked_twice(node, telling, {"requestId": "r-1", **person["request"]})
    metrics = telling.told.exposition().decode()
    await asyncio.to_thread(collector.wait_for, 5)
    await asyncio.to_thread(wait_for, lambda: len(telling.requests()) == 3, within=REPLY_SEC, what="lines of the log")

    assert [json.loads(reply.body)["cached"] for reply in (first, second)] == [False, True]
    assert first.headers["traceparent"] == f"00-{TRACE}-{CLIENT}-01"

    spans = collector.all_spans
    assert sorted(span.name for span in spans) == [
        *["ask nalog"] * 2,
        "consume lookup",
        *["consume request"] * 2,
    ]
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    asked, looked_up = collector.spans["ask nalog"], collector.spans["consume lookup"]
    assert asked.parent_span_id == looked_up.span_id
    assert looked_up.parent_span_id.hex() == CLIENT
    assert [line["trace_id"] for line in telling.requests()] == [TRACE] * 3
    assert [line["status"] for line in telling.requests()] == ["not_cached", "found", "found"]

    assert 'inn_queue_moves_total{queue="lookup"} 1.0' in metrics
    assert 'inn_step_seconds_count{step="reply"} 2.0' in metrics
    personal = {value for name, value in person["request"].items() if name != "documentType" and len(value) > 4}
    told = telling.log.getvalue() + metrics + b"".join(collector.bodies).decode(errors="replace")
    assert [value for value in {*personal, person["inn"]} if value in told or json.dumps(value)[1:-1] in told] == []
