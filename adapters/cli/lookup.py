"""`inn lookup`: looks up one person and prints the answer."""

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated
from uuid import uuid4

import typer

from adapters.cli.client import (
    FIRST_RETRY_SEC,
    LONGEST_RETRY_SEC,
    Amqp,
    Client,
    Queue,
    RetryLater,
    ServiceUnreachable,
    TokenFile,
    Url,
    client_of,
)
from adapters.cli.errors import DONE, FAILED, WrongUse, printable
from adapters.cli.person_options import Source, names_person, read_request
from adapters.runtime.backoff import Backoff
from function.outcomes import Status
from function.result import LookupResult


@names_person()
def lookup(
    source: Source = "",
    *,
    url: Url = "",
    amqp: Amqp = "",
    queue: Queue = "",
    token_file: TokenFile = None,
    timeout: Annotated[
        float, typer.Option(min=1, max=24 * 60 * 60, help="Seconds to wait for the answer, all tries included.")
    ] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reply as JSON.")] = False,
    **person: str,
) -> int:
    r"""Ask for one person.

    The exit status is 1 where the answer is rejected or failed. What stands in options is seen in
    the list of processes and in the shell's history: FILE or '-' keeps it out of both.

    Examples:
      inn lookup --last-name Иванова --first-name Анна --middle-name Петровна \
        --birth-date 15.07.1990 --document '45 11 123456'
      inn lookup - --json < person.json
      inn lookup person.json --amqp settings
    """
    given = read_request(source, person)
    if not given:
        raise WrongUse("whom to look for? Give options, or a request as JSON: inn lookup - < person.json")
    request = {"requestId": f"cli-{uuid4()}", **given}
    result = asyncio.run(_ask(client_of(url, amqp, queue, token_file, timeout), request, timeout))
    typer.echo(result.to_json().decode() if as_json else _as_text(result))
    return FAILED if result.status in (Status.REJECTED, Status.FAILED) else DONE


def _as_text(result: LookupResult) -> str:
    lines = [f"found: {result.inn}" if result.inn else result.status.value.replace("_", " ")]
    lines += [f"  {printable(detail)}" for detail in result.details.split("; ") if detail]
    origin = "from the cache, " if result.cached else ""
    lines.append(f"  {origin}{result.elapsed_time:.3f} s, request {printable(result.request_id)}")
    return "\n".join(lines)


async def _ask(client: Client, request: Mapping[str, object], limit: float) -> LookupResult:
    """The answer, after as many tries as fit into `limit` seconds where the service defers it. Raises Failure."""
    backoff = Backoff(FIRST_RETRY_SEC, LONGEST_RETRY_SEC)
    end = time.monotonic() + limit
    try:
        async with client, asyncio.timeout(limit):
            while True:
                try:
                    return await client.ask(request)
                except RetryLater as later:
                    wait = later.retry_after or backoff.next()
                    if time.monotonic() + wait >= end:
                        raise
                await asyncio.sleep(wait)
    except TimeoutError:
        raise ServiceUnreachable(client.name, client.late) from None
