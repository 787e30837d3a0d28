"""`inn dead`: the parked messages, without a word of what is in them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import typer
from pydantic_core import to_json

from adapters.cli.doctor.rabbit import why_away
from adapters.cli.failure import WRONG_USE, Failure
from adapters.cli.output import Unwritable
from adapters.cli.quiet import silence_amqp
from adapters.config.settings import RabbitSettings, load
from adapters.rabbitmq import parked
from adapters.rabbitmq.faults import BrokerAway, BrokerRefuses
from adapters.rabbitmq.parked import Choice, Parked
from adapters.rabbitmq.session import Broker, Session, open_undeclared
from adapters.rabbitmq.topology import Names
from adapters.telemetry import allow_list
from function.telemetry import Silent

Act = Callable[[Session, Names, Choice], AsyncIterator[Parked]]
RequestId = Annotated[str, typer.Option(help="Only messages of this request.")]
Reason = Annotated[str, typer.Option(help="Only messages parked for this reason, as inn dead list names it.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

COLUMNS = "{0.reason:<22} {0.attempts:>8}  {0.parked_at:<25}  {0.request_id}"
HEADING = "REASON                 ATTEMPTS  PARKED AT                  REQUEST ID"

dead = typer.Typer(
    add_completion=False,
    help="See, return or delete parked messages: requests whose retries are used up, and what is no request.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@dead.command("list")
def show(request_id: RequestId = "", reason: Reason = "", as_json: Json = False) -> None:  # noqa: FBT002  # as typer has it
    """Show them, oldest first: why and when they were parked, after how many tries.

    Example: inn dead list --reason provider_unavailable
    """
    if as_json:
        _each(parked.listed, Choice(request_id, reason), _Shown(_json_line))
    else:
        _each(_headed, Choice(request_id, reason), _Shown(COLUMNS.format))


@dead.command()
def replay(request_id: RequestId = "", reason: Reason = "") -> None:
    """Return them to the source queue, as if they came for the first time: all, or those that are chosen.

    A message leaves its parking place when the broker has confirmed that it is in the queue. Broken off, it can be
    started again.

    Example: inn dead replay --request-id 7f9c
    """
    _do(parked.replayed, Choice(request_id, reason), "returned")


@dead.command()
def drop(
    request_id: RequestId = "",
    reason: Reason = "",
    everything: Annotated[bool, typer.Option("--all", help="Delete every parked message.")] = False,  # noqa: FBT002  # as typer has it
) -> None:
    """Delete them for good: those that are chosen, or --all.

    Example: inn dead drop --reason rejected
    """
    if everything == bool(request_id or reason):
        raise Failure("say which to delete: --request-id, --reason, or --all", WRONG_USE)
    _do(parked.dropped, Choice(request_id, reason), "deleted")


@dataclass
class _Shown:
    """Shows messages, a line each. `count`: those that it was given, the one that could not be shown among them."""

    line: Callable[[Parked], str]
    count: int = 0

    def show(self, message: Parked) -> None:
        """Show this one, at once. Raises Unwritable."""
        self.count += 1
        # The client's own id may be what the person is known by.
        typer.echo(self.line(replace(message, request_id=allow_list.request_id(message.request_id))))


def _do(act: Act, choice: Choice, done: str) -> None:
    """Act on each one that is meant, and tell how many were `done`."""
    shown = _Shown(COLUMNS.format)
    try:
        _each(act, choice, shown)
        typer.echo(f"{done}: {shown.count}")
    except Unwritable as no:
        left = "not all of them are shown, and all others are still parked"
        raise Failure(f"{no}; {done}: {shown.count}; {left}") from None


def _each(act: Act, choice: Choice, shown: _Shown) -> None:
    """Act on each one that is meant, and show it."""
    settings = load(RabbitSettings)
    broker = Broker(settings.uri, "inn dead", Names(settings.source_queue_name), retry_sec=0)
    silence_amqp()
    try:
        asyncio.run(_acted(act, broker, choice, shown))
    except BrokerRefuses as no:
        raise Failure(f"RabbitMQ: {no}") from None
    except BrokerAway as away:
        why = why_away(broker, str(away))
        raise Failure(f"RabbitMQ: {why}; what is not shown as done is still parked") from None


async def _acted(act: Act, broker: Broker, choice: Choice, shown: _Shown) -> None:
    async with open_undeclared(broker, Silent()) as session:
        async for message in act(session, broker.names, choice):
            shown.show(message)


async def _headed(session: Session, names: Names, choice: Choice) -> AsyncIterator[Parked]:
    """Those that are listed, below a heading that does not come where the broker is away."""
    typer.echo(HEADING)
    async for message in parked.listed(session, names, choice):
        yield message


def _json_line(message: Parked) -> str:
    return to_json(asdict(message)).decode()
