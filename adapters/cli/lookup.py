"""`inn lookup`: asks for one person and prints the answer."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from adapters.cli.asking.one import asked
from adapters.cli.asking.options import Amqp, Queue, TokenFile, Url, destination
from adapters.cli.asking.trouble import plain
from adapters.cli.failure import DONE, FAILED, WRONG_USE, Failure
from adapters.cli.typed import iso_date, series_and_number, two_digits
from function.contract import LookupResult
from function.outcomes import Status

STDIN = "-"

_WORDS = {
    Status.FOUND: "found",
    Status.NOT_FOUND: "not found: the tax service has no INN for this person",
    Status.AMBIGUOUS: "ambiguous: the tax service cannot tell this person from another",
    Status.REJECTED: "rejected",
    Status.FAILED: "failed",
}
_NO_ANSWER = frozenset({Status.REJECTED, Status.FAILED})


def lookup(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A request as JSON, '-' for standard input. Options override it.")
    ] = "",
    *,
    last_name: Annotated[str, typer.Option(help="Фамилия.")] = "",
    first_name: Annotated[str, typer.Option(help="Имя.")] = "",
    middle_name: Annotated[str, typer.Option(help="Отчество, where the person has one.")] = "",
    birth_date: Annotated[str, typer.Option(help="dd.mm.yyyy or yyyy-mm-dd.")] = "",
    birth_place: Annotated[str, typer.Option(help="Place of birth; may be left out.")] = "",
    document_type: Annotated[str, typer.Option(help="Two digits; 21 is the Russian passport. [default: 21]")] = "",
    document_serial: Annotated[str, typer.Option(help="Series: 4511.")] = "",
    document_number: Annotated[str, typer.Option(help="Number: 123456.")] = "",
    document: Annotated[str, typer.Option(help="Series and number in one: '45 11 123456'.")] = "",
    document_date: Annotated[str, typer.Option(help="Date of issue; may be left out.")] = "",
    request_id: Annotated[str, typer.Option(help="Comes back with the answer. [default: a new one]")] = "",
    url: Url = "",
    amqp: Amqp = "",
    queue: Queue = "",
    token_file: TokenFile = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the answer, all tries included.")] = 60,
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
    given = {
        "requestId": request_id,
        "lastName": last_name,
        "firstName": first_name,
        "middleName": middle_name,
        "birthDate": iso_date(birth_date),
        "birthPlace": birth_place,
        "documentType": two_digits(document_type),
        "documentDate": iso_date(document_date),
    }
    if document:
        document_serial, document_number = series_and_number(given["documentType"], document)
    given |= {"documentSerial": document_serial, "documentNumber": document_number}
    request = _request(source, {name: text for name, text in given.items() if text})
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
    return {"requestId": f"cli-{uuid4()}", **(_read(source) if source else {}), **options}


def _read(source: str) -> dict[str, object]:
    name = "standard input" if source == STDIN else source
    try:
        text = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
        request = json.loads(text)
    except OSError as exc:
        raise Failure(f"cannot read {name}: {exc.strerror}", WRONG_USE) from None
    except ValueError:
        raise Failure(f"{name} is not JSON in UTF-8: expected one request as a JSON object", WRONG_USE) from None
    if not isinstance(request, dict):
        raise Failure(f"{name} holds no JSON object: expected one request", WRONG_USE)
    return request
