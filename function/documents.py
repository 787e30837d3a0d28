"""Identity documents: the types that the tax service knows, and the form of their numbers (fns-protocol.md, 4)."""

import re

PASSPORT = "21"
TYPES = {
    "01": "USSR passport",
    "03": "birth certificate",
    "10": "foreign citizen's passport",
    "12": "residence permit",
    "15": "temporary residence permit",
    "19": "temporary asylum certificate",
    "21": "passport of the Russian Federation",
    "23": "foreign birth certificate",
    "62": "residence permit of a foreign citizen",
}
MAX_LENGTH = 25
"""Characters of a free-form document, series and number together."""

_ROMAN_TYPES = frozenset({"01", "03"})
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212№]+")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_SIX_DIGITS = re.compile(r"[0-9]{1,6}")
_FOUR_DIGITS = re.compile(r"[0-9]{3,4}")
_ROMAN_SERIAL = re.compile(r"(?=[CLXVI])C{0,3}(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})-[А-ЯЁ]{2}")
_NUMBER_SIGN = re.compile(r"\s*№\s*")
_FREE = re.compile(r"[0-9A-ZА-ЯЁ \-/.]*")
_SIGN = re.compile(r"[0-9A-ZА-ЯЁ]")
# What a Russian keyboard gives for roman numerals.
_TO_ROMAN = str.maketrans({"Х": "X", "С": "C", "І": "I", "У": "V", "Л": "L", "1": "I"})
# And Latin letters that stand on paper like the Cyrillic ones of a series.
_TO_CYRILLIC = str.maketrans("ABCEHKMOPTXY", "АВСЕНКМОРТХУ")


class WrongDocument(ValueError):
    """The series or the number does not have its type's form. The text says the form, never the value."""


def parse_serial(kind: str, text: str) -> str:
    """The series as it is sent: 4 digits for 21, `IV-МЮ` for 01 and 03, tidied text (may be "") in large letters for others."""
    if needs_serial(kind) and not text.strip():
        raise WrongDocument("is required")
    if kind == PASSPORT:
        digits = _SEPARATORS.sub("", text)
        if not _FOUR_DIGITS.fullmatch(digits) or not int(digits):
            raise WrongDocument("must be the passport's series: 4 digits")
        return digits.zfill(4)
    if kind in _ROMAN_TYPES:
        return _roman_serial(text)
    free = _free(text)
    # Forms and spreadsheets write a dash where a document has no series.
    return free if _SIGN.search(free) else ""


def parse_number(kind: str, text: str, serial_text: str) -> str:
    """The number as it is sent: 6 digits for 21, 01 and 03, tidied text in large letters for others."""
    if not text.strip():
        raise WrongDocument("is required")
    if needs_serial(kind):
        digits = _SEPARATORS.sub("", text)
        if not _SIX_DIGITS.fullmatch(digits) or not int(digits):
            raise WrongDocument("must be the document's number: 6 digits")
        # A spreadsheet that takes a number for a quantity loses its leading zeros.
        return digits.zfill(6)
    free = _free(text)
    if not _SIGN.search(free):
        raise WrongDocument("must have a letter or a digit")
    if len(join_series_number(serial_text, free)) > MAX_LENGTH:
        raise WrongDocument(f"must have at most {MAX_LENGTH} characters, the series and a space included")
    return free


def needs_serial(kind: str) -> bool:
    """Whether documents of this type have a series that the tax service asks for."""
    return kind == PASSPORT or kind in _ROMAN_TYPES


def join_series_number(serial_text: str, number_text: str) -> str:
    """Series and number as one text, for documents whose form is free."""
    return f"{serial_text} {number_text}".strip()


def _roman_serial(text: str) -> str:
    signs = _SEPARATORS.sub("", text.upper())
    tidy = f"{signs[:-2].translate(_TO_ROMAN)}-{signs[-2:].translate(_TO_CYRILLIC)}"
    if not _ROMAN_SERIAL.fullmatch(tidy):
        raise WrongDocument("must be a roman numeral and two Cyrillic letters, as in IV-МЮ")
    return tidy


def _free(text: str) -> str:
    """With single spaces, plain dashes, large letters as documents have them, and without the sign №."""
    plain = " ".join(_DASHES.sub("-", _NUMBER_SIGN.sub(" ", text)).upper().split())
    if len(plain) > MAX_LENGTH:
        raise WrongDocument(f"must have at most {MAX_LENGTH} characters")
    if not _FREE.fullmatch(plain):
        raise WrongDocument("may have letters, digits, spaces, dashes, dots and slashes only")
    return plain
