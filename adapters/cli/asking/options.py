"""The options that say where to ask, the same for every command that does."""

from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.asking.places import Address, Broker
from adapters.cli.failure import WRONG_USE, Failure
from adapters.config import environment

DEFAULT_URL = "http://127.0.0.1:8080"
FROM_SETTINGS = "settings"
"""`--amqp settings`: the address stays out of the list of processes."""

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


def destination(url: str, amqp: str, queue: str, token_file: Path | None) -> Address | Broker:
    """Where these options lead, else what is set. Raises Failure, WrongSettings."""
    found = environment.read()
    if not url and not amqp:
        # typer has read the environment: what is left is in the file.
        url, amqp = found.get("inn_url", ""), found.get("inn_amqp", "")
    if not amqp:
        return Address(url or DEFAULT_URL, _token(token_file, found.get("inn_token", "")))
    if url:
        raise Failure("give --url (or INN_URL) or --amqp (or INN_AMQP), not both", WRONG_USE)
    if amqp == FROM_SETTINGS:
        from adapters.config.settings import RabbitSettings, load  # noqa: PLC0415  # pydantic takes its time

        settings = load(RabbitSettings)
        return Broker(settings.uri, queue or settings.source_queue_name)
    return Broker(amqp, queue or found.get("rabbitmq_source_queue_name", "inn"))


def _token(token_file: Path | None, found: str) -> str:
    token, where = found.strip(), "INN_TOKEN"
    if token_file is not None:
        token, where = _read(token_file), str(token_file)
    if not (token.isascii() and token.isprintable()) or (token_file is not None and not token):
        raise Failure(f"{where} holds no token: expected one line of ASCII", WRONG_USE)
    return token


def _read(token_file: Path) -> str:
    try:
        return token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Failure(f"cannot read the token from {token_file}", WRONG_USE) from None
