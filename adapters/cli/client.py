"""The client of the service: its options (--url, --amqp and others), its errors, and the check of each reply.

Requests are plain JSON; `http_client.py` and `amqp_client.py` transport them.
"""

import json
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from adapters.cli.errors import Failure, WrongUse
from adapters.config import environment
from adapters.config.addresses import is_http_url, is_url, split_url
from function.outcomes import Reason, Status
from function.result import LookupResult

DEFAULT_URL = "http://127.0.0.1:8080"
FIRST_RETRY_SEC, LONGEST_RETRY_SEC = 1.0, 15.0  # pause between two attempts, unless the service sets it
FROM_SETTINGS = "settings"  # `--amqp settings`: keeps the address out of the list of processes

Url = Annotated[
    str, typer.Option(envvar="INN_URL", help=f"Ask over HTTP: the function's address. [default: {DEFAULT_URL}]")
]
Amqp = Annotated[
    str,
    typer.Option(
        envvar="INN_AMQP",
        help=f"Ask over RabbitMQ: amqp://user:password@host:5672/vhost, or {FROM_SETTINGS!r} for what RABBITMQ_... say.",
    ),
]
Queue = Annotated[str, typer.Option(help="The queue of requests. [default: RABBITMQ_SOURCE_QUEUE_NAME, else inn]")]
TokenFile = Annotated[
    Path | None, typer.Option(help="A file that holds the token for HTTP. Without it INN_TOKEN is taken.")
]


class ServiceUnreachable(Failure):
    """The service could not be reached, or the connection broke: a retry may help."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"cannot reach {name}: {cause}")


class RetryLater(Failure):
    """The service is temporarily unable to answer. `code`: the reason's; `retry_after`: seconds, 0: unknown.

    `is_try`: whether it counts as an attempt that failed; waiting for a permit or the store does not.
    """

    def __init__(self, text: str, code: str = "", retry_after: float = 0) -> None:
        super().__init__(f"{code}: {text}" if code else text)
        self.retry_after = retry_after
        self.is_try = any(code == reason.value for reason in Reason if reason.is_failure)


class ServiceFault(Failure):
    """The service failed at this request, and may answer others."""

    retry_after = 0.0
    is_try = True


class Client(AbstractAsyncContextManager["Client"]):
    """A way to the service, open within its context. For one event loop.

    `name`: the service, in messages; `late`: the cause and remedy where no reply comes.
    """

    over_http: bool
    name: str
    late = "it did not answer in time"

    async def ask(self, request: Mapping[str, object]) -> LookupResult:
        """Ask for one person. Raises the errors above; another Failure, or BrokerRefused, if asking further is no help.

        That is so for a reply of another service, or to another request: that would be another person's.
        """
        reply = await self.send(json.dumps(request, ensure_ascii=False).encode())
        try:
            result = LookupResult.model_validate_json(reply)
        except ValidationError:
            option = "--url" if self.over_http else "--queue"
            raise Failure(f"{self.name} is not the INN service: check {option}") from None
        # A rejected reply has no id if the request had no valid one.
        without_id = result.status is Status.REJECTED and not result.request_id
        if result.request_id != request["requestId"] and not without_id:
            raise Failure("the service's replies do not belong to the requests: nothing of them is taken")
        return result

    @abstractmethod
    async def send(self, body: bytes) -> bytes:
        """Send a request, and return the reply. Raises as `ask`."""


def client_of(url: str, amqp: str, queue: str, token_file: Path | None, timeout: float) -> Client:
    """The client by options, else by settings. Raises Failure, WrongSettings.

    `timeout`: over HTTP, seconds without data that end a request.
    """
    variables = environment.read()
    if not url and not amqp:
        # typer reads the environment, but not .env.
        url, amqp = variables.get("INN_URL", ""), variables.get("INN_AMQP", "")
    if not amqp:
        from adapters.cli.http_client import HttpClient

        url = url or DEFAULT_URL
        if not is_http_url(url):
            raise WrongUse("--url must be an http:// or https:// address without user, password and query")
        token = (environment.read_text(token_file) if token_file else variables.get("INN_TOKEN", "")).strip()
        if not (token.isascii() and token.isprintable()) or (token_file and not token):
            raise WrongUse(f"{token_file or 'INN_TOKEN'} holds no token that can be read: expected one line of ASCII")
        return HttpClient(url, token, timeout)
    from adapters.cli.amqp_client import AmqpClient

    if url:
        raise WrongUse("give --url (or INN_URL) or --amqp (or INN_AMQP), not both")
    if amqp == FROM_SETTINGS:
        from adapters.config.settings import RabbitSettings, load

        settings = load(RabbitSettings)
        return AmqpClient(settings.uris, queue or settings.source_queue_name)
    uris = split_url(amqp)
    if not all(is_url(uri, "amqp", "amqps") for uri in uris):
        raise WrongUse("--amqp must be an address as amqp://user:password@host:5672/vhost, or amqps://")
    return AmqpClient(uris, queue or variables.get("RABBITMQ_SOURCE_QUEUE_NAME", "inn"))
