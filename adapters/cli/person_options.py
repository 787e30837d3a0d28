"""The options that name a person, and the request that they make, with a JSON file or standard input beneath them."""

import json
import sys
from collections.abc import Callable, Collection, Mapping
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic.alias_generators import to_camel

from adapters.cli.errors import WrongUse
from adapters.tables.person_values import DATE_FORM, document_type, parse_date, series_and_number
from function.documents import WrongDocument

STDIN = "-"
Source = Annotated[
    str, typer.Argument(metavar="FILE", help="A request as JSON, '-' for standard input. Options override it.")
]
Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = {  # the help of each option, by field
    "last_name": "Фамилия.",
    "first_name": "Имя.",
    "middle_name": "Отчество, where the person has one.",
    "birth_date": "dd.mm.yyyy or yyyy-mm-dd.",
    "birth_place": "Place of birth; may be left out.",
    "document_type": "Two digits; 21 is the Russian passport. [default: 21]",
    "document_serial": "Series: 4511.",
    "document_number": "Number: 123456.",
    "document": "Series and number in one: '45 11 123456'.",
    "document_date": "Date of issue; may be left out.",
    "request_id": "Comes back with the answer. [default: a new one]",
}


def names_person(without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Give a command, in place of its `**person`, an option for each field of a person but those `without`."""
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default="", annotation=Annotated[str, typer.Option(help=text)])
        for name, text in _OPTIONS.items()
        if name not in without
    ]

    def decorate(command: Command) -> Command:
        shown = signature(command)  # what typer reads
        source, *own, _ = shown.parameters.values()
        vars(command)["__signature__"] = shown.replace(parameters=[source, *options, *own])
        return command

    return decorate


def read_request(source: str, given: Mapping[str, str]) -> dict[str, object]:
    """The request of the file `source` ("-": standard input, "": none), overridden by the options. Raises WrongUse.

    `given`: the options, "" where one is not; `document` is series and number in one.
    """
    fields = {to_camel(name): text for name, text in given.items() if text.strip()}
    if kind := document_type(given["document_type"]):
        fields["documentType"] = kind
    if document := fields.pop("document", ""):
        try:
            fields["documentSerial"], fields["documentNumber"] = series_and_number(kind, document)
        except WrongDocument as error:
            raise WrongUse(f"--document {error}; --document-type is for other documents") from None
    for name, option in (("birthDate", "--birth-date"), ("documentDate", "--document-date")):
        if name in fields:
            if (day := parse_date(fields[name])) is None:
                raise WrongUse(f"{option} {DATE_FORM}")
            fields[name] = day.isoformat()
    return {**(_read_json(source) if source else {}), **fields}


def _read_json(source: str) -> dict[str, object]:
    name = "standard input" if source == STDIN else source
    if source == STDIN and sys.stdin is None:
        raise WrongUse("cannot read standard input: it is closed")
    try:
        request = json.loads(sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes())
    except OSError as exc:
        raise WrongUse(f"cannot read {name}: {exc.strerror}") from None
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise WrongUse(f"{name} is not JSON in UTF-8: expected one request as a JSON object")
    return request
