"""Named people, each with an ending that is known beforehand: for the documentation, the playground and tests.

All of them are invented; `people.json` holds them. `GET /people` shows them, in the forms of both the service's
contract and the tax service.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from local_runtime.emulator.register import Ending, Entry, entry_of, key_of


@dataclass(frozen=True, slots=True)
class Named:
    """One invented person. `inn` "": the one that the register's rule gives, where there is one."""

    id: str
    about: str
    ending: Ending
    fam: str
    nam: str
    otch: str
    bdate: str
    docno: str
    docdt: str = ""
    doctype: str = "21"
    inn: str = ""
    pending: int = 0
    """How many polls come before the answer, at least."""

    @property
    def form(self) -> dict[str, str]:
        """The tax service's fields."""
        patronymic = {"otch": self.otch} if self.otch else {"opt_otch": "1"}
        names = {"fam": self.fam, "nam": self.nam, **patronymic}
        document = {"doctype": self.doctype, "docno": self.docno, "docdt": self.docdt}
        return {**names, "bdate": self.bdate, **document}

    @property
    def request(self) -> dict[str, str]:
        """The fields of a lookup's request, without its id."""
        series, _, number = self.docno.rpartition(" ")
        return {
            "lastName": self.fam,
            "firstName": self.nam,
            "middleName": self.otch,
            "birthDate": _iso(self.bdate),
            "documentType": self.doctype,
            "documentSerial": series.replace(" ", ""),
            "documentNumber": number,
            "documentDate": _iso(self.docdt),
        }

    @property
    def entry(self) -> Entry:
        """What the register says."""
        ruled = entry_of(self.form)
        return Entry(ruled.key, self.ending, self.inn or ruled.inn, self.pending)


def _read() -> tuple[Named, ...]:
    people = json.loads(Path(__file__).with_name("people.json").read_text(encoding="utf-8"))
    return tuple(Named(**{**person, "ending": Ending(person["ending"])}) for person in people)


PEOPLE = _read()


@cache
def named(*, yo_differs: bool = False) -> Mapping[str, Named]:
    """The named people by their keys."""
    return {key_of(person.form, yo_differs=yo_differs): person for person in PEOPLE}


@cache
def keys() -> Mapping[str, str]:
    """The keys by the ids."""
    return {person.id: person.entry.key for person in PEOPLE}


def _iso(date: str) -> str:
    return "-".join(reversed(date.split("."))) if date else ""
