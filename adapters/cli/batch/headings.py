"""Which column holds which field of the request: Russian and English headings, and the contract's own names."""

import re
from collections.abc import Mapping, Sequence

from adapters.cli.errors import WRONG_USE, Failure

DOCUMENT = "document"
"""Not a field of the request: series and number in one column."""

# The first heading that a table has wins: "номер" may be the row's number where "номер паспорта" stands too.
HEADINGS: Mapping[str, Sequence[str]] = {
    "requestId": ("requestId",),
    "lastName": ("lastName", "фамилия", "surname", "family name", "fam"),
    "firstName": ("firstName", "имя", "given name", "forename", "nam"),
    "middleName": ("middleName", "отчество", "patronymic", "otch"),
    "birthDate": ("birthDate", "дата рождения", "д.р.", "date of birth", "birthday", "dob", "bdate"),
    "birthPlace": ("birthPlace", "место рождения", "place of birth"),
    "documentType": (
        "documentType",
        "код документа",
        "код вида документа",
        "вид документа",
        "тип документа",
        "doctype",
    ),
    "documentSerial": (
        "documentSerial",
        "серия документа",
        "серия паспорта",
        "паспорт серия",
        "серия",
        "document series",
        "passport series",
        "serial",
        "series",
    ),
    "documentNumber": (
        "documentNumber",
        "номер документа",
        "номер паспорта",
        "паспорт номер",
        "passport number",
        "номер",
        "number",
    ),
    "documentDate": (
        "documentDate",
        "дата выдачи",
        "дата выдачи документа",
        "дата выдачи паспорта",
        "паспорт дата выдачи",
        "date of issue",
        "issue date",
        "issued",
        "docdt",
    ),
    DOCUMENT: (
        "document",
        "серия и номер",
        "серия номер",
        "серия и номер документа",
        "серия номер документа",
        "серия и номер паспорта",
        "серия номер паспорта",
        "паспорт серия и номер",
        "паспорт серия номер",
        "паспортные данные",
        "паспорт",
        "документ",
        "passport",
        "series and number",
        "docno",
    ),
}
_NOT_LETTERS = re.compile(r"[\W_]+")


def columns_of(heading: Sequence[str]) -> dict[str, int]:
    """The column of each field that the heading names."""
    places: dict[str, int] = {}
    for column, text in enumerate(heading):
        places.setdefault(_folded(text), column)
    found = {
        field: next((places[key] for key in map(_folded, names) if key in places), None)
        for field, names in HEADINGS.items()
    }
    return {field: column for field, column in found.items() if column is not None}


def check(columns: Mapping[str, int], how: str) -> None:
    """See that nobody is asked for in vain. `how`: the table was read. Raises Failure."""
    needed = ["lastName", "firstName", "birthDate"]
    if DOCUMENT not in columns:
        needed += ["documentNumber"]
    if missing := [field for field in needed if field not in columns]:
        known = "; ".join(f"{field} ({', '.join(HEADINGS[field][1:3])})" for field in missing)
        raise Failure(f"the first row must hold headings, and has none for: {known} ({how})", WRONG_USE)


def _folded(text: str) -> str:
    return _NOT_LETTERS.sub("", text.casefold().replace("ё", "е"))
