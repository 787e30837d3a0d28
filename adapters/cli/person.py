"""Whom a command is about: a request as JSON in a file or on standard input, and options over it."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Typed:
    """A person as options give them; "" where one is left out."""

    last_name: str
    first_name: str
    middle_name: str
    birth_date: str
    document_type: str
    document_serial: str
    document_number: str
    document: str

    def fields(self) -> dict[str, str]:
        """By wire name, in the contract's forms, without what was left out. Raises Failure."""
        kind = document_type(self.document_type)
        serial, number = self.document_serial, self.document_number
        if self.document:
            try:
                serial, number = series_and_number(kind, self.document)
            except WrongDocument as no:
                raise WrongUse(f"--document {no}; --document-type is for other documents") from None
        given = {
            "lastName": self.last_name,
            "firstName": self.first_name,
            "middleName": self.middle_name,
            "birthDate": day("--birth-date", self.birth_date),
            "documentType": kind,
            "documentSerial": serial,
            "documentNumber": number,
        }
        return {name: text for name, text in given.items() if text}


def day(option: str, text: str) -> str:
    """The date of an option in ISO form, "" where it is left out. Raises Failure."""
    if not text.strip():
        return ""
    read = parse_date(text)
    if read is None:
        raise WrongUse(f"{option} must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd")
    return read.isoformat()


def request_from(source: str, options: Mapping[str, str]) -> dict[str, object]:
    """The request in the file at `source`, "-" standard input, "" none; options stand above it. Raises Failure."""
    return {**(_read(source) if source else {}), **options}


def _read(source: str) -> dict[str, object]:
    name = "standard input" if source == STDIN else source
    try:
        text = _standard_input() if source == STDIN else Path(source).read_bytes()
        request = json.loads(text)
    except OSError as exc:
        raise WrongUse(f"cannot read {name}: {exc.strerror}") from None
    except ValueError:
        raise WrongUse(f"{name} is not JSON in UTF-8: expected one request as a JSON object") from None
    if not isinstance(request, dict):
        raise WrongUse(f"{name} holds no JSON object: expected one request")
    return request


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise WrongUse("cannot read standard input: it is closed")
    return sys.stdin.buffer.read()
