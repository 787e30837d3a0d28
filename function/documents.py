"""Identity documents: the types that the tax service accepts, and the form of their numbers (fns-protocol.md, 4)."""

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
MAX_LENGTH = 25  # characters of series and number of a document without a fixed form

_ROMAN_TYPES = frozenset({"01", "03"})
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212№]+")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_SIX_DIGITS = re.compile(r"[0-9]{1,6}")
_FOUR_DIGITS = re.compile(r"[0-9]{3,4}")
_ROMAN_SERIAL = re.compile(r"(?=[CLXVI])C{0,3}(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})-[А-ЯЁ]{2}")
_NUMBER_SIGN = re.compile(r"\s*№\s*")
_FREE = re.compile(r"[0-9A-ZА-ЯЁ \-/.]*")
_SIGN = re.compile(r"[0-9A-ZА-ЯЁ]")
# Roman numerals as typed on a Russian keyboard.
_TO_ROMAN = str.maketrans({"Х": "X", "С": "C", "І": "I", "У": "V", "Л": "L", "1": "I"})
# Latin letters that look like Cyrillic ones.
_TO_CYRILLIC = str.maketrans("ABCEHKMOPTXY", "АВСЕНКМОРТХУ")


class WrongDocument(ValueError):
    """The series or the number has not its type's form. The text describes the form, never the value."""


def parse_serial(kind: str, text: str) -> str:
    """The series as it is sent: 4 digits for 21, `IV-МЮ` for 01 and 03, normalised text (may be "") for others."""
    if needs_serial(kind) and not text.strip():
        raise WrongDocument("is required")
    if kind == PASSPORT:
        digits = _SEPARATORS.sub("", text)
        if not _FOUR_DIGITS.fullmatch(digits) or not int(digits):
            raise WrongDocument("must be the passport's series: 4 digits")
        return digits.zfill(4)
    if kind in _ROMAN_TYPES:
        signs = _SEPARATORS.sub("", text.upper())
        serial = f"{signs[:-2].translate(_TO_ROMAN)}-{signs[-2:].translate(_TO_CYRILLIC)}"
        if not _ROMAN_SERIAL.fullmatch(serial):
            raise WrongDocument("must be a roman numeral and two Cyrillic letters, as in IV-МЮ")
        return serial
    free = _normalise(text)
    # A dash stands for no series in forms and spreadsheets.
    return free if _SIGN.search(free) else ""


def parse_number(kind: str, text: str, serial_text: str) -> str:
    """The number as it is sent: 6 digits for 21, 01 and 03, normalised text for others."""
    if not text.strip():
        raise WrongDocument("is required")
    if needs_serial(kind):
        digits = _SEPARATORS.sub("", text)
        if not _SIX_DIGITS.fullmatch(digits) or not int(digits):
            raise WrongDocument("must be the document's number: 6 digits")
        # Spreadsheets drop leading zeros.
        return digits.zfill(6)
    free = _normalise(text)
    if not _SIGN.search(free):
        raise WrongDocument("must have a letter or a digit")
    if len(join_series_number(serial_text, free)) > MAX_LENGTH:
        raise WrongDocument(f"must have at most {MAX_LENGTH} characters, the series and a space included")
    return free


def needs_serial(kind: str) -> bool:
    """Whether the tax service requires a series for this type."""
    return kind == PASSPORT or kind in _ROMAN_TYPES


def join_series_number(serial_text: str, number_text: str) -> str:
    """Series and number as one text, for documents without a fixed form."""
    return f"{serial_text} {number_text}".strip()


def _normalise(text: str) -> str:
    """In capitals, with single spaces and plain dashes, without the sign №."""
    plain = " ".join(_DASHES.sub("-", _NUMBER_SIGN.sub(" ", text)).upper().split())
    if len(plain) > MAX_LENGTH:
        raise WrongDocument(f"must have at most {MAX_LENGTH} characters")
    if not _FREE.fullmatch(plain):
        raise WrongDocument("may have letters, digits, spaces, dashes, dots and slashes only")
    return plain
