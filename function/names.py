"""Parses names for the tax service's form, and folds their case for comparison (fns-protocol.md, 7)."""

import re
import unicodedata
from functools import partial

MAX_LENGTH = 150  # characters in one name: more than a passport holds

_CLEAN = re.compile(r"[а-яА-ЯёЁIV'.,()]+(?:[ -][а-яА-ЯёЁIV'.,()]+)*")
_FORM = re.compile(r"[а-яА-ЯёЁIV\-'\s.,()]*")
_LETTER = re.compile(r"[а-яА-ЯёЁ]")
_LATIN = re.compile(r"[A-Za-z]")
# Latin letters that look like Cyrillic ones; the form allows I and V as roman numerals.
_LOOK_ALIKE = re.compile(r"[ABCEHKMOPTXYaceopxyk]")
_CYRILLIC = re.compile(r"[\u0400-\u052F\u1C80-\u1C8A\u2DE0-\u2DFF\uA640-\uA69F]")
_RUSSIAN = re.compile(r"[а-яё]", re.IGNORECASE)
_DASHES = re.compile(r"[\u2010-\u2015\u2212\uFE58\uFE63\uFF0D]")
_APOSTROPHES = re.compile(r"[\u2018-\u201B\u02B9\u02BB-\u02BD\u2032\u0060\u00B4\uFF07]")
# Soft hyphen, zero-width space and joiners, direction marks, word joiner, byte order mark, as in copied text.
_INVISIBLE = re.compile(r"[\u00AD\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]")
_NOT_LETTERS = re.compile(r"[\W_]+")
_NO_PATRONYMIC = frozenset(
    {
        *("", "нет", "нету", "нет отчества", "без отчества", "отчество отсутствует", "отчества нет", "прочерк"),
        *("отсутствует", "отсутств", "отсут", "не имеет", "не имеется", "не указано", "не указан", "не указывается"),
        *("не предусмотрено", "не заполнено", "не задано", "неизвестно", "none", "null", "no", "n a", "н д"),
    }
)
strip_invisible = partial(_INVISIBLE.sub, "")  # the text without invisible characters
fold_case = str.casefold
"""A parsed name for comparison. ё and е stay different: whether the tax service equates them is unknown."""


class WrongName(ValueError):
    """Not a valid name. The text says what is wrong and does not repeat the name."""


def parse(text: str) -> str:
    """The name with composed letters, plain dashes and apostrophes, and single spaces. Raises WrongName."""
    if len(text) <= MAX_LENGTH and _CLEAN.fullmatch(text) and _LETTER.search(text):
        return text
    name = " ".join(
        _APOSTROPHES.sub("'", _DASHES.sub("-", unicodedata.normalize("NFC", strip_invisible(text)))).split()
    )
    if not name:
        raise WrongName("is required")
    if len(name) > MAX_LENGTH:
        raise WrongName(f"must have at most {MAX_LENGTH} characters")
    if not _FORM.fullmatch(name):
        raise WrongName(_wrong_alphabet(name))
    if not _LETTER.search(name):
        raise WrongName("must have at least one Cyrillic letter")
    return name


def parse_patronymic(text: str) -> str:
    """As `parse`; "" if `is_no_patronymic`."""
    return "" if is_no_patronymic(text) else parse(text)


def is_no_patronymic(text: str) -> bool:
    """Whether the text means that there is no patronymic: blank, dashes, `нет`, `(отсутствует)`, in any case."""
    words = text if text.isalpha() else _NOT_LETTERS.sub(" ", strip_invisible(text)).strip()
    return words.casefold() in _NO_PATRONYMIC


def _wrong_alphabet(name: str) -> str:
    if any(_CYRILLIC.match(letter) and not _RUSSIAN.match(letter) for letter in name):
        return "has Cyrillic letters that are not Russian: write the name as in the Russian document"
    if _LATIN.search(name):
        if _LETTER.search(name) and _LOOK_ALIKE.search(name):
            return "has Latin letters that look like Cyrillic ones: type them in Cyrillic"
        return "has Latin letters: write the name in Cyrillic, as in the document"
    return "may have Cyrillic letters, Latin I and V, spaces and -'.,() only"
