"""Reads a command's person: a request as JSON from a file or standard input, overridden by options."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.errors import WrongUse
from adapters.cli.parsing import document_type, parse_date, series_and_number
from function.documents import WrongDocument

STDIN = "-"

Source = Annotated[
    str, typer.Argument(metavar="FILE", help="A request as JSON, '-' for standard input. Options override it.")
]
LastName = Annotated[str, typer.Option(help="Фамилия.")]
FirstName = Annotated[str, typer.Option(help="Имя.")]
MiddleName = Annotated[str, typer.Option(help="Отчество, where the person has one.")]
BirthDate = Annotated[str, typer.Option(help="dd.mm.yyyy or yyyy-mm-dd.")]
DocumentType = Annotated[str, typer.Option(help="Two digits; 21 is the Russian passport. [default: 21]")]
DocumentSerial = Annotated[str, typer.Option(help="Series: 4511.")]
DocumentNumber = Annotated[str, typer.Option(help="Number: 123456.")]
Document = Annotated[str, typer.Option(help="Series and number in one: '45 11 123456'.")]


def read_options(given: Mapping[str, str]) -> dict[str, str]:
    """The options' values by wire name, in the contract's forms, without empty ones. Raises Failure.

    `given`: by wire name, or `document`: series and number in one.
    """
    fields = {name: text for name, text in given.items() if text}
    fields["documentType"] = kind = document_type(given["documentType"])
    if document := fields.pop("document", ""):
        try:
            fields["documentSerial"], fields["documentNumber"] = series_and_number(kind, document)
        except WrongDocument as error:
            raise WrongUse(f"--document {error}; --document-type is for other documents") from None
    for name, option in (("birthDate", "--birth-date"), ("documentDate", "--document-date")):
        if text := fields.get(name, "").strip():
            day = parse_date(text)
            if day is None:
                raise WrongUse(f"{option} must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd")
            text = day.isoformat()
        fields[name] = text
    return {name: text for name, text in fields.items() if text}


def read_request(source: str, options: Mapping[str, str]) -> dict[str, object]:
    """The request of the file `source` ("-": standard input, "": none), overridden by options. Raises Failure."""
    return {**(_read(source) if source else {}), **options}


def _read(source: str) -> dict[str, object]:
    name = "standard input" if source == STDIN else source
    try:
        if source != STDIN:
            text = Path(source).read_bytes()
        elif sys.stdin is None:
            raise WrongUse("cannot read standard input: it is closed")
        else:
            text = sys.stdin.buffer.read()
        request = json.loads(text)
    except OSError as exc:
        raise WrongUse(f"cannot read {name}: {exc.strerror}") from None
    except ValueError:
        raise WrongUse(f"{name} is not JSON in UTF-8: expected one request as a JSON object") from None
    if not isinstance(request, dict):
        raise WrongUse(f"{name} holds no JSON object: expected one request")
    return request
