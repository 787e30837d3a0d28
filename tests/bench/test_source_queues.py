from typing import Any

from pymongo import MongoClient

from bench.broker import BrokerClient
from bench.people import Requests
from bench.servers import running_servers
from tests.servers.rabbitmq import Node

PERSONS = 12
PACE_SEC = 0.2
DATABASE = "queues"


def test_consumers_of_two_source_queues_over_one_store_share_answers_claims_and_pace(node: Node) -> None:
    with running_servers(node) as servers, MongoClient[dict[str, Any]](servers.mongo.uri, tz_aware=True) as client:
        settings = [servers.consumer_settings(DATABASE, queue) for queue in ("north", "south")]
        pace = {"CLIENT_NALOG_MIN_INTERVAL_SEC": str(PACE_SEC)}
        # Both at once: a start takes seconds.
        for process in [servers.start("inn", "consume", **{**each, **pace}) for each in settings]:
            process.until_ready()
        hello = client.admin.command("hello", codec_options=client.codec_options)
        began = hello["localTime"].timestamp()
        bodies = Requests().new(PERSONS)
        with BrokerClient(servers.node.uri, "north") as north, BrokerClient(servers.node.uri, "south") as south:
            north.send("north", bodies)
            south.send("south", bodies)
            replies = [*north.read(PERSONS), *south.read(PERSONS)]
        stats = servers.emulator.stats()
        state = client[DATABASE]["providers"].find_one({"_id": "nalog"})
    assert all(b'"status":"found"' in reply or b'"status":"not_found"' in reply for reply in replies)
    assert sum(b'"cached":false' in reply for reply in replies) == PERSONS
    assert [calls["find"] for calls in stats.persons.values()] == [1] * PERSONS
    assert state is not None
    assert state["count"] == PERSONS
    # One pace for both: of two, the last permit would have come in half of the time.
    assert state["next_free"] - began >= PERSONS * PACE_SEC
