"""`inn lookup`: looks up one person and prints the answer."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Annotated
from uuid import uuid4

import typer

from adapters.cli import person
from adapters.cli.destination import (
    Amqp,
    AmqpDestination,
    HttpDestination,
    Queue,
    RetryLater,
    TokenFile,
    Url,
    destination,
)
from adapters.cli.errors import DONE, FAILED, Failure, WrongUse
from adapters.cli.person import read_options, read_request
from adapters.cli.stdout import printable
from adapters.runtime.backoff import Backoff
from function.outcomes import Status
from function.result import LookupResult

DAY_SEC = 24 * 60 * 60
TRIES = 5
FIRST_RETRY_SEC, LONGEST_RETRY_SEC = 1.0, 15.0
"""Pause between two attempts, unless the service sets it."""

_NO_ANSWER = frozenset({Status.REJECTED, Status.FAILED})


def lookup(
    source: person.Source = "",
    *,
    last_name: person.LastName = "",
    first_name: person.FirstName = "",
    middle_name: person.MiddleName = "",
    birth_date: person.BirthDate = "",
    birth_place: Annotated[str, typer.Option(help="Place of birth; may be left out.")] = "",
    document_type: person.DocumentType = "",
    document_serial: person.DocumentSerial = "",
    document_number: person.DocumentNumber = "",
    document: person.Document = "",
    document_date: Annotated[str, typer.Option(help="Date of issue; may be left out.")] = "",
    request_id: Annotated[str, typer.Option(help="Comes back with the answer. [default: a new one]")] = "",
    url: Url = "",
    amqp: Amqp = "",
    queue: Queue = "",
    token_file: TokenFile = None,
    timeout: Annotated[
        float, typer.Option(min=1, max=DAY_SEC, help="Seconds to wait for the answer, all tries included.")
    ] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reply as JSON.")] = False,
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
    options = read_options(
        {
            "requestId": request_id,
            "lastName": last_name,
            "firstName": first_name,
            "middleName": middle_name,
            "birthDate": birth_date,
            "birthPlace": birth_place,
            "documentType": document_type,
            "documentSerial": document_serial,
            "documentNumber": document_number,
            "document": document,
            "documentDate": document_date,
        }
    )
    if not source and not options:
        raise WrongUse("whom to look for? Give options, or a request as JSON: inn lookup - < person.json")
    request = {"requestId": f"cli-{uuid4()}", **read_request(source, options)}
    result = _ask(destination(url, amqp, queue, token_file), request, timeout)
    typer.echo(result.to_json().decode() if as_json else _as_text(result))
    return FAILED if result.status in _NO_ANSWER else DONE


def _as_text(result: LookupResult) -> str:
    lines = [f"found: {result.inn}" if result.inn else result.status.value.replace("_", " ")]
    lines += [f"  {printable(detail)}" for detail in result.details.split("; ") if detail]
    origin = "from the cache, " if result.cached else ""
    lines.append(f"  {origin}{result.elapsed_time:.3f} s, request {printable(result.request_id)}")
    return "\n".join(lines)


def _ask(to: HttpDestination | AmqpDestination, request: Mapping[str, object], timeout: float) -> LookupResult:
    """The answer; `failed` if the service defers it beyond `timeout`. Raises Failure."""
    begun = time.monotonic()
    try:
        if isinstance(to, HttpDestination):
            return _ask_over_http(to, request, begun + timeout)
        return asyncio.run(_ask_over_amqp(to, request, timeout))
    except RetryLater as later:
        # As RabbitMQ's clients get it when the retries are used up.
        return LookupResult(
            request_id=str(request["requestId"]),
            inn="",
            cached=False,
            details=f"{later.code}: {later}" if later.code else str(later),
            elapsed_time=round(time.monotonic() - begun, 6),
            status=Status.FAILED,
        )


def _ask_over_http(to: HttpDestination, request: Mapping[str, object], deadline: float) -> LookupResult:
    """Ask up to TRIES times, until `deadline`, as long as the service defers the answer."""
    from adapters.cli.http_client import HttpClient

    backoff = Backoff(FIRST_RETRY_SEC, LONGEST_RETRY_SEC)
    attempt = 0
    while True:
        attempt += 1
        with closing(HttpClient(to, max(1.0, deadline - time.monotonic()))) as client:
            try:
                return client.ask(request)
            except RetryLater as later:
                wait = later.retry_after or backoff.next()
                if attempt == TRIES or time.monotonic() + wait >= deadline:
                    raise
        time.sleep(wait)


async def _ask_over_amqp(to: AmqpDestination, request: Mapping[str, object], limit: float) -> LookupResult:
    from adapters.cli.amqp_client import AmqpClient

    try:
        async with AmqpClient(to) as client, asyncio.timeout(limit):
            return await client.ask(request)
    except TimeoutError:
        raise Failure(
            f"no reply by way of the queue {to.queue} in {limit:g} s: is `inn consume` running? "
            "The request stays in the queue, and its answer will be kept"
        ) from None
