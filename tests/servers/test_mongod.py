from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from tests.servers import mongod


def test_a_given_server_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mongod.GIVEN_VARIABLE, "mongodb://given.example")
    with mongod.given_or_private() as mongo:
        assert mongo.uri == "mongodb://given.example"
        assert mongo.members == []


def test_a_killed_mongod_starts_again_on_its_data_and_asks_for_a_password() -> None:
    with mongod.standalone(auth=True) as mongo:
        [member] = mongo.members
        with connected(mongo.uri) as client:
            client["test"]["kept"].with_options(write_concern=WriteConcern(j=True)).insert_one({"_id": 1})
        member.kill()
        member.start()
        with connected(mongo.uri) as client:
            assert client["test"]["kept"].find_one() == {"_id": 1}
        with connected(mongo.uri.replace(mongo.password, "wrong")) as client, pytest.raises(OperationFailure):
            client["test"]["kept"].find_one()
    assert not member.folder.exists()


def test_a_replica_set_has_a_primary_and_takes_logins() -> None:
    with mongod.replica_set(1, auth=True) as mongo, connected(mongo.uri) as client:
        assert client.admin.command("hello")["setName"] == mongod.REPLICA_SET
        assert mongo.primary() is mongo.members[0]


def test_a_port_taken_meanwhile_is_told_from_other_failures(tmp_path: Path) -> None:
    with mongod.standalone() as mongo:
        [member] = mongo.members
        with pytest.raises(mongod.PortTaken):
            mongod.Member(tmp_path, ("--ipv6",), port=member.port).start()


def connected(uri: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, serverSelectionTimeoutMS=20000)
