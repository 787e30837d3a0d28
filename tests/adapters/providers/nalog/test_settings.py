from pathlib import Path

import pytest

from adapters.config.environment import WrongSettings
from adapters.config.settings import NalogSettings, load
from tests.adapters.providers.nalog.certificates import self_signed


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_NALOG_URL", "https://service.nalog.ru")


@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["no file", "an empty file", "another file"])
def test_a_bundle_that_is_none_is_named_before_anything_starts(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("CLIENT_NALOG_CA_BUNDLE", str(path))
    with pytest.raises(WrongSettings) as wrong:
        load(NalogSettings)
    assert wrong.value.faults == ["CLIENT_NALOG_CA_BUNDLE: must be a file of PEM certificates that can be read"]


def test_a_bundle_of_certificates_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, trusted = self_signed(tmp_path)
    monkeypatch.setenv("CLIENT_NALOG_CA_BUNDLE", str(trusted))
    assert load(NalogSettings).ca_bundle == str(trusted)


HTTP = "must be an http:// or https:// address without user, password and query"
PROXY = "must be an http://, https://, socks4:// or socks5:// address"
WRONG = [
    ("CLIENT_NALOG_URL", "service.nalog.ru", HTTP),
    ("CLIENT_NALOG_URL", "ftp://service.nalog.ru", HTTP),
    ("CLIENT_NALOG_URL", "https://", HTTP),
    ("CLIENT_NALOG_URL", "https://[::1", HTTP),
    ("CLIENT_NALOG_URL", "https://service.nalog.ru:port", HTTP),
    ("CLIENT_NALOG_URL", "https://service.nalog.ru:70000", HTTP),
    ("CLIENT_NALOG_URL", "https://user:pass@service.nalog.ru", HTTP),
    ("CLIENT_NALOG_URL", "https://service.nalog.ru/?key=1", HTTP),
    ("CLIENT_NALOG_PROXY", "proxy:3128", PROXY),
    ("CLIENT_NALOG_PROXY", "socks5://", PROXY),
    ("CLIENT_NALOG_PROXY", "socks6://proxy:1080", PROXY),
    ("CLIENT_NALOG_PROXY", "http://user:pass@proxy:port", PROXY),
    ("CLIENT_NALOG_USER_AGENT", "Обозреватель", "must be printable ASCII characters"),
    ("CLIENT_NALOG_USER_AGENT", "Mozilla\r\nX: y", "must be printable ASCII characters"),
    ("CLIENT_NALOG_PROTOCOL", "three-step", "must be one of two-step, legacy"),
]


@pytest.mark.parametrize(("name", "value", "fault"), WRONG, ids=[f"{name} {value!r}" for name, value, _ in WRONG])
def test_a_setting_that_could_never_work_is_named_before_anything_starts(
    name: str, value: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        load(NalogSettings)
    assert wrong.value.faults == [f"{name}: {fault}"]


@pytest.mark.parametrize(
    "proxy", ["", "http://user:pass@proxy:3128", "https://proxy", "socks4a://proxy:1080", "socks5h://[::1]:1080"]
)
def test_a_proxy_is_a_secret(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_NALOG_PROXY", proxy)
    settings = load(NalogSettings)
    assert settings.proxy.get_secret_value() == proxy
    assert "pass" not in repr(settings)
