"""Parses dates, documents and full names as people and spreadsheets write them.

Lenient in form, never in meaning: no digit moves from one part of a document to another, and an ambiguous text
is not parsed. The names of document types are here, too.
"""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from function.documents import PASSPORT, TYPES, WrongDocument, needs_serial
from function.names import is_no_patronymic

DATE_FORM = "must be a day of the calendar, as dd.mm.yyyy or yyyy-mm-dd"
EXCEL_EPOCH = date(1899, 12, 30)  # day 0 of Excel's serial numbers (for dates after February 1900)

_NAMES_OF_MONTHS = "янв фев мар апр мая июн июл авг сен окт ноя дек jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: f".{number % 12 + 1}." for number, name in enumerate(_NAMES_OF_MONTHS.split())} | {"май": ".5."}
_MONTH_IN_WORDS = re.compile(r"[-. ]*([а-яa-z]{3,9})[-., ]*")
_DATE_SEPARATORS = re.compile(r"[-./,\s\u2010-\u2015\u2212]+")
_AROUND_DATE = re.compile(r"[«»\"']|(?<=\d)\s*г(?:\.|ода?)?$")
# A time that has a zone must be midnight: 1990-07-14T21:00:00Z is the 15th in Moscow.
_TIME = re.compile(r"(?<=\d)[t ] ?(?:\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?|00:00(?::00(?:\.0+)?)?(?:z|[+-]\d\d:?\d\d))$")

_LABELS = re.compile(
    r"\b(?:паспорт\w*|данные|гражданина|рф|росси\w+|федерации|серия|сер|номер|ном|n[oо]?|passport|series|number)(?=\b|[0-9])",
    re.IGNORECASE,
)
_ISSUE = re.compile(r"\b(?:выдан|от|дата|issued|гу|о?у?вд|мвд|о?у?фмс|отдел\w*)\b.*", re.DOTALL)
_MARKS = re.compile(r"[\s\-\u2010-\u2015\u2212№#/\\.,:;()]+")
# Spaces are only allowed where the series ends, and where the form 45 11 123456 has one.
_PASSPORT = re.compile(r"(\d\d ?\d\d) ?(\d{6}|(?<= )(?:\d ?){5}\d)", re.ASCII)
_LAST_DIGITS = re.compile(r"(.*[^\s0-9])\s*([0-9]+)", re.DOTALL)

_OTHER_NAMES = (
    ("21", "паспорт, паспорт гражданина, внутренний паспорт, общегражданский паспорт"),
    ("01", "паспорт ссср, паспорт гражданина ссср"),
    ("03", "свидетельство о рождении, св во о рождении"),
    ("10", "паспорт иностранного гражданина, иностранный паспорт"),
    ("12", "вид на жительство, внж"),
    ("15", "разрешение на временное проживание, рвп"),
    ("19", "свидетельство о предоставлении временного убежища, временное убежище"),
    ("23", "иностранное свидетельство о рождении, свидетельство о рождении иностранного государства"),
    ("23", "свидетельство о рождении выданное уполномоченным органом иностранного государства"),
    ("62", "вид на жительство иностранного гражданина"),
)
_TYPE_NAMES = {name.casefold().replace("'", " "): code for code, name in TYPES.items()}
_TYPE_NAMES |= {name: code for code, names in _OTHER_NAMES for name in names.split(", ")}
_OF_RUSSIA = re.compile(r" (?:(?:в|на территории) )?(?:рф|россии|российской федерации)$")

_CHILD_OF = "оглы|оглу|кызы|гызы|улы|уулу|заде|зода"
_PATRONYMIC = re.compile(rf".+(?:ич|вна|чна|[ -](?:{_CHILD_OF}))", re.IGNORECASE)
_SPACE_IN_NAME = re.compile(rf"(?<=\w) (?=(?:{_CHILD_OF})\b)", re.IGNORECASE)
_AROUND_DASH = re.compile(r"\s*([-\u2010-\u2015])\s*(?=\w)")
_NAME_FORM = "must be the surname, the first name and the patronymic, in this order"


def parse_date(text: str, epoch: date = EXCEL_EPOCH) -> date | None:
    """A date in one of the usual forms, the day before the month; None for another text.

    A year of two digits is of this century unless the day is in the future. `epoch`: day 0 of serial numbers.
    """
    text = _AROUND_DATE.sub("", " ".join(text.casefold().split())).strip()
    if re.fullmatch(r"[0-9]{5}([.,][0-9]+)?", text):
        return epoch + timedelta(int(text[:5]))
    text = _MONTH_IN_WORDS.sub(lambda found: _MONTHS.get(found[1][:3], found[1]), _TIME.sub("", text))
    text = _DATE_SEPARATORS.sub(".", text)
    for form in ("%d.%m.%Y", "%Y.%m.%d", "%d.%m.%y") if text and text.isascii() else ():
        with suppress(ValueError):
            day = datetime.strptime(text, form).replace(tzinfo=UTC)
            is_past_century = form.endswith("y") and day > datetime.now(tz=UTC)
            return day.replace(year=day.year - 100 * is_past_century).date()
    return None


def document_type(text: str) -> str:
    """A document's type as two digits: of a spreadsheet's 3, `21 - паспорт`, or a name; another text unchanged."""
    text = " ".join(text.split())
    if code := re.match(r"([0-9]{1,2})(?=\W|$)", text):
        return code[1].zfill(2)
    name = re.sub(r"[\W_]+", " ", text).strip().casefold()
    return _TYPE_NAMES.get(name) or _TYPE_NAMES.get(_OF_RUSSIA.sub("", name)) or text


def series_and_number(kind: str, text: str, number: str = "", *, is_number: bool = False) -> tuple[str, str]:
    """Series and number: of one text as `45 11 123456`, `4511123456`, `IV-МЮ 123456`, or of one text each.

    `is_number`: a spreadsheet's number, which has lost its leading zero. Raises WrongDocument.
    """
    is_passport = (kind or PASSPORT) == PASSPORT
    if number:
        return (_without_labels(text), _without_labels(number)) if is_passport else (text, number)
    if is_passport:
        text = _MARKS.sub(" ", _LABELS.sub(" ", _ISSUE.sub("", text.casefold()))).strip()
        if is_number and re.fullmatch("[0-9]{9}", text):
            text = f"0{text}"
        if not (parts := _PASSPORT.fullmatch(text)):
            raise WrongDocument("must be a series of 4 digits and a number of 6, as NN NN NNNNNN")
        return parts[1].replace(" ", ""), parts[2].replace(" ", "")
    if needs_serial(kind):
        if not (parts := _LAST_DIGITS.fullmatch(_LABELS.sub(" ", text.replace("№", " ")).strip())):
            raise WrongDocument("must be a series and a number, as IV-МЮ 123456")
        return parts[1].strip(), parts[2]
    return "", text


def full_name(text: str) -> tuple[str, str, str]:
    """The surname, the first name and the patronymic ("" for none). Raises ValueError where that is ambiguous."""
    text = _SPACE_IN_NAME.sub("_", _AROUND_DASH.sub(r"\1", " ".join(text.replace(",", " ").split())))
    words = [word.replace("_", " ") for word in text.split()]
    if words[2:] and is_no_patronymic(" ".join(words[2:])):
        words = words[:2]
    if any(word.endswith(".") or not word[1:] for word in words):
        raise ValueError(f"{_NAME_FORM}, without initials")
    shown = words and _PATRONYMIC.fullmatch(words[-1])
    match words:
        case [last, first] if not shown:
            return last, first, ""
        # Without a patronymic at the end, a double first name can't be distinguished from a double surname.
        case [*last, first, middle] if last and (shown or not last[1:]) and not _PATRONYMIC.fullmatch(first):
            return " ".join(last), first, middle
    raise ValueError(_NAME_FORM)


def is_full_name(text: str) -> bool:
    """Whether a text has three words or more and ends with a patronymic, unlike titles and totals."""
    return bool(text.split()[2:] and _PATRONYMIC.fullmatch(text))


def _without_labels(text: str) -> str:
    """A part of a passport without the words around it: `серия 4511`, `№ 123456`."""
    return " ".join(_LABELS.sub(" ", text.casefold()).strip(" .:№#").split())
