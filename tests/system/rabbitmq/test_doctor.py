"""`inn doctor` between real servers: with each setting wrong in turn, and each server down in turn."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from local_runtime.emulator.process import Emulator
from tests.adapters.cli.conftest import Ended, Inn, inn
from tests.adapters.providers.nalog.certificates import self_signed
from tests.adapters.providers.nalog.site import in_turn, reply, serving
from tests.deploy.tools import ROOT
from tests.relay import loopbacks, relay
from tests.servers.mongod import Mongo
from tests.servers.process import free_port
from tests.servers.rabbitmq import PASSWORD, USER, Node

__all__ = ["inn"]
KEY = "a-key-of-the-tests-long-enough-to-be-one"
READER, READER_PASSWORD = "reader", "reader-password"
Settings = dict[str, str]
Documents = Database[dict[str, Any]]


@pytest.fixture(scope="session")
def store(secured_mongo: Mongo) -> Mongo:
    """A mongod with users: root, and one who may only read."""
    with MongoClient[dict[str, Any]](secured_mongo.uri) as client:
        client["admin"].command("createUser", READER, pwd=READER_PASSWORD, roles=["readAnyDatabase"])
    return secured_mongo


@pytest.fixture
def settings(store: Mongo, node: Node, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Right ones, and no others."""
    monkeypatch.chdir(tmp_path)
    return {
        "APP_SECRET_KEYS": KEY,
        "MONGO_HOST": "127.0.0.1",
        "MONGO_PORT": str(store.members[0].port),
        "MONGO_USER": "root",
        "MONGO_PASS": store.password,
        "MONGO_NAME": f"doctor_{uuid4().hex[:8]}",
        "MONGO_TIMEOUT_SERVER_SELECT": "500",
        "RABBITMQ_HOST": "127.0.0.1",
        "RABBITMQ_PORT": str(node.port),
        "RABBITMQ_USER": USER,
        "RABBITMQ_PASS": PASSWORD,
        "RABBITMQ_SOURCE_QUEUE_NAME": f"doctor-{uuid4().hex[:8]}",
        "CLIENT_NALOG_URL": emulator.url,
    }


@pytest.fixture
def doctor(inn: Inn, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> "Doctor":
    return Doctor(inn, settings, monkeypatch)


class Doctor:
    """Runs it with some settings changed; None: left out."""

    def __init__(self, inn: Inn, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self._inn = inn
        self.settings = settings
        self._monkeypatch = monkeypatch

    def __call__(self, *options: str, **changes: str | None) -> Ended:
        for name, value in {**self.settings, **changes}.items():
            if value is not None:
                self._monkeypatch.setenv(name, value)
        ended = self._inn("doctor", *options)
        secrets = {PASSWORD, self.settings["MONGO_PASS"], KEY, READER_PASSWORD, "wr0ng"}
        assert not [secret for secret in secrets if secret in ended.out + ended.err]
        assert ended.err == ""
        return ended


@pytest.fixture
def database(doctor: Doctor, store: Mongo) -> Iterator[Documents]:
    with MongoClient[dict[str, Any]](store.uri) as client:
        yield client[doctor.settings["MONGO_NAME"]]


def lines(ended: Ended, kind: str) -> list[str]:
    return [line.removeprefix(kind).strip() for line in ended.out.splitlines() if line.startswith(kind)]


def test_all_is_well(doctor: Doctor, emulator: Emulator) -> None:
    ended = doctor()
    assert ended.status == 0
    assert [line.split()[0] for line in lines(ended, "ok")] == ["settings", "MongoDB", "MongoDB", "RabbitMQ", "tax"]
    queue = doctor.settings["RABBITMQ_SOURCE_QUEUE_NAME"]
    assert lines(ended, "note") == [f"RabbitMQ     nobody consumes {queue}: start inn consume"]
    assert emulator.stats().finds == 0


WRONG = {
    "greater than or equal to 0": "APP_REQUEST_RETRY_TIMES=-1 CLIENT_NALOG_RETRIES=-1 CLIENT_NALOG_WAIT_SEC=-1"
    " CLIENT_NALOG_MIN_INTERVAL_SEC=-1 CACHE_FOUND_DAYS=-1 HISTORY_DAYS=-1",
    "greater than 0": "APP_REQUEST_RETRY_SEC=0 APP_LOOKUP_DEADLINE_SEC=0 MONGO_TIMEOUT_SERVER_SELECT=0"
    " CLIENT_NALOG_TIMEOUT_SEC=0",
    "greater than or equal to 1": "MONGO_PORT=0 RABBITMQ_PREFETCH_COUNT=0",
    "less than or equal to 65535": "HTTP_PORT=99999",
    "valid number": "APP_START_TIMEOUT_SEC=soon CACHE_NOT_FOUND_HOURS=x",
    "valid integer": "RABBITMQ_PORT=x CLIENT_NALOG_DAILY_LIMIT=1.5",
    "finite number": "CLIENT_NALOG_COOLDOWN_SEC=nan",
    "valid boolean": "CLIENT_NALOG_CONSENT=perhaps CLIENT_APIFNS_ENABLED=perhaps",
    "Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'": "LOG_LEVEL=LOUD",
    "Input should be 'two-step' or 'legacy'": "CLIENT_NALOG_PROTOCOL=newest",
    "must be keys of at least 32 characters": "APP_SECRET_KEYS=short",
    "must begin with mongodb:// or mongodb+srv://": "MONGO_DSN=http://x",
    "must be amqp://user:password@host:port/vhost, or amqps://": "RABBITMQ_DSN=http://x",
    "must be an http:// or https:// address": "CLIENT_NALOG_URL=service.nalog.ru",
    "must be an http://, https://, socks4:// or socks5:// address": "CLIENT_NALOG_PROXY=ftp://x",
    "must be a file of PEM certificates that can be read": "CLIENT_NALOG_CA_BUNDLE=nosuch.pem",
    "must be printable ASCII characters": "CLIENT_NALOG_USER_AGENT=Обозреватель",
}
MISSING = {
    "is required": "APP_SECRET_KEYS MONGO_NAME CLIENT_NALOG_URL",
    "is required where no DSN is set": "MONGO_HOST MONGO_USER MONGO_PASS RABBITMQ_HOST RABBITMQ_USER RABBITMQ_PASS",
}


@pytest.mark.parametrize("table", [WRONG, MISSING], ids=["wrong", "missing"])
def test_wrong_settings_are_named_with_what_each_must_be(doctor: Doctor, table: Settings) -> None:
    given = [(said, *each.partition("=")[::2]) for said, rows in table.items() for each in rows.split()]
    ended = doctor(**{name: value or None for _, name, value in given})
    assert ended.status == 2
    told = dict(line.removeprefix("settings").strip().split(": ", 1) for line in lines(ended, "wrong"))
    assert told.keys() == {name for _, name, _ in given}
    assert [name for said, name, _ in given if said not in told[name]] == []


def test_servers_are_not_looked_at_while_a_setting_is_wrong(doctor: Doctor) -> None:
    ended = doctor(CLIENT_APIFNS_ENABLED="1")
    assert ended.status == 2
    assert [line.split()[1] for line in lines(ended, "wrong")] == ["CLIENT_APIFNS_URL:", "CLIENT_APIFNS_KEY:"]
    assert lines(ended, "skipped") == ["servers      not looked at: settings are wrong"]
    assert ended.out.count("\n") == 3


NO_BROKER = dict.fromkeys(f"RABBITMQ_{part}" for part in ("HOST", "PORT", "USER", "PASS", "SOURCE_QUEUE_NAME"))
UNSET = ["RABBITMQ_HOST:", "RABBITMQ_USER:", "RABBITMQ_PASS:"]
WITHOUT = "RabbitMQ     not looked at: no RABBITMQ_... is set, and inn serve needs none; for inn consume: inn doctor --for consume"
WRONG_ONES = "servers      not looked at: settings are wrong"


@pytest.mark.parametrize(
    ("options", "changes", "skipped", "wrong"),
    [
        pytest.param((), {}, [WITHOUT], [], id="nothing of RabbitMQ is set, as where HTTP alone is served"),
        pytest.param(("--for", "serve"), {}, [], [], id="it is said to be for what serves"),
        pytest.param(("--for", "consume"), {}, [WRONG_ONES], UNSET, id="it is said to be for the consumer"),
        pytest.param((), {"RABBITMQ_SOURCE_QUEUE_NAME": "inn"}, [WRONG_ONES], UNSET, id="something of RabbitMQ is set"),
    ],
)
def test_whose_settings_they_are_is_seen_by_whether_rabbitmq_is_among_them(
    doctor: Doctor, options: tuple[str, ...], changes: Settings, skipped: list[str], wrong: list[str]
) -> None:
    ended = doctor(*options, **{**NO_BROKER, **changes})
    assert lines(ended, "skipped") == skipped
    assert [line.split()[1] for line in lines(ended, "wrong")] == wrong
    assert ended.status == (2 if wrong else 0)


NOTES = {
    "CLIENT_NALOG_TIMEOUT=1": "CLIENT_NALOG_TIMEOUT is no setting: is CLIENT_NALOG_TIMEOUT_SEC meant?",
    "RABBITMQ_PREFETCH=1": "RABBITMQ_PREFETCH is no setting: is RABBITMQ_PREFETCH_COUNT meant?",
}


@pytest.mark.parametrize("in_file", [False, True], ids=["in the environment", "in .env"])
def test_what_settings_may_not_mean_is_told(doctor: Doctor, in_file: bool) -> None:  # noqa: FBT001  # a case
    if in_file:
        Path(".env").write_text("\n".join(NOTES))
    notes = lines(doctor() if in_file else doctor(**dict(each.split("=") for each in NOTES)), "note")
    told = [line.removeprefix("settings     ") for line in notes if line.startswith("settings")]
    assert [said for said in NOTES.values() if not any(line.startswith(said) for line in told)] == []


def test_personal_data_that_would_travel_in_the_open(doctor: Doctor) -> None:
    notes = lines(doctor(CLIENT_NALOG_URL="http://nosuch.invalid"), "note")
    assert any("personal data would travel unencrypted; take https" in line for line in notes)


def test_a_file_of_settings_that_cannot_be_read_is_a_finding(doctor: Doctor) -> None:
    Path(".env").write_text("MONGO_NAME='inn\n")
    ended = doctor()
    assert ended.status == 2
    assert ended.out.startswith("wrong    settings     .env, line 1: must be NAME=value")


def test_what_compose_reads_in_the_same_file_is_no_slip_and_the_secrets_of_the_example_are_wrong(
    doctor: Doctor,
) -> None:
    Path(".env").write_text((ROOT / ".env.example").read_text())
    assert [line for line in lines(doctor(), "note") if line.startswith("settings")] == []
    ended = doctor(APP_SECRET_KEYS="change-me-to-a-key-that-only-you-know")
    assert ended.status == 2
    assert any("APP_SECRET_KEYS: has the example's value" in line for line in lines(ended, "wrong"))


@pytest.mark.parametrize("host", loopbacks())
def test_a_broker_is_reached_at_each_kind_of_address(doctor: Doctor, node: Node, host: str) -> None:
    with relay(host.strip("[]"), node.port) as there:
        assert doctor("--for", "consume", RABBITMQ_HOST=host, RABBITMQ_PORT=str(there.port)).status == 0


TROUBLE = {
    "MONGO_PORT=free": "MongoDB .*nothing listens on 127.0.0.1, port .* check MONGO_DSN, or MONGO_HOST, MONGO_PORT",
    "MONGO_HOST=nosuch.invalid": "MongoDB .*the name nosuch.invalid is not known here.* check MONGO_DSN",
    "MONGO_RS=other": "MongoDB      MongoDB cannot be reached now, has no primary.* check .*MONGO_RS",
    "MONGO_PASS=wr0ng": "MongoDB .*refuses the login.*MONGO_USER, MONGO_PASS, MONGO_AUTH",
    f"MONGO_USER={READER} MONGO_PASS={READER_PASSWORD}": "MongoDB .*does not allow .*give the user readWrite",
    "RABBITMQ_PORT=free": "RabbitMQ .*cannot be reached now .connection refused.: check RABBITMQ_DSN, or RABBITMQ_HOST",
    "RABBITMQ_HOST=nosuch.invalid": "RabbitMQ .*cannot be reached now .unknown host.: check RABBITMQ_DSN",
    "RABBITMQ_PASS=wr0ng": "RabbitMQ .*the user or the password is wrong.*RABBITMQ_USER",
    "RABBITMQ_VHOST=other": "RabbitMQ .*the virtual host does not exist.*RABBITMQ_VHOST",
    "RABBITMQ_PORT=emulator": "RabbitMQ .*cannot be reached now .*TLS",
    "CLIENT_NALOG_URL=http://127.0.0.1:free": "tax service .*the connection was refused.*: check CLIENT_NALOG_URL",
    "CLIENT_NALOG_URL=https://nosuch.invalid": "tax service .*its name is not known: check CLIENT_NALOG_URL",
    "CLIENT_NALOG_URL=https://127.0.0.1:emulator": "tax service .*no TLS connection.* check CLIENT_NALOG_URL",
    "CLIENT_NALOG_URL=http://127.0.0.1:emulator/nosuch": r"tax service .*does not give its form \(404\).* mend CLIENT_NALOG_URL",
    "CLIENT_NALOG_PROXY=http://127.0.0.1:free": "tax service .*the proxy .*: check .* CLIENT_NALOG_PROXY",
    "CLIENT_NALOG_PROXY=socks5://127.0.0.1:emulator CLIENT_NALOG_URL=https://nosuch.invalid": (
        "tax service .*its name is not known here.* write socks5h:// in CLIENT_NALOG_PROXY"
    ),
}
"""The settings, with a word in place of a port, and what is said."""


@pytest.mark.parametrize(("changes", "said"), TROUBLE.items())
def test_each_trouble_is_told_with_its_cause_and_its_mend(
    doctor: Doctor, emulator: Emulator, changes: str, said: str
) -> None:
    for word, port in (("free", free_port()), ("emulator", emulator.url.rpartition(":")[2])):
        changes = re.sub(f"(?<=[=:]){word}\\b", str(port), changes)
    ended = doctor(**dict(each.split("=", 1) for each in changes.split()))
    assert ended.status == 1
    [line] = lines(ended, "failed")
    assert re.match(said, line)


def test_a_certificate_that_nobody_vouches_for(doctor: Doctor, tmp_path: Path) -> None:
    tls, trusted = self_signed(tmp_path)
    with serving(in_turn(reply(200, '<form name="frmInn">')), tls) as there:
        [line] = lines(doctor(CLIENT_NALOG_URL=there.url), "failed")
        assert re.match("tax service .*certificate is not trusted: check .*CLIENT_NALOG_CA_BUNDLE", line)
        assert doctor(CLIENT_NALOG_URL=there.url, CLIENT_NALOG_CA_BUNDLE=str(trusted)).status == 0


def test_queues_of_a_cluster_may_have_one_member(doctor: Doctor, node: Node) -> None:
    queue, hosts = doctor.settings["RABBITMQ_SOURCE_QUEUE_NAME"], f"127.0.0.1,localhost:{node.port}"
    notes = lines(doctor("--for", "consume", RABBITMQ_HOST=hosts), "note")
    assert any(f"rabbitmq-queues quorum_status {queue}" in note and "grow NODE all" in note for note in notes)


PAGES = {
    "set CLIENT_NALOG_CONSENT=true if you, its operator, agree (403": {"status": 403},
    "it is under maintenance: try again later": {"case": "maintenance"},
    "what answers does not give its form (200)": {"raw": "<html></html>"},
    "wants consent to the processing of personal data: set CLIENT_NALOG_CONSENT": {"consent": "page"},
}


@pytest.mark.parametrize(("said", "rule"), PAGES.items())
def test_the_tax_service_does_not_give_its_page(
    doctor: Doctor, emulator: Emulator, said: str, rule: dict[str, object]
) -> None:
    emulator.control(rules=[{"on": "page", **rule}])
    [line] = lines(doctor(), "failed")
    assert line.startswith("tax service")
    assert said in line


def test_a_site_that_asks_for_consent_and_gets_it(doctor: Doctor, emulator: Emulator) -> None:
    emulator.control(consent="required")
    ended = doctor(CLIENT_NALOG_CONSENT="true")
    assert lines(ended, "failed") == []
    assert emulator.stats().calls["consent"] == 0


def test_answers_under_old_keys_are_counted(doctor: Doctor, database: Documents) -> None:
    answer = {"_id": bytes(36), "status": "found", "expires_at": datetime(2100, 1, 1, tzinfo=UTC)}
    database["answers"].insert_one(answer)
    [line] = [line for line in lines(doctor(), "note") if "keys" in line]
    assert "1 answers and 0 rows of history are kept under other keys than the newest" in line


def test_answers_of_another_tax_service_are_refused(doctor: Doctor, database: Documents) -> None:
    database["origin"].insert_one({"_id": "tax_service", "emulated": True})
    ended = doctor()
    assert ended.status == 2
    assert "set another MONGO_NAME" in lines(ended, "wrong")[0]


def test_a_provider_that_is_shut_is_told(doctor: Doctor, database: Documents) -> None:
    database["providers"].insert_one({"_id": "nalog", "closed_until": 4e9, "level": 1})
    [line] = [line for line in lines(doctor(), "note") if "provider" in line]
    assert re.match("MongoDB      provider nalog: cooling_down, opens in .* s", line)


PAID = [
    ({}, {}, "ok       paid service 1000 of 1000 requests are left"),
    ({"apifns_limit": 0}, {}, "failed   paid service .*pay for more, or unset CLIENT_APIFNS_ENABLED"),
    ({}, {"CLIENT_APIFNS_KEY": "wr0ng"}, "failed   paid service .*mend CLIENT_APIFNS_KEY"),
    ({}, {"CLIENT_APIFNS_URL": "http://127.0.0.1:1"}, "failed   paid service .*check CLIENT_APIFNS_URL"),
]


@pytest.mark.parametrize(("mood", "changes", "said"), PAID, ids=["a quota", "all used up", "a wrong key", "nobody"])
def test_the_paid_provider(
    doctor: Doctor, emulator: Emulator, mood: dict[str, int], changes: Settings, said: str
) -> None:
    emulator.control(**mood)
    switched_on = {"CLIENT_APIFNS_ENABLED": "1", "CLIENT_APIFNS_URL": emulator.url, "CLIENT_APIFNS_KEY": "emulated-key"}
    assert re.search(f"^{said}", doctor(**{**switched_on, **changes}).out, re.MULTILINE)
