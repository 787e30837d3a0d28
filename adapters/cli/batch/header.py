"""Finds the headings of a table: their row, and the column of each field of the request."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import islice, zip_longest
from string import ascii_uppercase
from types import MappingProxyType
from typing import NamedTuple

from adapters.cli.errors import WrongUse

FULL_NAME = "fullName"
"""Not a field of the request: surname, first name and patronymic in one column."""
DOCUMENT = "document"
"""Not a field of the request: series and number in one column."""

SEARCHED_ROWS = 50
_HEADINGS = {
    "requestId": "request id",
    "lastName": "фамилия, last name, surname, family name, fam",
    "firstName": "имя, first name, given name, forename, nam",
    "middleName": "отчество, middle name, patronymic, otch",
    FULL_NAME: "ФИО, ф и о, фамилия имя отчество",
    "birthDate": "дата рождения, день рождения, д р, др, date of birth, birthday, dob, bdate",
    "birthPlace": "место рождения, birth place, place of birth",
    "documentType": "вид документа, тип документа, код документа, код вида документа, наименование документа, doctype",
    "documentSerial": "серия документа",
    "documentNumber": "номер документа",
    "documentDate": "дата выдачи, когда выдан, дата выдачи документа, дата документа, date of issue, issue date, issued, docdt",
    DOCUMENT: "серия номер документа, серия номер, серии номера документа, серия номер документа когда выдан, "
    "серия номер документа кем когда выдан, удостоверение личности, docno",
}
# Used only if no column has a plain heading.
_VAGUE = {
    FULL_NAME: "full name, сотрудник, работник, физическое лицо, физлицо, клиент",
    "birthDate": "birth date, дата рожд, рождения",
    "documentSerial": "серия",
    "documentNumber": "номер",
    DOCUMENT: "документ",
}
_ALIASES = {
    **dict.fromkeys(("n", "no", "number", "ном"), "номер"),
    **dict.fromkeys(("serial", "series", "сер"), "серия"),
    **dict.fromkeys(("passport", "паспорта", "паспортные", "документа", "дул", "document"), "документ"),
    "паспорт": "документ",
}
_WORD = re.compile(r"[A-ZА-ЯЁ]?[a-zа-яё]+|[A-ZА-ЯЁ]+|[^\W_]+")
_CYRILLIC_LETTERS = str.maketrans("АВСЕНКМОРТХ", "ABCEHKMOPTX")
INSTEAD_OF = {
    FULL_NAME: ("lastName", "firstName", "middleName"),
    "lastName": (FULL_NAME,),
    "firstName": (FULL_NAME,),
    DOCUMENT: ("documentSerial", "documentNumber"),
    "documentNumber": (DOCUMENT,),
}
"""By field: the fields that its column replaces."""


def _words(text: str) -> list[str]:
    folded = [word.casefold().replace("ё", "е") for word in _WORD.findall(text.replace("№", " номер "))]
    return [_ALIASES.get(word, word) for word in folded]


_FILLERS = frozenset(
    _words("и and of the данные реквизиты рф россии гражданина удостоверяющий удостоверяющего личность полностью")
    + _words("сотрудника работника клиента физлица физического лица дд мм гггг")
)


_KNOWN = {
    frozenset(key) - _FILLERS: (name, vague)
    for vague, headings in ((False, _HEADINGS), (True, _VAGUE))
    for name, texts in headings.items()
    for words in map(_words, (name, *texts.split(","))[vague:])
    for key in (words, ["".join(words)])
}


class Layout(NamedTuple):
    """The user's options. `header_row`: from 1, 0: search for it; `columns`: by field, a letter or a heading."""

    header_row: int = 0
    columns: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def of(cls, header_row: int, maps: Sequence[str]) -> "Layout":
        """From options; each of `maps` is as `Фамилия=B`. Raises Failure."""
        columns = {}
        for text in maps:
            heading, sign, column = text.partition("=")
            name, _ = _match(heading)
            if not (name and sign and column.strip()):
                known = ", ".join(texts.partition(",")[0] for texts in _HEADINGS.values())
                raise WrongUse(f"--map must be as Фамилия=B, with one of: {known}")
            columns[name] = column.strip()
        return cls(header_row, columns)


class Header(NamedTuple):
    """The headings of a table. `row`, from 1: the first of `height` rows; `candidates`: the columns of each field."""

    row: int
    height: int
    texts: list[str]
    candidates: Mapping[str, Sequence[int]]

    @property
    def missing(self) -> list[str]:
        """The required fields without a column."""
        found = self.candidates.keys()
        names = [] if FULL_NAME in found else [name for name in ("lastName", "firstName") if name not in found]
        return names + [each[-1] for each in (("birthDate",), (DOCUMENT, "documentNumber")) if not found & {*each}]

    @property
    def score(self) -> tuple[bool, int, int, int]:
        """The likelihood that these are the headings, for comparison."""
        return not self.missing, len(self.candidates), -self.height, -self.row

    def columns(self, source_description: str) -> dict[str, int]:
        """The column of each field. Raises Failure where one is missing or ambiguous."""
        if self.missing:
            known = "; ".join(f"{_HEADINGS[name].partition(',')[0]} ({label(name)})" for name in self.missing)
            row = f"; row {self.row} looks most like headings" if self.candidates else ""
            raise WrongUse(
                f"a table must hold headings, and this one has none for: {known} ({source_description}){row}; "
                "--header-row says which row they are, --map which column a field is"
            )
        for name, columns in self.candidates.items():
            if len(columns) > 1:
                places = " or ".join(self._place(column) for column in columns)
                example = f"--map '{_HEADINGS[name].partition(',')[0]}={letter_of(columns[0])}'"
                raise WrongUse(f"which column is the {label(name)}: {places}? Say it as {example}")
        return {name: columns[0] for name, columns in self.candidates.items()}

    def describe(self) -> str:
        """Each column with its field, in words."""
        places = sorted((columns[0], name) for name, columns in self.candidates.items())
        return ", ".join(f"{self._place(column)}: {label(name)}" for column, name in places)

    def _place(self, column: int) -> str:
        return f"{letter_of(column)} {self.texts[column]}".strip()


def find_header(records: Iterable[Iterable[str]], layout: Layout) -> Header:
    """Find the row, or the two rows, that are most likely the headings. `records`: the texts of each row's cells."""
    first = layout.header_row or 1
    last = first + (1 if layout.header_row else SEARCHED_ROWS)
    rows = [[*record] for record in islice(records, first - 1, last)]
    best = Header(first, 1, [], {})
    for number, (upper, lower) in enumerate(zip(rows, [*rows[1:], []], strict=False), first):
        for height, texts in ((1, upper), (2, _join_rows(upper, lower))):
            header = Header(number, height, *_candidates(texts, layout))
            if any(texts) and header.score > best.score:
                best = header
        # Later headings are another table's. A title above may have been taken for a first row of headings.
        if layout.header_row or (not best.missing and number > best.row):
            break
    return best


def letter_of(column: int) -> str:
    """A column's letters in a spreadsheet, from 0."""
    before, last = divmod(column, 26)
    return (letter_of(before - 1) if before else "") + ascii_uppercase[last]


def label(name: str) -> str:
    """A field in words."""
    return re.sub(r"(?=[A-Z])", " ", name).lower()


def _match(text: str) -> tuple[str, bool]:
    """The field of a heading, "" for none, and whether the heading is vague."""
    return _KNOWN.get(frozenset(_words(text)) - _FILLERS, ("", False))


def _join_rows(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    """Join headings in two rows: one above several columns counts for each of them."""
    texts, above = [], ""
    for top, bottom in zip_longest(upper, lower, fillvalue=""):
        above = top or above
        both = f"{above} {bottom}".strip()
        texts.append((bottom if _match(bottom)[0] and not _match(both)[0] else both) if bottom else top)
    return texts


def _candidates(texts: Sequence[str], layout: Layout) -> tuple[list[str], dict[str, list[int]]]:
    """The headings, and the possible columns of each field."""
    fixed = {name: column for name, said in layout.columns.items() if (column := column_of(said, texts)) is not None}
    texts = [*texts, *[""] * (max(fixed.values(), default=-1) + 1 - len(texts))]
    plain: dict[str, list[int]] = {name: [column] for name, column in fixed.items()}
    vague: dict[str, list[int]] = {}
    left_out = {other for name in fixed for other in (name, *INSTEAD_OF.get(name, ()))}
    for column, text in enumerate(texts):
        name, is_vague = _match(text)
        if name and name not in left_out and column not in fixed.values():
            (vague if is_vague else plain).setdefault(name, []).append(column)

    found = plain | vague | plain
    series, names = found.get("documentSerial", ()), [*plain.get("lastName", ()), *found.get(FULL_NAME, ())]
    numbers = [column for column in vague.get("documentNumber", ()) if names and column > names[0]]
    beside = [column for column in numbers if column - 1 in series]
    # A `Номер` is a document's next to its series; elsewhere only without a better column, and never before the name.
    if "documentNumber" not in fixed:
        found["documentNumber"] = sorted(plain.get("documentNumber", []) + beside) or (
            [] if plain.get(DOCUMENT) and not series else numbers
        )
    if plain.get(FULL_NAME) and (plain.get("lastName") or plain.get("firstName")):
        found[FULL_NAME] = sorted(found[FULL_NAME] + found.pop("lastName", []) + found.pop("firstName", []))
    elif plain.get("lastName") and plain.get("firstName"):
        found.pop(FULL_NAME, None)
    if found["documentNumber"] and DOCUMENT in found:
        is_passport = any(re.search("паспорт|passport", texts[column].casefold()) for column in found[DOCUMENT])
        if (
            series
            and "documentType" not in found
            and DOCUMENT not in plain
            and not is_passport
            and not found[DOCUMENT][1:]
        ):
            # Документ, Серия, Номер: the first is the document's type.
            found["documentType"] = found.pop(DOCUMENT)
        else:
            found[DOCUMENT] = sorted(found[DOCUMENT] + found.pop("documentNumber"))
    return texts, {name: columns for name, columns in found.items() if columns}


def column_of(said: str, texts: Sequence[str]) -> int | None:
    """The column with this heading, else with these letters, which may be Cyrillic look-alikes."""
    if said.casefold() in (folded := [text.casefold() for text in texts]):
        return folded.index(said.casefold())
    letters = said.upper().translate(_CYRILLIC_LETTERS)
    if not re.fullmatch("[A-Z]{1,2}", letters):
        return None
    return reduce(lambda number, letter: number * 26 + ascii_uppercase.index(letter) + 1, letters, 0) - 1
