from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

from adapters.composition.function import function
from adapters.config.environment import WrongSettings
from adapters.config.settings import (
    ALL_GROUPS,
    EMULATED_URL,
    ApiFnsSettings,
    AppSettings,
    CacheSettings,
    HistorySettings,
    HttpSettings,
    MongoSettings,
    NalogSettings,
    RabbitSettings,
    SettingsGroup,
    example_secrets,
    load,
    load_core,
    load_groups,
    variables_of,
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
        for name in variables_of(group):
            monkeypatch.delenv(name, raising=False)
    for name, value in SET.items():
        monkeypatch.setenv(name, value)


def test_no_secret_shows_in_settings_or_in_what_is_built_of_them() -> None:
    for settings in load_groups(ALL_GROUPS):
        assert SECRET not in repr(settings)
    with start("inn", "ERROR") as told, function(load_core(), told) as served:
        for part in (served, *served):
            assert SECRET not in repr(part)


URL_HOSTS = "must name a host, or several separated by commas, each with a valid port if any"
ONE_URL = "must be one URL; several hosts are written as amqp://user:password@host-0,host-1:5672/vhost"
ONE_HOST = "must be a host's name or IP address and nothing else; its port is HTTP_PORT"
SEVERAL = "must be a host's name or IP address, or several separated by commas, each with a port if any"
URL = "must be an http:// or https:// address without user, password and query"
ASCII = "must be printable ASCII characters"
BOOL = "Input should be a valid boolean, unable to interpret input"
KEYS = "must be keys of at least 32 characters, separated by commas"
EXAMPLE = "has the example's value; set a secret of your own (openssl rand -hex 32 makes one)"
PROXY = "must be an http://, https://, socks4:// or socks5:// address"
BUNDLE = "must be a file of PEM certificates that can be read"
BYTES = "must have at most 128 bytes"


@pytest.mark.parametrize(
    ("group", "name", "value", "fault"),
    [
        (RabbitSettings, "RABBITMQ_DSN", "amqp://", URL_HOSTS),
        (RabbitSettings, "RABBITMQ_DSN", "amqps://user:pass@broker:99999/", URL_HOSTS),
        (RabbitSettings, "RABBITMQ_DSN", "http://broker", "must begin with amqp:// or amqps://"),
        (RabbitSettings, "RABBITMQ_DSN", "amqp://user:pass@bro..ker/", URL_HOSTS),
        (RabbitSettings, "RABBITMQ_DSN", "amqp://user:pass@broker-0,bro..ker/", URL_HOSTS),
        (RabbitSettings, "RABBITMQ_DSN", "amqp://user:pass@broker-0,/", URL_HOSTS),
        (RabbitSettings, "RABBITMQ_DSN", "amqp://user:pass@broker-0:0,broker-1/", URL_HOSTS),
        (RabbitSettings, "RABBITMQ_DSN", "amqp://u:p@broker-0/,amqp://u:p@broker-1/", ONE_URL),
        (RabbitSettings, "RABBITMQ_DSN", "amqp://u:p@broker-0/;amqps://u:p@broker-1/", ONE_URL),
        (RabbitSettings, "RABBITMQ_DSN", "amqp://u:p@broker-0/ amqp://u:p@broker-1/", ONE_URL),
        (RabbitSettings, "RABBITMQ_DECLARE", "perhaps", BOOL),
        (RabbitSettings, "RABBITMQ_HOST", "broker:0", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "[::1", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "[127.0.0.1]", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "amqp://broker", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "user@broker", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "broker/vhost", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "broker,", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "bro ker", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "bro..ker", SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "b" * 64, SEVERAL),
        (RabbitSettings, "RABBITMQ_HOST", "xn--a", SEVERAL),
        (RabbitSettings, "RABBITMQ_SOURCE_QUEUE_NAME", "ф" * 65, BYTES),
        (MongoSettings, "MONGO_HOST", "mongodb://mongo", SEVERAL),
        (MongoSettings, "MONGO_HOST", "mongo:", SEVERAL),
        (MongoSettings, "MONGO_HOST", "mongo:0", SEVERAL),
        (MongoSettings, "MONGO_HOST", "mongo:65536", SEVERAL),
        (MongoSettings, "MONGO_HOST", "mongo:27017:1", SEVERAL),
        (MongoSettings, "MONGO_HOST", "mongo-0,,mongo-1", SEVERAL),
        (MongoSettings, "MONGO_HOST", "mongo-0, mongo-1", SEVERAL),
        (MongoSettings, "MONGO_HOST", "[::1]27017", SEVERAL),
        (HttpSettings, "HTTP_HOST", "localhost:8080", ONE_HOST),
        (HttpSettings, "HTTP_HOST", "h" * 64, ONE_HOST),
        (NalogSettings, "CLIENT_NALOG_URL", "http://service..nalog.ru", URL),
        (ApiFnsSettings, "CLIENT_APIFNS_PROXY", "proxy:3128", PROXY),
        (ApiFnsSettings, "CLIENT_APIFNS_CA_BUNDLE", "/nowhere.pem", BUNDLE),
        (AppSettings, "APP_NAME", "x" * 129, BYTES),
        (AppSettings, "APP_SECRET_KEYS", "k" * 31, KEYS),
        (AppSettings, "APP_SECRET_KEYS", f"{'k' * 32},{'k' * 31}", KEYS),
        (AppSettings, "APP_SECRET_KEYS", "," * 32, KEYS),
        (AppSettings, "APP_SECRET_KEYS", f"{'k' * 32},change-me-to-a-key-that-only-you-know", EXAMPLE),
        (MongoSettings, "MONGO_DSN", "mongodb://inn:change-me-mongo@mongo/", EXAMPLE),
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
    broker_without_dsn(monkeypatch, host)
    assert load(RabbitSettings).uris == (uri,)


def broker_without_dsn(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.delenv("RABBITMQ_DSN")
    for part, value in {"HOST": host, "USER": "u", "PASS": "p"}.items():
        monkeypatch.setenv(f"RABBITMQ_{part}", value)


def test_a_cluster_is_named_by_its_hosts_each_with_a_port_if_any(monkeypatch: pytest.MonkeyPatch) -> None:
    broker_without_dsn(monkeypatch, "broker-0,broker-1:5673,[::1]:5674")
    places = ("broker-0:5672", "broker-1:5673", "[::1]:5674")
    assert load(RabbitSettings).uris == tuple(f"amqp://u:p@{place}/%2F" for place in places)


@pytest.mark.parametrize(
    ("dsn", "uris"),
    [
        ("amqp://u:p@broker", ["amqp://u:p@broker"]),
        ("amqps://u:p@a,b:5671/v?heartbeat=5", ["amqps://u:p@a/v?heartbeat=5", "amqps://u:p@b:5671/v?heartbeat=5"]),
        ("amqp://a,b,/c@broker", None),
        ("amqp://u:p,q@a,b/", ["amqp://u:p,q@a/", "amqp://u:p,q@b/"]),
        ("amqp://[::1]:5673,[::1],a", ["amqp://[::1]:5673", "amqp://[::1]", "amqp://a"]),
    ],
)
def test_a_dsn_names_one_host_or_several(monkeypatch: pytest.MonkeyPatch, dsn: str, uris: list[str] | None) -> None:
    monkeypatch.setenv("RABBITMQ_DSN", dsn)
    if uris is None:
        with pytest.raises(WrongSettings):
            load(RabbitSettings)
    else:
        assert load(RabbitSettings).uris == tuple(uris)


def test_secrets_of_the_example_serve_for_the_emulated_tax_service_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRET_KEYS", "change-me-to-a-key-that-only-you-know")
    monkeypatch.setenv("MONGO_DSN", "mongodb://inn:change-me-mongo@mongo/")
    faults = [f"APP_SECRET_KEYS: {EXAMPLE}", f"MONGO_DSN: {EXAMPLE}"]
    with pytest.raises(WrongSettings) as wrong:
        load_core()
    assert wrong.value.faults == faults
    monkeypatch.setenv("CLIENT_NALOG_URL", EMULATED_URL)
    assert load_core().app.keys == ("change-me-to-a-key-that-only-you-know",)
    assert [*example_secrets(AppSettings), *example_secrets(MongoSettings)] == faults


def test_an_examples_password_that_a_dsn_replaces_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_DSN", "mongodb://inn:a-secret-of-ours@mongo/")
    monkeypatch.setenv("MONGO_PASS", "change-me-mongo")
    assert example_secrets(MongoSettings) == []


def test_a_setting_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("APP_SECRET_KEYS", "MONGO_DSN"):
        (tmp_path / name).write_text(f"{SET[name]}\n")
        monkeypatch.delenv(name)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    core = load_core()
    assert (core.app.keys, core.mongo.uri) == ((SECRET,), SET["MONGO_DSN"])


@pytest.mark.parametrize("content", [None, b"", b"\n", "пароль".encode("cp1251"), b"k" * 65537])
def test_a_file_that_holds_no_value_is_named_and_what_depends_on_it_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "dsn").write_bytes(content)
    monkeypatch.delenv("MONGO_DSN")
    monkeypatch.setenv("MONGO_DSN_FILE", str(tmp_path / "dsn"))
    with pytest.raises(WrongSettings) as wrong:
        load_core()
    assert wrong.value.faults == ["MONGO_DSN_FILE: must name a file of text in UTF-8 that this user may read"]


def test_a_setting_that_is_set_twice_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("other")
    monkeypatch.setenv("HTTP_TOKENS_FILE", str(tmp_path / "tokens"))
    with pytest.raises(WrongSettings) as wrong:
        load_core()
    assert wrong.value.faults == ["HTTP_TOKENS: is set twice, here and by HTTP_TOKENS_FILE"]


def test_faults_of_all_groups_are_reported_together_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APP_SECRET_KEYS", "MONGO_DSN", "RABBITMQ_DSN", "CLIENT_NALOG_PROXY", "CLIENT_APIFNS_PROXY"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.delenv("CLIENT_NALOG_URL")
    with pytest.raises(WrongSettings) as wrong:
        load_groups(ALL_GROUPS)
    assert [fault.partition(":")[0] for fault in wrong.value.faults] == [
        "APP_SECRET_KEYS",
        "MONGO_DSN",
        "CLIENT_NALOG_PROXY",
        "CLIENT_NALOG_URL",
        "CLIENT_APIFNS_PROXY",
        "RABBITMQ_DSN",
    ]
    assert "s3cret" not in str(wrong.value)


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
