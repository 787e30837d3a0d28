"""Invented people, as requests."""

from function.request import LookupRequest
from tests import doubles

LETTERS = "абвгдежзиклмнопрст"


def request(**changed: object) -> LookupRequest:
    """A person with every field of the tax service's form."""
    person = {
        "lastName": "Выдуманный",
        "middleName": "Ильич",
        "birthDate": "1980-02-03",
        "documentSerial": "0102",
        "documentNumber": "000304",
        "documentDate": "2001-12-31",
    }
    return doubles.request(**person | changed)


def invented(number: int) -> LookupRequest:
    """One of a million people."""
    name = "".join(LETTERS[number // 18**place % 18] for place in range(5))
    return request(
        lastName=f"Выдуманный{name}", middleName="", documentSerial="4512", documentNumber=f"{number + 1:06}"
    )
