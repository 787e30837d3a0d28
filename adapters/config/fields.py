"""The types of settings, with their checks. Error texts never contain the value."""

import ssl
from collections.abc import Callable
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

from adapters.config import host_names

MIN_KEY_LENGTH = 32
"""Characters in each of APP_SECRET_KEYS."""
MAX_NAME_BYTES = 128
"""The limit of MongoDB's application name; a queue's, its suffixes included, is 255."""
MAX_DAYS = 36500
"""A hundred years, so that no date is beyond the last year of `datetime`."""
_PROXIES = ("http", "https", "socks5", "socks5h", "socks4", "socks4a")

Value = TypeVar("Value", str, SecretStr)


def split_list(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part for part in map(str.strip, text.split(",")) if part)


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _must(be: str, test: Callable[[str], bool]) -> AfterValidator:
    def check(value: Value) -> Value:
        if not test(_plain(value)):
            raise PydanticCustomError("setting", f"must {be}")
        return value

    return AfterValidator(check)


def _required_without_dsn(value: Value, info: ValidationInfo) -> Value:
    # pydantic leaves a malformed DSN out of the data: then its parts are not required.
    if info.data.get("dsn", "malformed") is None and not _plain(value):
        raise PydanticCustomError("setting", "is required where no DSN is set")
    return value


def _required_if_enabled(value: Value, info: ValidationInfo) -> Value:
    if info.data.get("enabled") and not _plain(value):
        raise PydanticCustomError("setting", "is required where CLIENT_APIFNS_ENABLED is set")
    return value


def _is_http_url(url: str) -> bool:
    parts = urlsplit(url) if host_names.is_url(url) else None
    return (
        parts is not None
        and parts.scheme in ("http", "https")
        and not (parts.query or parts.fragment or parts.username)
    )


def _has_certificates(path: str) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except OSError:
        return False
    return True


_strip_slash = AfterValidator(lambda url: url.rstrip("/"))
_http_url = _must(
    "be an http:// or https:// address without user, password and query", lambda url: not url or _is_http_url(url)
)
_ascii = _must("be printable ASCII characters", lambda text: text.isascii() and text.isprintable())

Port = Annotated[int, Field(ge=1, le=65535)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Days = Annotated[float, Field(ge=0, le=MAX_DAYS, allow_inf_nan=False)]
Hours = Annotated[float, Field(ge=0, le=MAX_DAYS * 24, allow_inf_nan=False)]
Name = Annotated[
    str,
    Field(min_length=1),
    _must(f"have at most {MAX_NAME_BYTES} bytes", lambda text: len(text.encode()) <= MAX_NAME_BYTES),
]
AsciiText = Annotated[str, _ascii]
Tokens = Annotated[SecretStr, _ascii]
SecretKeys = Annotated[
    SecretStr,
    _must(
        f"be keys of at least {MIN_KEY_LENGTH} characters, separated by commas",
        lambda text: min(map(len, split_list(text)), default=0) >= MIN_KEY_LENGTH,
    ),
]
HttpHost = Annotated[
    str,
    _must(
        "be a host's name or IP address and nothing else; its port is HTTP_PORT",
        lambda text: host_names.parse_host(text) is not None,
    ),
    AfterValidator(lambda text: text.strip("[]")),
]
Hosts = Annotated[
    str,
    AfterValidator(_required_without_dsn),
    _must(
        "be a host's name or IP address, or several separated by commas, each with a port if any",
        lambda text: not text or bool(host_names.addresses(text, 1)),
    ),
]
User = Annotated[str, AfterValidator(_required_without_dsn)]
Password = Annotated[SecretStr, AfterValidator(_required_without_dsn)]
MongoDsn = Annotated[
    SecretStr,
    _must("begin with mongodb:// or mongodb+srv://", lambda dsn: dsn.startswith(("mongodb://", "mongodb+srv://"))),
]
AmqpDsn = Annotated[
    SecretStr,
    _must("begin with amqp:// or amqps://", lambda dsn: dsn.startswith(("amqp://", "amqps://"))),
    _must(
        "be one URL; several hosts are written as amqp://user:password@host-0,host-1:5672/vhost",
        lambda dsn: dsn.count("://") == 1,
    ),
    _must(
        "name a host, or several separated by commas, each with a valid port if any",
        lambda dsn: all(map(host_names.is_url, host_names.split_url(dsn))),
    ),
]
HttpUrl = Annotated[str, Field(min_length=1), _http_url, _strip_slash]
HttpUrlIfEnabled = Annotated[str, AfterValidator(_required_if_enabled), _http_url, _strip_slash]
KeyIfEnabled = Annotated[SecretStr, AfterValidator(_required_if_enabled)]
ProxyUrl = Annotated[
    SecretStr,
    _must(
        "be an http://, https://, socks4:// or socks5:// address",
        lambda url: not url or (host_names.is_url(url) and urlsplit(url).scheme in _PROXIES),
    ),
]
CaBundle = Annotated[
    str,
    _must("be a file of PEM certificates that can be read", lambda path: not path or _has_certificates(path)),
]
