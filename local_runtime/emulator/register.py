"""The register: the emulated services' data of any person, always the same. All persons are invented.

- A named person (`people.json`, shown by `GET /people`) has the ending given there.
- For any other person the last two digits of the document's number decide: 98 has no INN, 99 is ambiguous,
  all others have one.
- The INN follows from a hash of the identity: names, birth date, document type and number, in any letter
  case and spacing. The document's date is no part of it.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from function import inn
from function.request import LookupRequest

_REGIONS = 92
_SEPARATOR = "\x1f"


class Ending(StrEnum):
    """The service's final answer about a person."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    REJECTED = "rejected"  # the fields are well-formed, but the service rejects one of them
    PENDING = "pending"  # it stays pending for ever
    UNAVAILABLE = "unavailable"
    WRONG_INN = "wrong_inn"  # found, with an INN whose checksum is wrong
    CAPTCHA = "captcha"


_BY_DIGITS = {"98": Ending.NOT_FOUND, "99": Ending.AMBIGUOUS}


class PersonEntry(NamedTuple):
    """One person's entry. `key` names the person at `/stats` and in rules; `inn` is "" without one."""

    key: str
    ending: Ending
    inn: str = ""
    pending: int = 0  # least number of polls before the answer


class NamedPerson(NamedTuple):
    """One invented person of `people.json`. `inn` "": by the register's rule."""

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

    @property
    def form(self) -> dict[str, str]:
        """The fields of the tax service's form."""
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
    def entry(self) -> PersonEntry:
        """The register's entry."""
        return entry_of(self.form)


def key_of(form: Mapping[str, str], *, yo_differs: bool = False) -> str:
    """The key of the person in a form's fields (`fam`, `nam`, …): equal where only case, ё and spaces differ."""
    return _digest(form, yo_differs=yo_differs)[:16]


def entry_of(form: Mapping[str, str], *, yo_differs: bool = False) -> PersonEntry:
    """The entry of a person: as `people.json` has it, else by the rule."""
    digest = _digest(form, yo_differs=yo_differs)
    key = digest[:16]
    ending = _BY_DIGITS.get(form["docno"][-2:], Ending.FOUND)
    found = PersonEntry(key, ending, _inn(int(digest[16:48], 16)) if ending is Ending.FOUND else "")
    person = named_people(yo_differs=yo_differs).get(key)
    return found if person is None else PersonEntry(key, person.ending, person.inn or found.inn, person.pending)


def entry_for(request: LookupRequest) -> PersonEntry:
    """The register's entry for a request's person: the key at `/stats`, the ending, the INN."""
    serial, number = request.document_serial, request.document_number
    form = {
        "fam": request.last_name,
        "nam": request.first_name,
        "otch": request.middle_name,
        "bdate": request.birth_date.strftime("%d.%m.%Y"),
        "doctype": request.document_type,
        "docno": f"{serial} {number}",
    }
    return entry_of(form)


@cache
def named_people(*, yo_differs: bool = False) -> Mapping[str, NamedPerson]:
    """The named people by their keys."""
    return {key_of(person.form, yo_differs=yo_differs): person for person in PEOPLE}


@cache
def keys_by_id() -> Mapping[str, str]:
    """The keys by the ids."""
    return {person.id: key_of(person.form) for person in PEOPLE}


def _inn(number: int) -> str:
    region, rest = number % _REGIONS + 1, number // _REGIONS % 10**8
    return inn.with_check_digits(f"{region:02}{rest:08}")


def _digest(form: Mapping[str, str], *, yo_differs: bool) -> str:
    names = _SEPARATOR.join(" ".join(form.get(field, "").split()) for field in ("fam", "nam", "otch")).casefold()
    if not yo_differs:
        names = names.replace("ё", "е")
    identity = _SEPARATOR.join((names, form["bdate"], form.get("doctype", ""), form["docno"].replace(" ", "")))
    return sha256(identity.encode()).hexdigest()


def _iso(date: str) -> str:
    return "-".join(reversed(date.split("."))) if date else ""


PEOPLE = tuple(
    NamedPerson(**{**person, "ending": Ending(person["ending"])})
    for person in json.loads(Path(__file__).with_name("people.json").read_text(encoding="utf-8"))
)
