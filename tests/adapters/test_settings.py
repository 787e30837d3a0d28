from pathlib import Path

import pytest

from adapters.settings import (
    ALL_GROUPS,
    AppSettings,
    CacheSettings,
    HistorySettings,
    HttpSettings,
    RabbitSettings,
    SettingsGroup,
    WrongSettings,
    load,
    load_core,
    load_groups,
    names_of,
)
from adapters.telemetry import start
from adapters.wiring.function import function

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
ASCII = "must be printable ASCII characters"
BYTES = "must have at most 128 bytes"


@pytest.mark.parametrize(
    ("group", "name", "value", "fault"),
    [
        (RabbitSettings, "RABBITMQ_DSN", "amqp://", HOST),
        (RabbitSettings, "RABBITMQ_DSN", "amqps://user:pass@broker:99999/", HOST),
        (RabbitSettings, "RABBITMQ_DSN", "http://broker", "must begin with amqp:// or amqps://"),
        (RabbitSettings, "RABBITMQ_SOURCE_QUEUE_NAME", "ф" * 65, BYTES),
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
