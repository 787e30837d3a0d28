"""Where a question goes, checked before anything is imported that could carry it there."""

from collections.abc import Container
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from adapters.cli.failure import WRONG_USE, Failure


@dataclass(frozen=True, slots=True)
class Address:
    """The function over HTTP; `token` is sent as a bearer token where it is not ""."""

    url: str
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        parts = _parts(self.url, ("http", "https"))
        if parts is None or parts.query or parts.username is not None:
            raise Failure("--url must be an http:// or https:// address without user, password and query", WRONG_USE)


@dataclass(frozen=True, slots=True)
class Broker:
    """RabbitMQ: the connection string, which is a secret, and the queue of requests."""

    uri: str = field(repr=False)
    queue: str

    def __post_init__(self) -> None:
        if _parts(self.uri, ("amqp", "amqps")) is None:
            raise Failure("--amqp must be an address as amqp://user:password@host:5672/vhost, or amqps://", WRONG_USE)


def _parts(address: str, schemes: Container[str]) -> SplitResult | None:
    """What the address consists of; None where it is no address of such a scheme."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in schemes and parts.hostname else None
