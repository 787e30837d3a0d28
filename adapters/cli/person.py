"""The options that name a person, and the request that they make, with a JSON file or standard input beneath them."""

import json
import sys
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.alias_generators import to_snake

from adapters.cli.errors import WrongUse
from adapters.cli.person_fields import document_type, parse_date, series_and_number
from function.documents import WrongDocument

STDIN = "-"

_OPTIONS = {
    "lastName": "Фамилия.",
    "firstName": "Имя.",
    "middleName": "Отчество, where the person has one.",
    "birthDate": "dd.mm.yyyy or yyyy-mm-dd.",
    "birthPlace": "Place of birth; may be left out.",
    "documentType": "Two digits; 21 is the Russian passport. [default: 21]",
    "documentSerial": "Series: 4511.",
    "documentNumber": "Number: 123456.",
    "document": "Series and number in one: '45 11 123456'.",
    "documentDate": "Date of issue; may be left out.",
    "requestId": "Comes back with the answer. [default: a new one]",
}
"""The help of each option, by wire name; `document` is series and number in one."""
_SOURCE = Annotated[
    str, typer.Argument(metavar="FILE", help="A request as JSON, '-' for standard input. Options override it.")
]


def names_person(without: Collection[str] = ()) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command FILE and the options of a person, but those `without`, before its own options.

    The command is called with FILE ("" for none) and `read_options` of the options, then its own by name.
    """
    names = {to_snake(wire): wire for wire in _OPTIONS if wire not in without}

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @wraps(command)
        def call(source: str, **options: Any) -> int:
            given = {wire: options.pop(parameter) for parameter, wire in names.items()}
            return command(source, read_options(given), **options)

        parameters = [Parameter("source", Parameter.POSITIONAL_OR_KEYWORD, default="", annotation=_SOURCE)]
        for parameter, wire in names.items():
            option = Annotated[str, typer.Option(help=_OPTIONS[wire])]
            parameters.append(Parameter(parameter, Parameter.KEYWORD_ONLY, default="", annotation=option))
        own = [each for each in signature(command).parameters.values() if each.kind is Parameter.KEYWORD_ONLY]
        vars(call)["__signature__"] = Signature([*parameters, *own])
        return call

    return decorate


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
    if not source:
        return {**options}
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
    return {**request, **options}
