"""The types of settings, with their checks. Error texts never contain the value."""

import ssl
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

from adapters.config import addresses

MIN_KEY_LENGTH = 32  # characters in each of APP_SECRET_KEYS
MAX_NAME_BYTES = 128  # the limit of MongoDB's application name; a queue's, its suffixes included, is 255
MAX_DAYS = 36500  # a hundred years, so that no date is beyond the last year of `datetime`


def split_list(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part for part in map(str.strip, text.split(",")) if part)


def required(where: str, is_required: Callable[[Mapping[str, Any]], bool]) -> AfterValidator:
    """The field must be set where the valid fields before it say so; `where`: the same in words."""
    return _check(f"is required where {where}", lambda text, before: bool(text) or not is_required(before))


def _must(be: str, test: Callable[[str], bool]) -> AfterValidator:
    return _check(f"must {be}", lambda text, _: test(text))


def _check(fault: str, test: Callable[[str, Mapping[str, Any]], bool]) -> AfterValidator:
    def check(value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        if not test(value.get_secret_value() if isinstance(value, SecretStr) else value, info.data):
            raise PydanticCustomError("setting", fault)
        return value

    return AfterValidator(check)


def _has_certificates(path: str) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except OSError:
        return False
    return True


# pydantic leaves a malformed DSN out of the data: then its parts are not required.
_without_dsn = required("no DSN is set", lambda data: data.get("dsn", "malformed") is None)
_ascii = _must("be printable ASCII characters", lambda text: text.isascii() and text.isprintable())

Port = Annotated[int, Field(ge=1, le=65535)]
Days = Annotated[float, Field(ge=0, le=MAX_DAYS)]
Hours = Annotated[float, Field(ge=0, le=MAX_DAYS * 24)]
Name = Annotated[str, _must(f"have at most {MAX_NAME_BYTES} bytes", lambda text: len(text.encode()) <= MAX_NAME_BYTES)]
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
        lambda text: addresses.parse_host(text) is not None,
    ),
    AfterValidator(lambda text: text.strip("[]")),
]
Hosts = Annotated[
    str,
    _without_dsn,
    _must(
        "be a host's name or IP address, or several separated by commas, each with a port if any",
        lambda text: not text or bool(addresses.addresses(text, 1)),
    ),
]
User = Annotated[str, _without_dsn]
Password = Annotated[SecretStr, _without_dsn]
MongoDsn = Annotated[
    SecretStr,
    _must("begin with mongodb:// or mongodb+srv://", lambda dsn: dsn.startswith(("mongodb://", "mongodb+srv://"))),
]
AmqpDsn = Annotated[
    SecretStr,
    _must(
        "be amqp://user:password@host:port/vhost, or amqps://, with several hosts separated by commas",
        lambda dsn: (
            dsn.count("://") == 1 and all(addresses.is_url(url, "amqp", "amqps") for url in addresses.split_url(dsn))
        ),
    ),
]
HttpUrl = Annotated[
    str,
    _must(
        "be an http:// or https:// address without user, password and query",
        lambda url: not url or addresses.is_http_url(url),
    ),
    AfterValidator(lambda url: url.rstrip("/")),
]
ProxyUrl = Annotated[
    SecretStr,
    _must(
        "be an http://, https://, socks4:// or socks5:// address",
        lambda url: not url or addresses.is_url(url, "http", "https", "socks5", "socks5h", "socks4", "socks4a"),
    ),
]
CaBundle = Annotated[
    str,
    _must("be a file of PEM certificates that can be read", lambda path: not path or _has_certificates(path)),
]
