import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from tests.servers import binaries, mongod
from tests.servers.process import ServerFailed


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o755)
    return path


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any mongod, and with a pip that fails."""
    monkeypatch.delenv(binaries.MONGOD_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(binaries, "find_spec", lambda _name: None)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    return tmp_path


def test_a_mongod_named_by_the_variable_comes_first(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(nowhere / "bin" / "mongod")
    named = program(nowhere / "mine" / "mongod-8")
    monkeypatch.setenv(binaries.MONGOD_VARIABLE, str(named))
    assert binaries.mongod() == named


def test_a_variable_that_names_no_program_is_an_error(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binaries.MONGOD_VARIABLE, "/no/such/mongod")
    with pytest.raises(ServerFailed, match="INN_TEST_MONGOD names /no/such/mongod"):
        binaries.mongod()


def test_a_mongod_on_the_path_comes_second(nowhere: Path) -> None:
    found = program(nowhere / "bin" / "mongod")
    assert binaries.mongod() == found


def test_the_package_comes_third_and_is_given_the_right_to_run(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = program(nowhere / "fiftyone" / "db" / "bin" / "mongod")
    packaged.chmod(0o644)
    spec = ModuleSpec("fiftyone", None, is_package=True)
    spec.submodule_search_locations = [str(nowhere / "fiftyone")]
    monkeypatch.setattr(binaries, "find_spec", lambda _name: spec)
    assert binaries.mongod() == packaged
    assert os.access(packaged, os.X_OK)


def test_without_any_an_error_says_what_to_install(nowhere: Path) -> None:
    with pytest.raises(ServerFailed, match=r"install MongoDB .* INN_TEST_MONGOD, .* INN_TEST_MONGO_URI"):
        binaries.mongod()


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
