import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

from adapters.composition.http_function import function
from adapters.config.environment import WrongSettings
from adapters.config.settings import (
    ALL_GROUPS,
    EMULATED_URL,
    AppSettings,
    CacheSettings,
    MongoSettings,
    NalogSettings,
    RabbitSettings,
    example_secrets,
    load,
    load_core,
    load_groups,
)
from adapters.telemetry import start
from tests.adapters.providers.nalog.certificates import self_signed

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


Given = Callable[..., None]


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Given:
    """Sets variables, None for unset, beside those above. In a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def give(**variables: str | None) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value or "")  # an empty one counts as unset

    give(**SET)
    return give


def faults() -> list[str]:
    with pytest.raises(WrongSettings) as wrong:
        load_groups(ALL_GROUPS)
    return wrong.value.faults


def test_no_secret_shows_in_settings_or_in_what_is_built_of_them() -> None:
    for settings in load_groups(ALL_GROUPS):
        assert SECRET not in repr(settings)
    with start("inn", "ERROR") as told, function(load_core(), told) as served:
        for part in (served, *served):
            assert SECRET not in repr(part)


AMQP = "must be amqp://user:password@host:port/vhost, or amqps://, with several hosts separated by commas"
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


DAYS, HOURS = (f"Input should be less than or equal to {most}" for most in (36500, 876000))
WRONG = {
    ("RABBITMQ_DSN", AMQP): [
        "http://broker", "amqp://", "amqp://a,b,/c@broker", "amqps://user:pass@broker:99999/", "amqp://user:pass@bro..ker/",
        "amqp://u:p@broker-0,bro..ker/", "amqp://user:pass@broker-0,/", "amqp://user:pass@broker-0:0,broker-1/",
        *(f"amqp://u:p@broker-0/{between}://u:p@broker-1/" for between in (",amqp", ";amqps", " amqp")),
    ],
    ("RABBITMQ_DECLARE", BOOL): ["perhaps"],
    ("RABBITMQ_HOST", SEVERAL): [
        "broker:0", "[::1", "[127.0.0.1]", "amqp://broker", "user@broker", "broker/vhost", "broker,", "bro ker", "bro..ker",
        "b" * 64, "xn--a",
    ],
    ("RABBITMQ_SOURCE_QUEUE_NAME", BYTES): ["ф" * 65],
    ("MONGO_HOST", SEVERAL): [
        "mongodb://mongo", "mongo:", "mongo:0", "mongo:65536", "mongo:27017:1", "mongo-0,,mongo-1", "mongo-0, mongo-1",
        "[::1]27017",
    ],
    ("MONGO_DSN", EXAMPLE): ["mongodb://inn:change-me-mongo@mongo/"],
    ("HTTP_HOST", ONE_HOST): ["localhost:8080", "h" * 64],
    ("HTTP_TOKENS", ASCII): ["пароль"],
    ("CLIENT_NALOG_URL", URL): [
        "service.nalog.ru", "ftp://service.nalog.ru", "https://", "https://[::1", "https://service.nalog.ru:port",
        "https://service.nalog.ru:70000", "https://user:pass@service.nalog.ru", "https://service.nalog.ru/?key=1",
        "http://service..nalog.ru",
    ],
    ("CLIENT_NALOG_PROXY", PROXY): ["proxy:3128", "socks5://", "socks6://proxy:1080", "http://user:pass@proxy:port"],
    ("CLIENT_NALOG_USER_AGENT", ASCII): ["Обозреватель", "Mozilla\r\nX: y"],
    ("CLIENT_NALOG_PROTOCOL", "Input should be 'two-step' or 'legacy'"): ["three-step"],
    ("CLIENT_NALOG_CA_BUNDLE", BUNDLE): ["/nowhere.pem", os.devnull, __file__],
    ("CLIENT_NALOG_URL", "is required"): [""],
    ("CLIENT_APIFNS_KEY", "is required where CLIENT_APIFNS_ENABLED is set"): [""],
    ("CLIENT_APIFNS_PROXY", PROXY): ["proxy:3128"],
    ("CLIENT_APIFNS_CA_BUNDLE", BUNDLE): ["/nowhere.pem"],
    ("APP_NAME", BYTES): ["x" * 129],
    ("APP_SECRET_KEYS", KEYS): ["k" * 31, f"{'k' * 32},{'k' * 31}", "," * 32],
    ("APP_SECRET_KEYS", EXAMPLE): [f"{'k' * 32},change-me-to-a-key-that-only-you-know"],
    ("CACHE_FOUND_DAYS", DAYS): ["3000000"],
    ("CACHE_NOT_FOUND_HOURS", HOURS): ["1e12"],
    ("HISTORY_DAYS", DAYS): ["1e12"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "fault"), [(name, value, fault) for (name, fault), values in WRONG.items() for value in values]
)
def test_a_setting_that_could_never_work_is_named(given: Given, name: str, value: str, fault: str) -> None:
    given(**{name: value})
    assert faults() == [f"{name}: {fault}"]


def test_a_bundle_of_certificates_and_a_proxy_of_each_kind_are_taken(tmp_path: Path, given: Given) -> None:
    _, trusted = self_signed(tmp_path)
    given(CLIENT_NALOG_CA_BUNDLE=str(trusted))
    assert load(NalogSettings).ca_bundle == str(trusted)
    for proxy in ("http://user:pass@proxy:3128", "https://proxy", "socks4a://proxy:1080", "socks5h://[::1]:1080"):
        given(CLIENT_NALOG_PROXY=proxy)
        assert load(NalogSettings).proxy_url == proxy


BROKERS = {
    ("HOST", "broker"): ["amqp://u:p@broker:5672/%2F"],
    ("HOST", "my_broker.internal."): ["amqp://u:p@my_broker.internal.:5672/%2F"],
    ("HOST", "брокер.рф"): ["amqp://u:p@брокер.рф:5672/%2F"],
    ("HOST", "127.0.0.1"): ["amqp://u:p@127.0.0.1:5672/%2F"],
    ("HOST", "::1"): ["amqp://u:p@[::1]:5672/%2F"],
    ("HOST", "[::1]"): ["amqp://u:p@[::1]:5672/%2F"],
    ("HOST", "fe80::1%eth0"): ["amqp://u:p@[fe80::1%25eth0]:5672/%2F"],
    ("HOST", "a,b:5673,[::1]:5674"): [f"amqp://u:p@{place}/%2F" for place in ("a:5672", "b:5673", "[::1]:5674")],
    ("DSN", "amqp://u:p@broker"): ["amqp://u:p@broker"],
    ("DSN", "amqps://u:p@a,b:5671/v?x=5"): ["amqps://u:p@a/v?x=5", "amqps://u:p@b:5671/v?x=5"],
    ("DSN", "amqp://u:p,q@a,b/"): ["amqp://u:p,q@a/", "amqp://u:p,q@b/"],
    ("DSN", "amqp://[::1]:5673,[::1],a"): ["amqp://[::1]:5673", "amqp://[::1]", "amqp://a"],
}


@pytest.mark.parametrize(("part", "uris"), BROKERS.items())
def test_a_broker_has_one_host_or_several(given: Given, part: tuple[str, str], uris: list[str]) -> None:
    given(RABBITMQ_DSN=None, RABBITMQ_USER="u", RABBITMQ_PASS="p")
    given(**{f"RABBITMQ_{part[0]}": part[1]})
    assert load(RabbitSettings).uris == tuple(uris)


def test_a_store_has_one_host_or_several(given: Given) -> None:
    given(MONGO_DSN=None, MONGO_HOST="mongo,[::1]:27018,::1", MONGO_USER="u", MONGO_PASS="p")
    assert parse_uri(load(MongoSettings).uri)["nodelist"] == [("mongo", 27017), ("::1", 27018), ("::1", 27017)]


def test_secrets_of_the_example_serve_for_the_emulated_tax_service_alone(given: Given) -> None:
    key = "change-me-to-a-key-that-only-you-know"
    given(APP_SECRET_KEYS=key, MONGO_DSN="mongodb://inn:change-me-mongo@mongo/")
    wrong = [f"APP_SECRET_KEYS: {EXAMPLE}", f"MONGO_DSN: {EXAMPLE}"]
    assert faults() == wrong
    given(CLIENT_NALOG_URL=EMULATED_URL)
    assert load_core().app.keys == (key,)
    assert example_secrets((AppSettings, MongoSettings)) == wrong
    # A password that a DSN replaces is no fault.
    given(MONGO_DSN="mongodb://inn:a-secret-of-ours@mongo/", MONGO_PASS="change-me-mongo")
    assert example_secrets((MongoSettings,)) == []


def test_a_setting_may_come_from_a_file_and_not_from_two_places(given: Given, tmp_path: Path) -> None:
    for name in ("APP_SECRET_KEYS", "MONGO_DSN"):
        (tmp_path / name).write_text(f"{SET[name]}\n")
        given(**{name: None, f"{name}_FILE": str(tmp_path / name)})
    core = load_core()
    assert (core.app.keys, core.mongo.uri) == ((SECRET,), SET["MONGO_DSN"])
    given(HTTP_TOKENS_FILE=str(tmp_path / "APP_SECRET_KEYS"))
    assert faults() == ["HTTP_TOKENS: is set twice, here and by HTTP_TOKENS_FILE"]


@pytest.mark.parametrize("content", [None, b"", b"\n", "пароль".encode("cp1251"), b"k" * 65537])
def test_a_file_that_holds_no_value_is_named_and_what_depends_on_it_is_not(
    given: Given, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "dsn").write_bytes(content)
    given(MONGO_DSN=None, MONGO_DSN_FILE=str(tmp_path / "dsn"))
    assert faults() == ["MONGO_DSN: MONGO_DSN_FILE must name a file of text in UTF-8 that this user may read"]


def test_faults_of_all_groups_are_reported_together_without_their_values(given: Given) -> None:
    names = ["APP_SECRET_KEYS", "MONGO_DSN", "CLIENT_NALOG_PROXY", "CLIENT_APIFNS_PROXY", "RABBITMQ_DSN"]
    given(**dict.fromkeys(names, "s3cret"), CLIENT_NALOG_URL=None)
    assert [fault.partition(":")[0] for fault in faults()] == [*names[:3], "CLIENT_NALOG_URL", *names[3:]]
    assert "s3cret" not in str(faults())


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
    given: Given, environment: dict[str, str], file: str, found: float
) -> None:
    Path(".env").write_text(file)
    given(**environment)
    absent = load(CacheSettings).lifetimes.absent
    assert absent is not None
    assert absent.total_seconds() == found


MUST_BE = "must be NAME=value, a quote that is opened closed, or # and a comment"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        pytest.param("MONGO_NAME=база", [".env: must be text in UTF-8 that this user may read"], id="no text"),
        pytest.param("MONGO_NAME=inn\n\n  \n=x\nMONGO_PORT=1\n", [f".env, line 4: {MUST_BE}"], id="no name"),
        pytest.param("MONGO_NAME='inn\nMONGO_PORT=1\n", [f".env, line 1: {MUST_BE}"], id="a quote that is left open"),
        pytest.param(
            'A="b" c\r\n\r\nMONGO_PORT=1\r\n: x\r\n',
            [f".env, line {line}: {MUST_BE}" for line in (1, 4)],
            id="two, of Windows",
        ),
    ],
)
def test_lines_of_the_file_that_are_no_settings_are_named_and_nothing_else_is_said(
    caplog: pytest.LogCaptureFixture, file: str, said: list[str]
) -> None:
    Path(".env").write_bytes(file.encode("cp1251"))  # the same bytes as in UTF-8 but for Cyrillic
    assert faults() == said
    assert not caplog.records
