"""The clients' options (--url, --amqp and others), destinations and errors, and the check of a reply's request id."""

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

import typer

from adapters.cli.errors import Failure, WrongUse
from adapters.config import environment
from adapters.config.host_names import is_url, split_url
from function.outcomes import Status
from function.result import LookupResult

DEFAULT_URL = "http://127.0.0.1:8080"
FROM_SETTINGS = "settings"
"""`--amqp settings`: keeps the address out of the list of processes."""
_PLAIN_URL = re.compile(r"https?://[^@?/]+(/[^?]*)?", re.IGNORECASE)

Url = Annotated[
    str,
    typer.Option("--url", envvar="INN_URL", help=f"Ask over HTTP: the function's address. [default: {DEFAULT_URL}]"),
]
Amqp = Annotated[
    str,
    typer.Option(
        "--amqp",
        envvar="INN_AMQP",
        help=f"Ask over RabbitMQ: amqp://user:password@host:5672/vhost, or {FROM_SETTINGS!r} for what RABBITMQ_... say.",
    ),
]
Queue = Annotated[
    str, typer.Option("--queue", help="The queue of requests. [default: RABBITMQ_SOURCE_QUEUE_NAME, else inn]")
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", help="A file that holds the token for HTTP. Without it INN_TOKEN is taken."),
]


@dataclass(frozen=True, slots=True)
class HttpDestination:
    """The function over HTTP; `token` is sent as a bearer token unless it is ""."""

    url: str
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not is_url(self.url) or not _PLAIN_URL.fullmatch(self.url):
            raise WrongUse("--url must be an http:// or https:// address without user, password and query")

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"the service at {self.url}"


@dataclass(frozen=True, slots=True)
class AmqpDestination:
    """RabbitMQ: a connection string (a secret) for each host, and the queue of requests."""

    uris: tuple[str, ...] = field(repr=False)
    queue: str

    def __post_init__(self) -> None:
        if not all(is_url(uri) and uri.lower().startswith(("amqp://", "amqps://")) for uri in self.uris):
            raise WrongUse("--amqp must be an address as amqp://user:password@host:5672/vhost, or amqps://")


class RequestRefused(Failure):
    """The service refuses the request, and a retry would not help."""


class ServiceUnreachable(Failure):
    """The service could not be reached, or the connection broke: a retry may help."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"cannot reach {name}: {cause}")


class RetryLater(Failure):
    """The service is temporarily unable to answer. `code`: the reason's; `retry_after`: seconds, 0: unknown."""

    def __init__(self, text: str, code: str = "", retry_after: float = 0) -> None:
        super().__init__(text)
        self.code = code
        self.retry_after = retry_after


class Client(Protocol):
    """A way to the service, open until its context ends. For one event loop."""

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Ask for one person. Raises RequestRefused, ServiceUnreachable, RetryLater."""


def client_of(
    to: HttpDestination | AmqpDestination, *, timeout: float = 0, concurrency: int = 0
) -> AbstractAsyncContextManager[Client]:
    """A client. Over HTTP it posts batches where `concurrency` requests wait at the same time.

    0: it posts each by itself; `timeout`: seconds without data that end it.
    """
    if isinstance(to, HttpDestination):
        from adapters.cli.http_client import HttpBatches, HttpClient

        return HttpBatches(to, concurrency) if concurrency else HttpClient(to, timeout)
    from adapters.cli.amqp_client import AmqpClient

    return AmqpClient(to)


def destination(url: str, amqp: str, queue: str, token_file: Path | None) -> HttpDestination | AmqpDestination:
    """The destination by options, else by settings. Raises Failure, WrongSettings."""
    variables = environment.read()
    if not url and not amqp:
        # typer reads the environment, but not .env.
        url, amqp = variables.get("inn_url", ""), variables.get("inn_amqp", "")
    if not amqp:
        return HttpDestination(url or DEFAULT_URL, _token(token_file, variables.get("inn_token", "")))
    if url:
        raise WrongUse("give --url (or INN_URL) or --amqp (or INN_AMQP), not both")
    if amqp == FROM_SETTINGS:
        from adapters.config.settings import RabbitSettings, load

        settings = load(RabbitSettings)
        return AmqpDestination(settings.uris, queue or settings.source_queue_name)
    return AmqpDestination(split_url(amqp), queue or variables.get("rabbitmq_source_queue_name", "inn"))


def check_request_id(result: LookupResult, request: Mapping[str, object]) -> LookupResult:
    """Return the result if its id is the request's: it could be another person's. Raises RequestRefused."""
    # A rejected reply has no id if the request had no valid one.
    without_id = result.status is Status.REJECTED and not result.request_id
    if result.request_id != request["requestId"] and not without_id:
        raise RequestRefused("the service's replies do not belong to the requests: nothing of them is taken")
    return result


def _token(token_file: Path | None, token: str) -> str:
    token, source = token.strip(), "INN_TOKEN"
    if token_file is not None:
        source = str(token_file)
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise WrongUse(f"cannot read the token from {token_file}") from None
    if not (token.isascii() and token.isprintable()) or (token_file is not None and not token):
        raise WrongUse(f"{source} holds no token: expected one line of ASCII")
    return token
