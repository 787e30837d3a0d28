from dataclasses import fields

import pytest
from pydantic_settings import BaseSettings

from adapters.settings import (
    ALL_GROUPS,
    AppSettings,
    CacheSettings,
    HistorySettings,
    HttpSettings,
    RabbitSettings,
    WrongSettings,
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
        for part in (served, *(getattr(served, field.name) for field in fields(served))):
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
    monkeypatch: pytest.MonkeyPatch, group: type[BaseSettings], name: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        load_groups((group,))
    assert wrong.value.faults == [f"{name}: {fault}"]
