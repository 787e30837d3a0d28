"""Invented persons whose values are found in nothing else, and the search for them in all that is told."""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote

from function.request import LookupRequest

_CONSONANTS, _VOWELS = "бвгджзклмнпрстфхцчшщ", "аеиоуыюя"
_BORN = date(1930, 1, 1)
_ISSUED = date(2010, 1, 1)
_DAYS = 20_000
_YEARS = 3_000
_BEFORE = re.compile(r"(?<!\w)|(?<=%[0-9a-f]{2})|(?<=\\[nrt])")
"""No sign of a word or a number; the end of an escape is none."""
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")  # random: a group of one can be any four digits
_NOBODYS = ("requestId", "documentType")


class People:
    """Persons, each a new one; the same with each run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)

    def one(self, *, ending: str = "", **changes: Any) -> dict[str, Any]:
        """A request without its id. `ending`: the last digits of the document's number, which decide the answer."""
        number = self._random.randrange(1000, 10_000)
        return {
            "lastName": self._word(4),
            "firstName": self._word(3),
            "middleName": self._word(5),
            "birthDate": str(_BORN + timedelta(self._random.randrange(_DAYS))),
            "birthPlace": f"деревня {self._word(4)}, {self._word(3)}ский район",
            # Higher than the number of any line of code, so that it is not taken for one.
            "documentSerial": f"{self._random.randrange(9100, 9990)}",
            "documentNumber": f"{number}{ending or self._random.randrange(10, 98)}",
            "documentDate": str(_ISSUED + timedelta(self._random.randrange(_YEARS))),
            **changes,
        }

    def _word(self, syllables: int) -> str:
        pairs = (self._random.choice(_CONSONANTS) + self._random.choice(_VOWELS) for _ in range(syllables))
        return "".join(pairs).capitalize()


def lookup(request: Mapping[str, Any]) -> LookupRequest:
    """A request of these people as the core has it."""
    return LookupRequest.model_validate({"requestId": "r", **request}, context=date.today())  # noqa: DTZ011  # any day will do


def values(request: Mapping[str, Any]) -> set[str]:
    """Every value of a person, in the spellings of the contract, of the tax service and of people."""
    given = request.items()
    texts = {name: value for name, value in given if name not in _NOBODYS and isinstance(value, str)}
    serial, number = texts["documentSerial"], texts["documentNumber"]
    joined = {f"{serial}{number}", f"{serial} {number}", f"{serial[:2]} {serial[2:]} {number}"}
    dates = {value for name, value in texts.items() if name.endswith("Date")}
    words = {word for value in texts.values() for word in re.findall(r"[А-ЯЁ][а-яё]+", value)}
    return {*texts.values(), *words, *joined, *(spelt for each in dates for spelt in _dates(each))}


def told(log: str) -> Iterator[str]:
    """What a log says in words. Of lines of JSON the numbers are left out: a measure can be anybody's series."""
    for line in log.splitlines():
        try:
            yield from _words(json.loads(line))
        except ValueError:
            yield line


def seen(personal: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Those values that are in the texts, in whatever form."""
    text = _UUID.sub("", "\n".join(texts).casefold())
    # Few numbers and few beginnings of other forms are there at all; a digit before a number may end an escape.
    numbers = {number[cut:] for number in re.findall(r"\d+", text) for cut in range(3)}
    begins = cache(lambda beginning: beginning in text)

    def stands(form: str) -> bool:
        """A number as a whole, and not within another or within a random id."""
        if form.isdigit():
            found = re.finditer(rf"{form}(?!\w)", text) if form in numbers else ()
            return any(_BEFORE.match(text, one.start()) for one in found)
        return begins(form[:6]) and form in text

    return sorted({value for value in personal for form in _forms(value) if stands(form.casefold())})


def _dates(iso: str) -> set[str]:
    year, _, rest = iso.partition("-")
    month, _, day = rest.partition("-")
    return {f"{day}.{month}.{year}", f"{year}{month}{day}", f"{day}{month}{year}"}


def _forms(value: str) -> set[str]:
    """The value, and how it looks escaped, quoted, printed by Python and printed by Erlang."""
    return {
        value,
        json.dumps(value)[1:-1],
        ascii(value)[1:-1],
        quote(value),
        quote(value, encoding="cp1251", errors="replace"),
        repr(value.encode())[2:-1],
        ",".join(map(str, value.encode())),
    }


def _words(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield name
            # As MongoDB shows bytes: what was not sealed would be legible.
            yield from [b64decode(value).decode(errors="replace")] if name == "base64" else _words(value)
    elif isinstance(node, list):
        for value in node:
            yield from _words(value)
