"""`inn lookup`: asks for one person and prints the answer."""

from collections.abc import Mapping
from typing import Annotated
from uuid import uuid4

import typer

from adapters.cli.asking.one import asked
from adapters.cli.asking.options import Amqp, Queue, TokenFile, Url, destination
from adapters.cli.asking.trouble import plain
from adapters.cli.failure import DONE, FAILED, WRONG_USE, Failure
from adapters.cli.person import (
    BirthDate,
    Document,
    DocumentNumber,
    DocumentSerial,
    DocumentType,
    FirstName,
    LastName,
    MiddleName,
    Source,
    Typed,
    day,
    request_from,
)
from function.outcomes import Status
from function.request import LookupResult

DAY_SEC = 24 * 60 * 60

_WORDS = {
    Status.FOUND: "found",
    Status.NOT_FOUND: "not found: the tax service has no INN for this person",
    Status.AMBIGUOUS: "ambiguous: the tax service cannot tell this person from another",
    Status.REJECTED: "rejected",
    Status.FAILED: "failed",
}
_NO_ANSWER = frozenset({Status.REJECTED, Status.FAILED})


def lookup(
    source: Source = "",
    *,
    last_name: LastName = "",
    first_name: FirstName = "",
    middle_name: MiddleName = "",
    birth_date: BirthDate = "",
    birth_place: Annotated[str, typer.Option(help="Place of birth; may be left out.")] = "",
    document_type: DocumentType = "",
    document_serial: DocumentSerial = "",
    document_number: DocumentNumber = "",
    document: Document = "",
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
    person = Typed(
        last_name=last_name,
        first_name=first_name,
        middle_name=middle_name,
        birth_date=birth_date,
        document_type=document_type,
        document_serial=document_serial,
        document_number=document_number,
        document=document,
    )
    others = {"requestId": request_id, "birthPlace": birth_place, "documentDate": day("--document-date", document_date)}
    given = {**person.fields(), **{name: text for name, text in others.items() if text}}
    request = _request(source, given)
    result = asked(destination(url, amqp, queue, token_file), request, timeout)
    typer.echo(result.to_json().decode() if as_json else in_words(result))
    return FAILED if result.status in _NO_ANSWER else DONE


def in_words(result: LookupResult) -> str:
    """The answer for a person to read."""
    words = [f"found: {result.inn}" if result.inn else _WORDS[result.status]]
    words += [f"  {plain(detail)}" for detail in result.details.split("; ") if detail]
    origin = "from the cache, " if result.cached else ""
    words.append(f"  {origin}{result.elapsed_time:.3f} s, request {plain(result.request_id)}")
    return "\n".join(words)


def _request(source: str, options: Mapping[str, str]) -> dict[str, object]:
    if not source and not options:
        raise Failure("whom to look for? Give options, or a request as JSON: inn lookup - < person.json", WRONG_USE)
    return {"requestId": f"cli-{uuid4()}", **request_from(source, options)}
