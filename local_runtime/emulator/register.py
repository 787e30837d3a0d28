"""The register: what the emulated tax service knows of any person, for ever the same. All of them are invented.

- A named person (`people.py`) has the ending that stands there.
- Anybody else is judged by the last two digits of the document's number: 98 has no INN, 99 cannot be told
  from another person, all others have one.
- The INN follows from a hash of the identity: names, birth date, document type and number, in any letter
  case and spacing. The document's date is no part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from function import inn

ABSENT_DIGITS = "98"
AMBIGUOUS_DIGITS = "99"
_REGIONS = 92
_EIGHT_DIGITS = 10**8
_SEPARATOR = "\x1f"


class Ending(StrEnum):
    """What the service says of a person in the end."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    REJECTED = "rejected"
    """The fields have the right form, and the service calls one of them wrong all the same."""
    PENDING = "pending"
    """It never comes to an end."""
    UNAVAILABLE = "unavailable"
    WRONG_INN = "wrong_inn"
    """Found, with an INN whose checksum is wrong."""
    CAPTCHA = "captcha"


@dataclass(frozen=True, slots=True)
class Entry:
    """One person's entry. `key` names the person at `/stats` and in rules; `inn` is "" for who has none."""

    key: str
    ending: Ending
    inn: str = ""
    pending: int = 0
    """Polls before the answer, at least."""


def key_of(form: Mapping[str, str], *, yo_differs: bool = False) -> str:
    """The key of the person in a form's fields (`fam`, `nam`, ...): equal for spellings that differ in case, ё and spaces only."""
    return _digest(form, yo_differs=yo_differs)[:16]


def entry_of(form: Mapping[str, str], *, yo_differs: bool = False) -> Entry:
    """The entry of a person who has no name here, by the rule."""
    digest = _digest(form, yo_differs=yo_differs)
    key = digest[:16]
    digits = form["docno"][-2:]
    if digits == ABSENT_DIGITS:
        return Entry(key, Ending.NOT_FOUND)
    if digits == AMBIGUOUS_DIGITS:
        return Entry(key, Ending.AMBIGUOUS)
    return Entry(key, Ending.FOUND, _inn(int(digest[16:48], 16)))


def _inn(number: int) -> str:
    region, rest = number % _REGIONS + 1, number // _REGIONS % _EIGHT_DIGITS
    return inn.with_check_digits(f"{region:02}{rest:08}")


def _digest(form: Mapping[str, str], *, yo_differs: bool) -> str:
    names = _SEPARATOR.join(" ".join(form.get(field, "").split()) for field in ("fam", "nam", "otch")).casefold()
    if not yo_differs:
        names = names.replace("ё", "е")
    identity = _SEPARATOR.join((names, form["bdate"], form.get("doctype", ""), form["docno"].replace(" ", "")))
    return sha256(identity.encode()).hexdigest()
