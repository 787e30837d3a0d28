from dataclasses import fields

import pytest

from adapters.settings import ALL_GROUPS, load_core, load_groups, names_of
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
