from pathlib import Path

import pytest

from tests.servers import mongod


def test_a_given_server_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mongod.GIVEN_VARIABLE, "mongodb://given.example")
    with mongod.given_or_private() as mongo:
        assert mongo.uri == "mongodb://given.example"
        assert mongo.members == []


def test_a_port_taken_meanwhile_is_told_from_other_failures(tmp_path: Path) -> None:
    with mongod.standalone() as mongo:
        [member] = mongo.members
        with pytest.raises(mongod.PortTaken):
            mongod.Member(tmp_path, ("--ipv6",), port=member.port).start()
