"""`inn dead`: the parked messages, without a word of what is in them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from typing import Annotated

import typer
from pydantic_core import to_json

from adapters.cli.doctor.rabbit import why_away
from adapters.cli.failure import WRONG_USE, Failure
from adapters.cli.quiet import silence_amqp
from adapters.rabbitmq import parked
from adapters.rabbitmq.faults import BrokerAway, BrokerRefuses
from adapters.rabbitmq.parked import Choice, Parked
from adapters.rabbitmq.session import Broker, Session, open_undeclared
from adapters.rabbitmq.topology import Names
from adapters.settings import RabbitSettings, load
from adapters.telemetry import harmless
from function.observing import Silent

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
        _each(parked.listed, Choice(request_id, reason), _json_line)
    else:
        _each(_headed, Choice(request_id, reason), COLUMNS.format)


@dead.command()
def replay(request_id: RequestId = "", reason: Reason = "") -> None:
    """Return them to the source queue, as if they came for the first time: all, or those that are chosen.

    A message leaves its parking place when the broker has confirmed that it is in the queue. Broken off, it can be
    started again.

    Example: inn dead replay --request-id 7f9c
    """
    _tell("returned", _each(parked.replayed, Choice(request_id, reason), COLUMNS.format))


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
    _tell("deleted", _each(parked.dropped, Choice(request_id, reason), COLUMNS.format))


def _each(act: Act, choice: Choice, line: Callable[[Parked], str]) -> int:
    """Act on each one that is meant, and show it. Returns how many they were."""
    settings = load(RabbitSettings)
    broker = Broker(settings.uri, "inn dead", Names(settings.source_queue_name), retry_sec=0)
    silence_amqp()
    try:
        return asyncio.run(_acted(act, broker, choice, line))
    except BrokerRefuses as no:
        raise Failure(f"RabbitMQ: {no}") from None
    except BrokerAway as away:
        why = why_away(broker, str(away))
        raise Failure(f"RabbitMQ: {why}; what is not shown as done is still parked") from None


async def _headed(session: Session, names: Names, choice: Choice) -> AsyncIterator[Parked]:
    """Those that are listed, below a heading that does not come where the broker is away."""
    sys.stdout.write(f"{HEADING}\n")
    async for message in parked.listed(session, names, choice):
        yield message


async def _acted(act: Act, broker: Broker, choice: Choice, line: Callable[[Parked], str]) -> int:
    count = 0
    async with open_undeclared(broker, Silent()) as session:
        async for message in act(session, broker.names, choice):
            # The client's own id may be what the person is known by.
            shown = replace(message, request_id=harmless.request_id(message.request_id))
            sys.stdout.write(f"{line(shown)}\n")
            count += 1
    return count


def _json_line(message: Parked) -> str:
    return to_json(asdict(message)).decode()


def _tell(done: str, count: int) -> None:
    sys.stdout.write(f"{done}: {count}\n")
