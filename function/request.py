"""Parses and validates a request. `Rejected` names all wrong fields by wire name, and echoes no value."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, from_json

from function import documents, names
from function.outcomes import FieldError, Rejected
from function.person import Person

Json = dict[str, Any] | list[Any] | str | int | float | None  # decoded JSON

FIRST_BIRTH_DATE = date(1910, 1, 1)  # the earliest birth date that the tax service's form accepts
MAX_BIRTH_PLACE = 250
MAX_REQUEST_ID = 128  # characters of a request's id
_OPTIONAL = {"middleName", "birthPlace", "documentType", "documentSerial", "documentNumber", "documentDate"}
# 1C and .NET append midnight to a date.
_ISO_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?")
_BOM = b"\xef\xbb\xbf"
_NO_TEXT = "must be a string"


def _iso_date(value: object) -> date:
    if not isinstance(value, str):
        raise ValueError(_NO_TEXT)  # noqa: TRY004  # pydantic reports no TypeError
    parts = _ISO_DATE.fullmatch(value.strip())
    try:
        return date.fromisoformat(parts[1] if parts else "")
    except ValueError:
        raise ValueError("must be an ISO date, YYYY-MM-DD") from None


def _birth_date(value: object, info: ValidationInfo[date]) -> date:
    day = _iso_date(value)
    if day < FIRST_BIRTH_DATE:
        raise ValueError(f"must not be before {FIRST_BIRTH_DATE}")
    if day > info.context:
        raise ValueError("must not be in the future")
    return day


def _document_date(value: object, info: ValidationInfo[date]) -> date | None:
    # Not part of the person's identity: an impossible date is dropped.
    with suppress(ValueError):
        day = _iso_date(value)
        return day if info.data.get("birth_date", day) <= day <= info.context else None
    return None


def _digits(value: object) -> str:
    """The digits of a whole number, as spreadsheets and 1C send it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    raise ValueError(_NO_TEXT)


# With an invalid document type, which is reported, the form of these fields is unknown.
def _serial(value: object, info: ValidationInfo) -> str:
    text = names.strip_invisible(value if isinstance(value, str) else _digits(value))
    kind = info.data.get("document_type")
    return documents.parse_serial(kind, text) if kind else text


def _number(value: object, info: ValidationInfo) -> str:
    text = names.strip_invisible(value if isinstance(value, str) else _digits(value))
    kind = info.data.get("document_type")
    return documents.parse_number(kind, text, info.data.get("document_serial", "")) if kind else text


def _birth_place(text: str) -> str:
    place = " ".join(text.split())
    if len(place) > MAX_BIRTH_PLACE:
        raise ValueError(f"must have at most {MAX_BIRTH_PLACE} characters")
    return place


Text = Annotated[str, Field(strict=True)]
Name = Annotated[Text, AfterValidator(names.parse)]


class LookupRequest(BaseModel):
    """A valid request, in the forms that the tax service accepts; build it with `parse`.

    Names keep the client's letter case; `person` does not. `document_date` is also None if it is impossible.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="ignore", hide_input_in_errors=True)

    request_id: Annotated[Text, Field(min_length=1, max_length=MAX_REQUEST_ID)]
    last_name: Name
    first_name: Name
    middle_name: Annotated[Text, AfterValidator(names.parse_patronymic)] = ""
    birth_date: Annotated[date, BeforeValidator(_birth_date)]
    birth_place: Annotated[Text, AfterValidator(_birth_place)] = ""
    document_type: Annotated[Text, Field(pattern=f"^({'|'.join(documents.TYPES)})$")] = documents.PASSPORT
    document_serial: Annotated[str, BeforeValidator(_serial), Field(validate_default=True)] = ""
    document_number: Annotated[str, BeforeValidator(_number), Field(validate_default=True)] = ""
    document_date: Annotated[date | None, BeforeValidator(_document_date)] = None

    @cached_property
    def person(self) -> Person:
        """The person's identity, independent of spelling."""
        return Person(
            last_name=names.fold_case(self.last_name),
            first_name=names.fold_case(self.first_name),
            middle_name=names.fold_case(self.middle_name),
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
    "string_type": _NO_TEXT,
    "string_too_short": "must not be empty",
    "string_too_long": f"must have at most {MAX_REQUEST_ID} characters",
    "string_pattern_mismatch": f"must be one of {', '.join(documents.TYPES)}",
}


def decode_json(text: bytes) -> Json:
    """Decode JSON in UTF-8, with or without a byte order mark. Raises ValueError."""
    decoded: Json = from_json(text.removeprefix(_BOM), allow_inf_nan=False)
    return decoded


def parse(event: bytes | Json, today: date) -> LookupRequest | Rejected:
    """Parse a request from JSON in UTF-8, or decoded. `today`: the latest valid date of birth or issue."""
    try:
        wire = decode_json(event) if isinstance(event, bytes) else event
    except ValueError:
        return Rejected(None, (FieldError("", "expected a request as a JSON object in UTF-8, but this is not JSON"),))
    if not isinstance(wire, dict):
        return Rejected(None, (FieldError("", "expected a request as a JSON object"),))
    # A null or empty optional field counts as absent.
    present = {name: value for name, value in wire.items() if value not in (None, "") or name not in _OPTIONAL}
    try:
        return LookupRequest.model_validate(present, context=today)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False, include_input=False)
        # A valid id is returned with the errors of the other fields.
        value = wire.get("requestId")
        request_id = value if isinstance(value, str) and 1 <= len(value) <= MAX_REQUEST_ID else ""
        return Rejected(request_id, tuple(map(_field_error, errors)))


def _field_error(error: ErrorDetails) -> FieldError:
    message = _EXPECTED.get(error["type"], error["msg"].removeprefix("Value error, "))
    # pydantic names an invalid default by its Python name.
    return FieldError(to_camel(str(error["loc"][0])), message)
