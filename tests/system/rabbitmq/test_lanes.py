"""What a customer sees of the two lanes, on a real broker."""

import asyncio
import itertools
import json
import threading
from typing import Any

import pytest
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from adapters.rabbitmq import lanes, publisher
from adapters.rabbitmq.connection import open_connection
from adapters.rabbitmq.errors import QueueFull
from adapters.rabbitmq.lanes import Subscription
from adapters.rabbitmq.messages import DIRECT_REPLY, SUSPECT_RETURNS, Message, Properties
from adapters.rabbitmq.settlement import MAX_THROTTLED
from function.outcomes import Reason, Status
from function.ports import Unavailable, Verdict
from function.request import LookupRequest
from tests.doubles import FOUND, INN
from tests.system.rabbitmq.room import Customer, Room, ask, until

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENT = {"specversion": "1.0", "id": "e-1", "source": "/customer", "type": "inn.lookup.requested"}
STRUCTURED = "application/cloudevents+json"
FRAME_BYTES = 128 * 1024


async def test_a_new_person_is_asked_for_once_and_then_answered_from_the_cache_in_each_mode(room: Room) -> None:
    binary = {f"ce-{name}": value for name, value in {**EVENT, "traceparent": TRACE}.items()}
    async with room.consumer(), room.customer() as customer:
        await customer.send(ask(), headers={"traceparent": TRACE})
        await customer.got(1)
        await customer.send(ask(requestId="r-2"), correlation_id="r-2", headers=binary)
        await customer.send({**EVENT, "data": ask(requestId="r-3")}, correlation_id="r-3", content_type=STRUCTURED)
        plain, in_binary, structured = await customer.got(3)
    first, second, third = (customer.replies[name][0] for name in ("r-1", "r-2", "r-3"))
    told = [(reply["requestId"], reply["inn"], reply["cached"]) for reply in (plain, in_binary, structured["data"])]
    assert told == [("r-1", INN, False), ("r-2", INN, True), ("r-3", INN, True)]
    assert (first.headers["traceparent"], bool(first.message_id), first.delivery_mode) == (TRACE, True, 2)
    assert (second.headers["ce-correlationid"], second.headers["ce-traceparent"]) == ("e-1", TRACE)
    assert (third.content_type, structured["correlationid"]) == (STRUCTURED, "e-1")
    assert room.service.asked == ["r-1"]
    assert room.heard.flying == 0


async def test_without_reply_to_the_answer_is_kept_all_the_same(room: Room) -> None:
    async with room.consumer(), room.customer() as customer:
        await customer.send(ask(requestId="silent"), reply_to=None)
        await until(lambda: room.service.asked == ["silent"], "the lookup")
        await customer.send(ask())
        assert (await customer.got(1))[0]["cached"] is True


class Raw(Basic.Properties):
    """Properties as a careless client writes them: `correlation_id` is no UTF-8."""

    def encode_property(self, name: str, value: Any) -> bytes:
        return b"\x02\xff\xfe" if name == "correlation_id" else super().encode_property(name, value)


ABSURD: dict[str, dict[str, Any]] = {
    "a foreign user": {"user_id": "inn"},
    "an expiration": {"expiration": 3600},
    "copies to our own queues": {"headers": {"CC": ["nowhere"], "x": 1}},
    "a forged past": {"headers": {"x-death": [{"queue": "x", "reason": "expired", "count": 99}], "inn-attempts": 99}},
    "a strange past": {"headers": {"x-death": "yesterday", "x-delivery-count": "many"}},
    "headers of every kind": {"headers": {"a": 2**63 - 1, "b": 1.5, "c": [1, {"y": True}], "d": bytearray(b"\xff")}},
    "the same message id twice": {"message_id": "twice"},
    "and once more": {"message_id": "twice"},
    # With what the service writes into the headers of a parked message they would be more than a frame.
    "headers that fill a frame": {"headers": {"a": "x" * (FRAME_BYTES - 300)}},
    "all there is": {"priority": 9, "type": "t", "app_id": "a", "content_encoding": "utf-8", "timestamp": 1},
}


async def test_failures_are_tried_again_then_told_and_parked_whatever_the_properties(room: Room) -> None:
    """Each goes through both lanes and `.retry`."""
    room.service.says(Reason.PROVIDER_UNAVAILABLE)
    async with room.consumer(retries=2), room.customer() as customer:
        for number, (name, properties) in enumerate(ABSURD.items()):
            await customer.send(ask(number), correlation_id=name, **properties)
        replies = await customer.got(len(ABSURD))
    told = {(reply["status"], reply["details"]) for reply in replies}
    assert told == {("failed", "provider_unavailable: the tax service does not answer now")}
    assert {reply["requestId"] for reply in replies} == {f"r-{number}" for number in range(len(ABSURD))}
    assert sum(map(len, customer.replies.values())) == len(ABSURD)
    assert len(room.service.asked) == 3 * len(ABSURD)
    parked = await room.taken(room.names.dead, len(ABSURD))
    facts = {(message.headers["inn-reason"], message.headers["inn-attempts"], message.reply_to) for message in parked}
    assert facts == {("provider_unavailable", 3, customer.queue)}
    assert {message.correlation_id for message in parked} == set(ABSURD)
    assert not any("a" in message.headers for message in parked if "fill" in str(message.correlation_id))
    assert room.heard.moves == {
        ("lookup", "not_cached"): len(ABSURD),
        ("retry", "provider_unavailable"): 2 * len(ABSURD),
        ("dead", "provider_unavailable"): len(ABSURD),
    }
    assert (room.heard.errors, room.heard.events) == ([], {})


async def test_a_property_that_cannot_be_read_ends_at_the_delivery_limit(room: Room) -> None:
    async with room.consumer(), room.customer() as customer:
        await customer.asks(range(5))
        await customer.send_raw(b"{}", Raw(correlation_id="x", delivery_mode=2))
        await customer.asks(range(5, 10))
        await customer.got(10)
        await room.holds(room.names.dead, 1)
    # An acknowledgement may be on its way when the connection ends: then the reply comes twice, and says the same.
    said = {name: {json.loads(each.body)["inn"] for each in replies} for name, replies in customer.replies.items()}
    assert said == {f"r-{number}": {INN} for number in range(10)}


async def test_a_reply_that_its_queue_does_not_take_is_kept_and_counted(room: Room) -> None:
    full = f"{room.names.source}-full"
    reasons = {"nowhere": "unroutable", "amq.rabbitmq.reply-to-nowhere": "unroutable", full: "refused"}
    async with room.channel() as channel, room.consumer(), room.customer() as customer:
        await channel.declare_queue(full, durable=True, arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
        for number, queue in enumerate(reasons):
            await customer.send(ask(number), reply_to=queue, headers={"traceparent": TRACE})
        kept = await room.taken(room.names.unrouted, len(reasons))
    assert {message.headers["inn-reply-to"]: message.headers["inn-reason"] for message in kept} == reasons
    assert {message.correlation_id for message in kept} == {"r-0", "r-1", "r-2"}
    assert {(message.headers["traceparent"], json.loads(message.body)["inn"]) for message in kept} == {(TRACE, INN)}
    assert (room.heard.moves["unrouted", "unroutable"], room.heard.moves["unrouted", "refused"]) == (2, 1)


async def test_a_direct_reply_to_that_the_broker_did_not_issue_is_found_out_and_others_are_answered(room: Room) -> None:
    """What is unacknowledged beside it is returned with it, and is answered directly all the same."""
    forged, direct = f"{DIRECT_REPLY}.AAAA.x", set[str | None]()

    async def take(message: DeliveredMessage) -> None:
        direct.add(message.header.properties.correlation_id)

    async with room.customer() as customer:
        async with room.consumer():
            await customer.asks(range(10))
            await customer.got(10)
        await (await customer.channel.get_underlay_channel()).basic_consume(DIRECT_REPLY, take, no_ack=True)
        for number in range(10):
            await customer.send(ask(number, requestId=f"direct-{number}"), reply_to=DIRECT_REPLY)
            if number == 5:
                await customer.send(ask(1, requestId="forged"), reply_to=forged)
        async with room.consumer():
            kept = (await room.taken(room.names.unrouted, 1))[0]
            await until(lambda: len(direct) == 10, "direct replies")
        assert await room.size(room.names.unrouted) == 0
    assert (kept.correlation_id, kept.headers["inn-reply-to"]) == ("forged", forged)
    assert kept.headers["inn-reason"] == "unroutable"
    # From 4.3 on the channel does not fail.
    assert room.heard.events["reconnecting"] in (0, SUSPECT_RETURNS + 1)


async def test_while_lookups_have_a_full_queue_cached_answers_go_out_and_nothing_is_lost(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held messages, too, which are to go to its tail, go on and make room."""
    monkeypatch.setattr(lanes, "FULL_QUEUE_SEC", 0.1)
    async with room.consumer(retries=0, held=2) as consumer, room.customer() as customer:
        await customer.send(ask(1))
        await customer.got(1)
        room.service.says(Reason.PROVIDER_CLOSED, 0.1)
        numbers = itertools.count(2)

        async def told() -> bool:
            await customer.send(ask(next(numbers)))
            return room.heard.events["queue_full"] > 0

        with room.limited(room.names.lookup, max_length=1):
            await until(told, "the full queue to be told of")
            for number in range(5):
                await customer.send(ask(1, requestId=f"cached-{number}"))
            await until(lambda: sum(name.startswith("cached") for name in customer.replies) == 5, "cached answers")
            assert consumer.fast.is_ready
            room.service.says(Reason.THROTTLED)
            tried = len(room.service.asked)
            await until(lambda: len(room.service.asked) > tried + 6, "more tries of the held messages")
            room.service.does = lambda _request: FOUND
            asked = next(numbers) - 1 + 5
            replies = await customer.got(asked)
    assert {reply["status"] for reply in replies} == {"found"}
    assert sum(map(len, customer.replies.values())) == asked
    assert room.heard.events.keys() == {"queue_full"}
    assert room.heard.events["queue_full"] <= len(("fast lane", "slow lane"))
    assert room.heard.errors == []


async def test_the_end_does_not_wait_for_a_full_queue(room: Room) -> None:
    stopping = asyncio.Event()
    stopping.set()

    async def publish_until_refused(lane: Subscription) -> None:
        while True:
            await lane.publish(Message(room.names.source, Properties(), b"", "not_cached"))

    async with open_connection(room.broker, room.heard, queues=True) as connection, asyncio.timeout(60):
        with room.limited(room.names.source, max_length=1), pytest.raises(QueueFull):
            await publish_until_refused(Subscription(connection, room.names.lookup, 1, stopping, room.heard))
    assert room.heard.events == {"queue_full": 1}


async def test_a_reply_queue_that_confirms_nothing_stops_nobody_else(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While others' replies are confirmed. Where nothing is confirmed, the broker counts as lost."""

    async def ask_on(customer: Customer) -> None:
        for count in itertools.count(3):
            await customer.send(ask(3, requestId=f"other-{count}"))
            await customer.got(count)

    monkeypatch.setattr(publisher, "CONFIRM_SEC", 3.0)
    async with room.channel() as channel, room.consumer() as consumer, room.customer() as customer:
        stuck = await channel.declare_queue(f"{room.names.source}-stuck", durable=True)
        await customer.asks(range(2, 4))
        await customer.got(2)
        with room.suspended(stuck.name):
            asking = asyncio.create_task(ask_on(customer))
            await customer.send(ask(2), reply_to=stuck.name)
            kept = (await room.taken(room.names.unrouted, 1))[0]
            await customer.send(ask(3), reply_to=stuck.name)
            await room.taken(room.names.unrouted, 1)
            asking.cancel()
        assert consumer.fast.is_ready
        # On a busy machine the broker itself may close a connection: one of its own calls took too long (541).
        assert "reconnecting" not in room.heard.events or "INTERNAL_ERROR" in caplog.text
        other = await channel.declare_queue(f"{room.names.source}-other", durable=True)
        with room.suspended(other.name):
            await customer.send(ask(2), reply_to=other.name)
            await until(lambda: consumer.fast.state == "unconfirmed", "the loss to be noticed")
    assert (kept.headers["inn-reply-to"], kept.headers["inn-reason"]) == (stuck.name, "unconfirmed")
    assert room.heard.moves["unrouted", "unconfirmed"] == 2


async def test_a_lost_connection_is_replaced_behind_many_batches(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 1300  # a chain of so many cancellations would exceed the recursion limit
    monkeypatch.setattr(publisher, "CONFIRM_SEC", 600.0)
    async with room.channel() as channel, room.consumer(prefetch=2 * count), room.customer() as customer:
        stuck = await channel.declare_queue(f"{room.names.source}-stuck", durable=True)
        await customer.send(ask(2))
        await customer.got(1)
        with room.suspended(stuck.name):
            await customer.send(ask(2), reply_to=stuck.name)
            for number in range(count):
                await customer.send(ask(2, requestId=f"behind-{number}"))
            await customer.got(1 + count)
            assert ("unrouted", "unconfirmed") not in room.heard.moves, "the first reply is stuck"
            room.node.evaluate('[rabbit_networking:close_connection(P, "") || P <- rabbit_networking:connections()]')
            await until(lambda: room.heard.events["reconnecting"] > 1, "both lanes' new connections")


async def test_while_the_provider_is_closed_nothing_is_taken_or_fails_and_what_is_held_goes_back_at_the_end(
    room: Room,
) -> None:
    """Longer than all retries together, which are none here."""
    room.service.says(Reason.PROVIDER_CLOSED, 0.1)
    places = 4
    in_hand = places + 1  # The one that came first came alone.
    async with room.customer() as customer:
        async with room.consumer(retries=0, held=places):
            await customer.asks(range(20))
            await room.holds(room.names.lookup, 20 - in_hand)
            asked = len(room.service.asked)
            await until(lambda: len(room.service.asked) > asked + 3, "more tries of the held messages")
            assert len(set(room.service.asked)) <= in_hand
        await room.holds(room.names.lookup, 20)
        room.service.does = lambda _request: FOUND
        async with room.consumer(held=places):
            replies = await customer.got(20)
    assert {reply["status"] for reply in replies} == {"found"}
    assert sum(map(len, customer.replies.values())) == 20
    assert room.heard.moves == {("lookup", "not_cached"): 20, ("lookup", "handed_back"): in_hand}
    # Of an open circuit the fail-over tells, once.
    assert (room.heard.of("held"), room.heard.events, room.heard.flying) == ([], {}, 0)


async def test_a_person_whom_the_provider_never_takes_is_parked_at_last_and_holds_up_nobody(room: Room) -> None:
    def takes_all_but_one(request: LookupRequest) -> Verdict:
        if request.request_id == "r-0":
            raise Unavailable(Reason.THROTTLED)
        return FOUND

    room.service.does = takes_all_but_one
    async with room.consumer(retries=0), room.customer() as customer:
        await customer.asks(range(6))
        replies = await customer.got(6)
        await room.holds(room.names.dead, 1)
    assert sorted(reply["status"] for reply in replies) == ["failed", *["found"] * 5]
    assert room.service.asked.count("r-0") == MAX_THROTTLED
    assert room.heard.moves["dead", "throttled"] == 1


async def test_a_lookup_under_way_at_the_end_is_finished(room: Room) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait(_request: LookupRequest) -> Verdict:
        asked.set()
        go_on.wait(60)
        return Verdict(Status.NOT_FOUND, "", "nalog")

    async def finish_at_the_end() -> None:
        await room.stopping.wait()
        go_on.set()

    room.service.does = wait

    async with asyncio.TaskGroup() as group, room.customer() as customer:
        async with room.consumer():
            await customer.send(ask())
            await until(asked.is_set, "the fetch")
            group.create_task(finish_at_the_end())
        replies = await customer.got(1)
    assert replies[0]["status"] == "not_found"


async def test_a_prefetch_of_one_is_enough(room: Room) -> None:
    async with room.consumer(prefetch=1, held=1), room.customer() as customer:
        await customer.asks(range(30))
        await customer.got(30)
        await customer.asks(range(30))
        await until(lambda: sum(map(len, customer.replies.values())) == 60, "60 replies")
    assert sorted(room.service.asked) == sorted({f"r-{number}" for number in range(30)})
