"""The request that a client sends.

Bad input is a `Rejected` that names every wrong field at once, by its wire name, and echoes no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, from_json

from function import documents, names
from function.outcomes import FieldError, Rejected
from function.person import Person

Json = dict[str, Any] | list[Any] | str | int | float | None
"""What a JSON text decodes to."""

FIRST_BIRTH_DATE = date(1910, 1, 1)
"""The earliest birth date that the tax service's form takes."""

MAX_BIRTH_PLACE = 250
MAX_REQUEST_ID = 128
"""Characters of a request's id."""

# As 1C and .NET write a date: with a midnight behind it.
_ISO_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?")
_BOM = b"\xef\xbb\xbf"


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", message)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong("must be a string")
    return value


def _digits_or_text(value: object) -> str:
    """A string, or a whole number as its digits: spreadsheets and 1C hand over numbers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    return _text(value)


def _name(value: object) -> str:
    try:
        return names.parse(_text(value))
    except names.WrongName as wrong:
        raise _wrong(str(wrong)) from None


def _patronymic(value: object) -> str:
    # Forms and spreadsheets write a dash or a word where a person has no patronymic.
    if value is None or (isinstance(value, str) and names.is_no_patronymic(value)):
        return ""
    return _name(value)


def _iso_date(value: object) -> date:
    parts = _ISO_DATE.fullmatch(_text(value).strip())
    if parts:
        with suppress(ValueError):
            return date.fromisoformat(parts[1])
    raise _wrong("must be an ISO date, YYYY-MM-DD")


def _today(info: ValidationInfo) -> date:
    today: date = (info.context or {})["today"]
    return today


def _birth_date(value: object, info: ValidationInfo) -> date:
    day = _iso_date(value)
    if day < FIRST_BIRTH_DATE:
        raise _wrong("must not be before 1910-01-01")
    if day > _today(info):
        raise _wrong("must not be in the future")
    return day


def _document_date(value: object, info: ValidationInfo) -> date | None:
    # It is a hint, and no part of the person's identity: one that cannot be right is left out.
    try:
        day = _iso_date(value)
    except PydanticCustomError:
        return None
    born = info.data.get("birth_date", day)
    return day if born <= day <= _today(info) else None


def _document_type(value: object) -> str:
    if value is None or value == "":
        return documents.PASSPORT
    kind = _text(value)
    if kind not in documents.TYPES:
        raise _wrong(f"must be one of {', '.join(documents.TYPES)}")
    return kind


def _document_part(
    value: object, info: ValidationInfo, read: Callable[[str, str], str], *, required: Callable[[str], bool]
) -> str:
    text = "" if value is None else names.visible(_digits_or_text(value))
    kind = info.data.get("document_type")
    if kind is None:
        # The type is wrong and is named so; what form this field has nobody can tell.
        return text
    if not text.strip():
        if required(kind):
            raise _wrong("is required")
        return ""
    try:
        return read(kind, text)
    except documents.WrongDocument as exc:
        raise _wrong(str(exc)) from None


def _serial(value: object, info: ValidationInfo) -> str:
    return _document_part(value, info, documents.serial, required=documents.needs_serial)


def _number(value: object, info: ValidationInfo) -> str:
    number = _document_part(value, info, documents.number, required=lambda _kind: True)
    serial = info.data.get("document_serial", "")
    if len(documents.together(serial, number)) > documents.MAX_LENGTH:
        raise _wrong(f"must have at most {documents.MAX_LENGTH} characters, the series and a space included")
    return number


def _birth_place(value: object) -> str:
    place = "" if value is None else " ".join(_text(value).split())
    if len(place) > MAX_BIRTH_PLACE:
        raise _wrong(f"must have at most {MAX_BIRTH_PLACE} characters")
    return place


class LookupRequest(BaseModel):
    """A valid request, in the forms that the tax service takes; build it with `parse`.

    Names keep the client's spelling (letter case, ё); `person` is what spellings have in common. `document_date`
    is None, too, where a document cannot have been issued then.
    """

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, extra="ignore", hide_input_in_errors=True, validate_default=True
    )

    request_id: Annotated[str, Field(strict=True, min_length=1, max_length=MAX_REQUEST_ID)]
    last_name: Annotated[str, BeforeValidator(_name)]
    first_name: Annotated[str, BeforeValidator(_name)]
    middle_name: Annotated[str, BeforeValidator(_patronymic)] = ""
    birth_date: Annotated[date, BeforeValidator(_birth_date)]
    birth_place: Annotated[str, BeforeValidator(_birth_place)] = ""
    document_type: Annotated[str, BeforeValidator(_document_type)] = documents.PASSPORT
    document_serial: Annotated[str, BeforeValidator(_serial)] = ""
    document_number: Annotated[str, BeforeValidator(_number)] = ""
    document_date: Annotated[date | None, BeforeValidator(_document_date)] = None

    @cached_property
    def person(self) -> Person:
        """Whom the request is about, the same for every spelling."""
        return Person(
            last_name=names.folded(self.last_name),
            first_name=names.folded(self.first_name),
            middle_name=names.folded(self.middle_name),
            birth_date=self.birth_date,
            document_type=self.document_type,
            document_serial=self.document_serial,
            document_number=self.document_number,
        )

    def __repr__(self) -> str:
        return f"LookupRequest(request_id={self.request_id!r}, ...)"

    __str__ = __repr__


_EXPECTED = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": f"must have at most {MAX_REQUEST_ID} characters",
}


def decode_json(text: bytes) -> Json:
    """What a JSON text in UTF-8 decodes to; a byte order mark before it is skipped. Raises ValueError."""
    decoded: Json = from_json(text.removeprefix(_BOM), allow_inf_nan=False)
    return decoded


def parse(event: bytes | Json, today: date) -> LookupRequest | Rejected:
    """Read one request, from its JSON text in UTF-8 or from what that text decodes to; `today` is the latest day that a birth or a document can have."""
    try:
        wire = decode_json(event) if isinstance(event, bytes) else event
    except ValueError:
        return Rejected(None, (FieldError("", "expected a request as a JSON object in UTF-8, but this is not JSON"),))
    if not isinstance(wire, dict):
        return Rejected(None, (FieldError("", "expected a request as a JSON object"),))
    try:
        return LookupRequest.model_validate(wire, context={"today": today})
    except ValidationError as exc:
        return Rejected(_request_id(wire), _field_errors(exc))


def _request_id(wire: dict[str, object]) -> str:
    """The request's id where it is a right one: a reply should find its way even when all else is wrong."""
    value = wire.get("requestId")
    return value if isinstance(value, str) and 1 <= len(value) <= MAX_REQUEST_ID else ""


def _field_errors(exc: ValidationError) -> tuple[FieldError, ...]:
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    # A default that is wrong is named by pydantic in Python's spelling.
    return tuple(
        FieldError(to_camel(str(error["loc"][0])), _EXPECTED.get(error["type"], error["msg"])) for error in errors
    )
