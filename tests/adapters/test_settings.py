from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

from adapters.composition.function import function
from adapters.config.environment import WrongSettings
from adapters.config.settings import (
    ALL_GROUPS,
    AppSettings,
    CacheSettings,
    HistorySettings,
    HttpSettings,
    MongoSettings,
    NalogSettings,
    RabbitSettings,
    SettingsGroup,
    load,
    load_core,
    load_groups,
    names_of,
)
from adapters.telemetry import start

SECRET = "correct-horse-battery-staple-by-night"
SET = {
    "APP_SECRET_KEYS": SECRET,
    "HTTP_TOKENS": SECRET,
    "MONGO_DSN": f"mongodb://user:{SECRET}@127.0.0.1:1/",
    "MONGO_NAME": "inn",
    "RABBITMQ_DSN": f"amqp://user:{SECRET}@127.0.0.1:1/",
    "CLIENT_NALOG_URL": "http://127.0.0.1:1",
    "CLIENT_NALOG_PROXY": f"http://user:{SECRET}@127.0.0.1:1",
    "CLIENT_APIFNS_ENABLED": "true",
    "CLIENT_APIFNS_URL": "http://127.0.0.1:1",
    "CLIENT_APIFNS_KEY": SECRET,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for group in ALL_GROUPS:
        for name in names_of(group).values():
            monkeypatch.delenv(name, raising=False)
    for name, value in SET.items():
        monkeypatch.setenv(name, value)


def test_no_secret_shows_in_settings_or_in_what_is_built_of_them() -> None:
    for settings in load_groups(ALL_GROUPS):
        assert SECRET not in repr(settings)
    with start("inn", "ERROR") as told, function(load_core(), told) as served:
        for part in (served, *served):
            assert SECRET not in repr(part)


HOST = "must name a host, and a right port if any"
ALONE = "must be a host's name or IP address and nothing else; its port is RABBITMQ_PORT"
PROBES = "must be a host's name or IP address and nothing else; its port is HTTP_PORT"
SEEDS = "must be a host's name or IP address, or several separated by commas, each with a port if any"
URL = "must be an http:// or https:// address without user, password and query"
ASCII = "must be printable ASCII characters"
BYTES = "must have at most 128 bytes"


@pytest.mark.parametrize(
    ("group", "name", "value", "fault"),
    [
        (RabbitSettings, "RABBITMQ_DSN", "amqp://", HOST),
        (RabbitSettings, "RABBITMQ_DSN", "amqps://user:pass@broker:99999/", HOST),
        (RabbitSettings, "RABBITMQ_DSN", "http://broker", "must begin with amqp:// or amqps://"),
        (RabbitSettings, "RABBITMQ_DSN", "amqp://user:pass@bro..ker/", HOST),
        (RabbitSettings, "RABBITMQ_HOST", "broker:5673", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "[::1]:5673", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "[::1", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "[127.0.0.1]", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "amqp://broker", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "user@broker", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "broker/vhost", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "broker,other", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "bro ker", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "bro..ker", ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "b" * 64, ALONE),
        (RabbitSettings, "RABBITMQ_HOST", "xn--a", ALONE),
        (RabbitSettings, "RABBITMQ_SOURCE_QUEUE_NAME", "ф" * 65, BYTES),
        (MongoSettings, "MONGO_HOST", "mongodb://mongo", SEEDS),
        (MongoSettings, "MONGO_HOST", "mongo:", SEEDS),
        (MongoSettings, "MONGO_HOST", "mongo:0", SEEDS),
        (MongoSettings, "MONGO_HOST", "mongo:65536", SEEDS),
        (MongoSettings, "MONGO_HOST", "mongo:27017:1", SEEDS),
        (MongoSettings, "MONGO_HOST", "mongo-0,,mongo-1", SEEDS),
        (MongoSettings, "MONGO_HOST", "mongo-0, mongo-1", SEEDS),
        (MongoSettings, "MONGO_HOST", "[::1]27017", SEEDS),
        (HttpSettings, "HTTP_HOST", "localhost:8080", PROBES),
        (HttpSettings, "HTTP_HOST", "h" * 64, PROBES),
        (NalogSettings, "CLIENT_NALOG_URL", "http://service..nalog.ru", URL),
        (AppSettings, "APP_NAME", "x" * 129, BYTES),
        (HttpSettings, "HTTP_TOKENS", "пароль", ASCII),
        (CacheSettings, "CACHE_FOUND_DAYS", "3000000", "Input should be less than or equal to 36500"),
        (CacheSettings, "CACHE_NOT_FOUND_HOURS", "1e12", "Input should be less than or equal to 876000"),
        (HistorySettings, "HISTORY_DAYS", "1e12", "Input should be less than or equal to 36500"),
    ],
)
def test_a_setting_that_could_never_work_is_named(
    monkeypatch: pytest.MonkeyPatch, group: type[SettingsGroup], name: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        load_groups((group,))
    assert wrong.value.faults == [f"{name}: {fault}"]


@pytest.mark.parametrize(
    ("host", "uri"),
    [
        ("broker", "amqp://u:p@broker:5672/%2F"),
        ("my_broker.internal.", "amqp://u:p@my_broker.internal.:5672/%2F"),
        ("брокер.рф", "amqp://u:p@брокер.рф:5672/%2F"),
        ("127.0.0.1", "amqp://u:p@127.0.0.1:5672/%2F"),
        ("::1", "amqp://u:p@[::1]:5672/%2F"),
        ("[::1]", "amqp://u:p@[::1]:5672/%2F"),
        ("fe80::1%eth0", "amqp://u:p@[fe80::1%25eth0]:5672/%2F"),
    ],
)
def test_a_broker_is_named_by_its_name_or_its_address(monkeypatch: pytest.MonkeyPatch, host: str, uri: str) -> None:
    monkeypatch.delenv("RABBITMQ_DSN")
    for part, value in {"HOST": host, "USER": "u", "PASS": "p"}.items():
        monkeypatch.setenv(f"RABBITMQ_{part}", value)
    assert load(RabbitSettings).uri == uri


@pytest.mark.parametrize(
    ("host", "seeds"),
    [
        ("mongo", [("mongo", 27017)]),
        ("mongo:27018", [("mongo", 27018)]),
        ("mongo-0,mongo-1:27018", [("mongo-0", 27017), ("mongo-1", 27018)]),
        ("::1", [("::1", 27017)]),
        ("[::1]", [("::1", 27017)]),
        ("[::1]:27018,::1,127.0.0.1", [("::1", 27018), ("::1", 27017), ("127.0.0.1", 27017)]),
    ],
)
def test_a_store_is_named_by_one_host_or_several(
    monkeypatch: pytest.MonkeyPatch, host: str, seeds: list[tuple[str, int]]
) -> None:
    monkeypatch.delenv("MONGO_DSN")
    for part, value in {"HOST": host, "USER": "u", "PASS": "p"}.items():
        monkeypatch.setenv(f"MONGO_{part}", value)
    assert parse_uri(load(MongoSettings).uri)["nodelist"] == seeds


@pytest.mark.parametrize(
    ("environment", "file", "found"),
    [
        pytest.param({}, "", 86400, id="nowhere: the default"),
        pytest.param({"CACHE_NOT_FOUND_HOURS": "2"}, "", 7200, id="in the environment"),
        pytest.param({"cache_not_found_hours": "2"}, "", 7200, id="in small letters"),
        pytest.param({}, "CACHE_NOT_FOUND_HOURS=3 # three\n", 10800, id="in the file"),
        pytest.param({}, "export cache_not_found_hours='3'\n", 10800, id="in the file, as a shell would read it"),
        pytest.param({"CACHE_NOT_FOUND_HOURS": "2"}, "CACHE_NOT_FOUND_HOURS=3", 7200, id="the environment goes first"),
        pytest.param({"CACHE_NOT_FOUND_HOURS": ""}, "CACHE_NOT_FOUND_HOURS=3", 10800, id="empty there is not set"),
        pytest.param({}, "CACHE_NOT_FOUND_HOURS=\nCACHE_FOUND_DAYS", 86400, id="empty in the file is not set"),
    ],
)
def test_a_setting_is_looked_for_in_the_environment_then_in_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], file: str, found: float
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(file)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    absent = load(CacheSettings).lifetimes.absent
    assert absent is not None
    assert absent.total_seconds() == found


def test_a_file_that_is_no_text_is_named_with_what_it_must_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(f"MONGO_NAME={'база'}".encode("cp1251"))
    with pytest.raises(WrongSettings) as wrong:
        load_groups(ALL_GROUPS)
    assert wrong.value.faults == [".env: must be text in UTF-8 that this user may read"]


MUST_BE = "must be NAME=value, a quote that is opened closed, or # and a comment"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        pytest.param("MONGO_NAME=inn\n\n  \n=x\nMONGO_PORT=1\n", f".env: line 4: {MUST_BE}", id="no name"),
        pytest.param("MONGO_NAME='inn\nMONGO_PORT=1\n", f".env: line 1: {MUST_BE}", id="a quote that is left open"),
        pytest.param('A="b" c\r\n\r\nMONGO_PORT=1\r\n: x\r\n', f".env: lines 1, 4: {MUST_BE}", id="two, of Windows"),
    ],
)
def test_lines_of_the_file_that_are_no_settings_are_named_and_nothing_else_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(file.encode())
    with pytest.raises(WrongSettings) as wrong:
        load_groups(ALL_GROUPS)
    assert wrong.value.faults == [said]
    assert not caplog.records


def test_what_is_given_goes_before_all_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_FOUND_DAYS", "2")
    assert load(CacheSettings, found_days="3").found_days == 3


def test_a_variable_that_is_not_named_like_its_field_is_read_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RABBITMQ_DSN")
    monkeypatch.setenv("RABBITMQ_HOST", "broker")
    monkeypatch.setenv("RABBITMQ_USER", "user")
    with pytest.raises(WrongSettings) as wrong:
        load(RabbitSettings)
    assert wrong.value.faults == ["RABBITMQ_PASS: is required where no DSN is set"]
    monkeypatch.setenv("RABBITMQ_PASS", SECRET)
    assert load(RabbitSettings).password.get_secret_value() == SECRET
