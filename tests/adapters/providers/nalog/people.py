"""Invented people, as requests."""

from datetime import date
from typing import Any

from function.request import LookupRequest, parse

TODAY = date(2026, 7, 1)
LETTERS = "абвгдежзиклмнопрст"
PERSON: dict[str, Any] = {
    "requestId": "r-1",
    "lastName": "Выдуманный",
    "firstName": "Пётр",
    "middleName": "Ильич",
    "birthDate": "1980-02-03",
    "documentSerial": "0102",
    "documentNumber": "000304",
    "documentDate": "2001-12-31",
}


def request(**changed: object) -> LookupRequest:
    parsed = parse(PERSON | changed, TODAY)
    assert isinstance(parsed, LookupRequest), parsed
    return parsed


def invented(number: int) -> LookupRequest:
    """One of a million people."""
    name = "".join(LETTERS[number // 18**place % 18] for place in range(5))
    return request(
        lastName=f"Выдуманный{name}", middleName="", documentSerial="4512", documentNumber=f"{number + 1:06}"
    )
