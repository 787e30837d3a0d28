"""`inn dead`: lists, returns and deletes parked messages, without showing their content."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import typer
from pydantic_core import to_json

from adapters.cli.errors import Failure, Unwritable, WrongUse
from adapters.config.settings import RabbitSettings, load
from adapters.rabbitmq.connection import BrokerConfig, open_connection
from adapters.rabbitmq.dead_letters import DeadLetter, DeadLetters, Selection
from adapters.rabbitmq.errors import translate_errors
from adapters.rabbitmq.topology import QueueNames
from adapters.telemetry import log_handler
from function.telemetry import Observer

Act = Callable[[DeadLetters, Selection], AsyncIterator[DeadLetter]]
RequestId = Annotated[str, typer.Option(help="Only messages of this request.")]
Reason = Annotated[str, typer.Option(help="Only messages parked for this reason, as inn dead list names it.")]
Unrouted = Annotated[bool, typer.Option("--unrouted", help="Replies that nobody took, instead of parked requests.")]

COLUMNS = "{0.reason:<22} {0.attempts:>8}  {0.parked_at:<25}  {0.request_id}"
HEADING = "REASON                 ATTEMPTS  PARKED AT                  REQUEST ID"

dead = typer.Typer(no_args_is_help=True)


@dead.command("list")
def show(
    *,
    request_id: RequestId = "",
    reason: Reason = "",
    unrouted: Unrouted = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show them, oldest first: why and when they were parked, after how many attempts. Their order stays as it is.

    Example: inn dead list --reason provider_unavailable
    """
    found: list[DeadLetter] = []
    is_known = False
    try:
        _each(DeadLetters.read, Selection(request_id, reason), found.append, unrouted=unrouted)
        is_known = True
    finally:
        # A queue that cannot be read does not look like an empty one.
        if not as_json and (found or is_known):
            typer.echo(HEADING)
        # Messages that were parked during the reading are out of order.
        for letter in sorted(found, key=lambda letter: letter.parked_at):
            typer.echo(to_json(letter._asdict()).decode() if as_json else COLUMNS.format(letter))


@dead.command()
def replay(request_id: RequestId = "", reason: Reason = "") -> None:
    """Return them to the source queue, as if they came for the first time: all, or those that are selected.

    Example: inn dead replay --request-id 7f9c
    """
    _act(DeadLetters.replay, Selection(request_id, reason), "returned")


@dead.command()
def drop(
    *,
    request_id: RequestId = "",
    reason: Reason = "",
    unrouted: Unrouted = False,
    everything: Annotated[bool, typer.Option("--all", help="Delete every parked message.")] = False,
) -> None:
    """Delete them for good: those that are selected, or --all.

    Example: inn dead drop --reason rejected
    """
    if everything == bool(request_id or reason):
        raise WrongUse("say which to delete: --request-id, --reason, or --all")
    _act(DeadLetters.drop, Selection(request_id, reason), "deleted", unrouted=unrouted)


def _act(act: Act, selection: Selection, done: str, *, unrouted: bool = False) -> None:
    """Act on each selected message, show it at once, and print the count after `done`."""
    acted_on: list[DeadLetter] = []

    def show(letter: DeadLetter) -> None:
        acted_on.append(letter)
        typer.echo(COLUMNS.format(letter))

    try:
        _each(act, selection, show, unrouted=unrouted)
        typer.echo(f"{done}: {len(acted_on)}")
    except Unwritable as error:
        left = "not all of them are shown, and all others are still parked"
        raise Failure(f"{error}; {done}: {len(acted_on)}; {left}") from None


def _each(act: Act, selection: Selection, show: Callable[[DeadLetter], None], *, unrouted: bool) -> None:
    """Act on each selected message of the queue, and show it, without personal data."""
    settings = load(RabbitSettings)
    broker = BrokerConfig(settings.uris, "inn dead", QueueNames(settings.source_queue_name), retry_sec=0)

    async def run() -> None:
        async with translate_errors(), open_connection(broker, Observer()) as connection:
            queue = broker.names.unrouted if unrouted else broker.names.dead
            async for letter in act(DeadLetters(connection, broker.names, queue), selection):
                # The client's id may identify the person.
                show(letter._replace(request_id=log_handler.request_id(letter.request_id)))

    asyncio.run(run())
