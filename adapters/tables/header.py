"""Finds the headings of a table: their row, and the column of each field of the request."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice, pairwise, product, zip_longest
from string import ascii_uppercase
from typing import NamedTuple

from adapters.tables import WrongTable

FULL_NAME = "fullName"  # not a field of the request: surname, first name and patronymic in one column
DOCUMENT = "document"  # not a field of the request: series and number in one column

SEARCHED_ROWS = 50
_PLAIN, _VAGUE, _NONE = 2, 1, ("", 0)
_HEADINGS = {  # by field; those behind the bar are vague: used only if no column has a plain one
    "requestId": "request id",
    "lastName": "фамилия, last name, surname, family name, fam",
    "firstName": "имя, first name, given name, forename, nam",
    "middleName": "отчество, middle name, patronymic, otch",
    FULL_NAME: "ФИО, ф и о, фамилия имя отчество | full name, сотрудник, работник, физическое лицо, физлицо, клиент",
    "birthDate": "дата рождения, день рождения, д р, др, date of birth, birthday, dob, bdate | birth date, дата рожд, рождения",
    "birthPlace": "место рождения, birth place, place of birth",
    "documentType": "вид документа, тип документа, код документа, код вида документа, наименование документа, doctype",
    "documentSerial": "серия документа | серия",
    "documentNumber": "номер документа | номер",
    "documentDate": "дата выдачи, когда выдан, дата выдачи документа, дата документа, date of issue, issue date, issued, docdt",
    DOCUMENT: "серия номер документа, серия номер, серии номера документа, серия номер документа когда выдан, "
    "серия номер документа кем когда выдан, удостоверение личности, docno | документ",
}
_ALIASES = {
    **dict.fromkeys(("n", "no", "number", "ном"), "номер"),
    **dict.fromkeys(("serial", "series", "сер"), "серия"),
    **dict.fromkeys(("passport", "паспорт", "паспорта", "паспортные", "документа", "дул", "document"), "документ"),
}
_WORD = re.compile(r"[A-ZА-ЯЁ]?[a-zа-яё]+|[A-ZА-ЯЁ]+|[^\W_]+")
LETTERS = [*ascii_uppercase, *map("".join, product(ascii_uppercase, repeat=2))]  # columns A to ZZ
_CYRILLIC_LETTERS = str.maketrans("АВСЕНКМОРТХ", "ABCEHKMOPTX")
INSTEAD_OF = {  # by field: the fields that its column replaces
    FULL_NAME: ("lastName", "firstName", "middleName"),
    "lastName": (FULL_NAME,),
    "firstName": (FULL_NAME,),
    DOCUMENT: ("documentSerial", "documentNumber"),
    "documentNumber": (DOCUMENT,),
}


def _words(text: str) -> list[str]:
    folded = [word.casefold().replace("ё", "е") for word in _WORD.findall(text.replace("№", " номер "))]
    return [_ALIASES.get(word, word) for word in folded]


_FILLERS = frozenset(
    _words("и and of the данные реквизиты рф россии гражданина удостоверяющий удостоверяющего личность полностью")
    + _words("сотрудника работника клиента физлица физического лица дд мм гггг")
)
_KNOWN = {
    frozenset(key) - _FILLERS: (name, rank)
    for name, texts in _HEADINGS.items()
    for rank, headings in zip((_PLAIN, _VAGUE), f"{name}, {texts}".split("|"), strict=False)
    for words in map(_words, headings.split(","))
    for key in (words, ["".join(words)])
}


class Header(NamedTuple):
    """The headings of a table. `row`, from 1: the first of `height` rows; `candidates`: the columns of each field."""

    row: int
    height: int
    texts: list[str]
    candidates: Mapping[str, Sequence[int]]

    @property
    def missing(self) -> list[str]:
        """The required fields without a column."""
        found, required = self.candidates.keys(), ("lastName", "firstName", "birthDate", "documentNumber")
        return [name for name in required if found.isdisjoint((name, *INSTEAD_OF.get(name, ())))]

    @property
    def score(self) -> tuple[bool, int, int, int]:
        """The likelihood that these are the headings, for comparison."""
        return not self.missing, len(self.candidates), -self.height, -self.row

    def columns(self, source_description: str) -> dict[str, int]:
        """The column of each field. Raises WrongTable where one is missing or ambiguous."""
        if self.missing:
            known = "; ".join(f"{_usual_heading(name)} ({_label(name)})" for name in self.missing)
            row = f"; row {self.row} looks most like headings" if self.candidates else ""
            raise WrongTable(
                f"a table must hold headings, and this one has none for: {known} ({source_description}){row}; "
                "--header-row says which row they are, --map which column a field is"
            )
        for name, columns in self.candidates.items():
            if len(columns) > 1:
                places = " or ".join(self._place(column) for column in columns)
                example = f"--map '{_usual_heading(name)}={LETTERS[columns[0]]}'"
                raise WrongTable(f"which column is the {_label(name)}: {places}? Say it as {example}")
        return {name: columns[0] for name, columns in self.candidates.items()}

    def describe(self, source_description: str) -> str:
        """Where the headings are, and each column with its field, in words."""
        places = sorted((columns[0], name) for name, columns in self.candidates.items())
        fields = ", ".join(f"{self._place(column)}: {_label(name)}" for column, name in places)
        return f"headings in row {self.row} ({source_description}): {fields}"

    def _place(self, column: int) -> str:
        return f"{LETTERS[column]} {self.texts[column]}".strip()


def read_maps(maps: Iterable[str]) -> dict[str, str]:
    """By field, a column's letter or heading; each of `maps` is as `Фамилия=B`. Raises WrongTable."""
    columns = {}
    for text in maps:
        heading, sign, column = text.partition("=")
        name, _ = _match(heading)
        if not (name and sign and column.strip()):
            known = ", ".join(map(_usual_heading, _HEADINGS))
            raise WrongTable(f"--map must be as Фамилия=B, with one of: {known}")
        columns[name] = column.strip()
    return columns


def find_header(records: Iterable[Iterable[str]], header_row: int, maps: Mapping[str, str]) -> Header:
    """Find the row, or the two rows, that are most likely the headings.

    `records`: the texts of each row's cells; `header_row`: from 1, 0: search for it; `maps`: as `read_maps` returns.
    """
    first = header_row or 1
    rows = [[*record] for record in islice(records, first - 1, first + (1 if header_row else SEARCHED_ROWS))]
    best = Header(first, 1, [], {})
    for number, (upper, lower) in enumerate(pairwise([*rows, []]), first):
        for height, texts in ((1, upper), (2, _join_rows(upper, lower))):
            header = Header(number, height, *_candidates(texts, maps))
            if any(texts) and header.score > best.score:
                best = header
        # Later headings are another table's. A title above may have been taken for a first row of headings.
        if header_row or (not best.missing and number > best.row):
            break
    return best


def _label(name: str) -> str:
    """A field in words."""
    return re.sub(r"(?=[A-Z])", " ", name).lower()


def _usual_heading(name: str) -> str:
    return re.split(",| [|]", _HEADINGS[name])[0]


def _match(text: str) -> tuple[str, int]:
    """The field of a heading, "" for none, and the heading's rank."""
    return _KNOWN.get(frozenset(_words(text)) - _FILLERS, _NONE)


def _join_rows(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    """Join headings in two rows: one above several columns counts for each of them."""
    texts, above = [], ""
    for top, bottom in zip_longest(upper, lower, fillvalue=""):
        above = top or above
        both = f"{above} {bottom}".strip()
        texts.append((bottom if _match(bottom)[0] and not _match(both)[0] else both) if bottom else top)
    return texts


def _candidates(texts: Sequence[str], maps: Mapping[str, str]) -> tuple[list[str], dict[str, list[int]]]:
    """The headings, and the possible columns of each field."""
    fixed = {name: column for name, said in maps.items() if (column := column_of(said, texts)) is not None}
    texts = [*texts, *[""] * (max(fixed.values(), default=-1) + 1 - len(texts))]
    left_out = {other for name in fixed for other in (name, *INSTEAD_OF.get(name, ()))}
    matches = [match if match[0] not in left_out else _NONE for match in map(_match, texts[: len(LETTERS)])]
    for name, column in fixed.items():
        matches[column] = (name, _PLAIN)
    _rank_numbers(matches)
    found = {name: columns for name in _HEADINGS if (columns := _best(matches, name))}
    parts = found.keys() & {"lastName", "firstName"}
    if parts and (FULL_NAME, _PLAIN) in matches:
        found[FULL_NAME] = sorted(chain(found[FULL_NAME], *map(found.pop, parts)))
    elif len(parts) > 1:
        found.pop(FULL_NAME, None)
    if DOCUMENT in found and "documentNumber" in found:
        is_passport = any(re.search("паспорт|passport", texts[column].casefold()) for column in found[DOCUMENT])
        is_type = "documentSerial" in found and "documentType" not in found and (DOCUMENT, _PLAIN) not in matches
        if is_type and not is_passport:
            # Документ, Серия, Номер: the first is the document's type.
            found["documentType"] = found.pop(DOCUMENT)
        else:
            found[DOCUMENT] = sorted(found[DOCUMENT] + found.pop("documentNumber"))
    return texts, found


def _best(matches: Sequence[tuple[str, int]], name: str) -> list[int]:
    """The columns of a field: those with a plain heading, else those with a vague one."""
    rank = _PLAIN if (name, _PLAIN) in matches else _VAGUE
    return [column for column, match in enumerate(matches) if match == (name, rank)]


def _rank_numbers(matches: list[tuple[str, int]]) -> None:
    """A `Номер` is a document's next to its series; elsewhere only without a better column, and never before the name."""
    series, names = _best(matches, "documentSerial"), _best(matches, "lastName") or _best(matches, FULL_NAME)
    for column, match in enumerate(matches):
        if match == ("documentNumber", _VAGUE):
            if not names or column < names[0] or ((DOCUMENT, _PLAIN) in matches and not series):
                matches[column] = _NONE
            elif column - 1 in series:
                matches[column] = ("documentNumber", _PLAIN)


def column_of(said: str, texts: Sequence[str]) -> int | None:
    """The column with this heading, else with these letters, which may be Cyrillic look-alikes."""
    if said.casefold() in (folded := [text.casefold() for text in texts[: len(LETTERS)]]):
        return folded.index(said.casefold())
    letters = said.upper().translate(_CYRILLIC_LETTERS)
    return LETTERS.index(letters) if letters in LETTERS else None
