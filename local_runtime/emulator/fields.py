"""What the tax service's form says to the fields of a find: every wrong one, by name (fns-protocol.md, 1, 3, 4, 7)."""

import re
from collections.abc import Callable, Mapping
from datetime import date

Errors = dict[str, list[str]]

FIRST_BIRTH_DATE = date(1910, 1, 1)
MAX_NAME_LENGTH = 150
MAX_DOCUMENT_LENGTH = 25
REQUIRED = "Поле обязательно для заполнения"

_NAME = re.compile(r"[а-яА-ЯёЁIV\-'.,()]+(?: [а-яА-ЯёЁIV\-'.,()]+)*")
_DATE = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")
_PASSPORT = re.compile(r"[0-9]{2} [0-9]{2} [0-9]{6}")
_ROMAN = re.compile(r"[IVXLC]{1,7}-[А-ЯЁ]{2} [0-9]{6}")
_FREE = re.compile(rf"\S(?:.{{0,{MAX_DOCUMENT_LENGTH - 2}}}\S)?")
_DOCUMENTS = {
    "01": _ROMAN,
    "03": _ROMAN,
    "10": _FREE,
    "12": _FREE,
    "15": _FREE,
    "19": _FREE,
    "21": _PASSPORT,
    "23": _FREE,
    "62": _FREE,
}


def errors_of(form: Mapping[str, str], today: date) -> Errors:
    """The wrong fields with their texts; none: the form is right."""
    errors = {field: check(form, today) for field, check in _CHECKS.items()}
    return {field: [error] for field, error in errors.items() if error}


def _name(field: str) -> Callable[[Mapping[str, str], date], str]:
    return lambda form, _today: _name_error(form.get(field, ""))


def _name_error(name: str) -> str:
    if not name:
        return REQUIRED
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        return "Поле содержит недопустимые символы"
    return ""


def _patronymic(form: Mapping[str, str], _today: date) -> str:
    if form.get("opt_otch") == "1":
        return "Поле не заполняется при отсутствии отчества" if form.get("otch") else ""
    return _name_error(form.get("otch", ""))


def _opt_patronymic(form: Mapping[str, str], _today: date) -> str:
    return "" if form.get("opt_otch", "1") == "1" else "Недопустимое значение"


def _birth_date(form: Mapping[str, str], today: date) -> str:
    text = form.get("bdate", "")
    if not text:
        return REQUIRED
    day = _day(text)
    if day is None:
        return "Дата указана неверно"
    if not FIRST_BIRTH_DATE <= day <= today:
        return "Дата рождения вне допустимого диапазона"
    return ""


def _document_type(form: Mapping[str, str], _today: date) -> str:
    return "" if form.get("doctype") in _DOCUMENTS else "Выберите вид документа"


def _document_number(form: Mapping[str, str], _today: date) -> str:
    number = form.get("docno", "")
    if not number:
        return REQUIRED
    pattern = _DOCUMENTS.get(form.get("doctype", ""), _FREE)
    return "" if pattern.fullmatch(number) else "Серия и номер документа не соответствуют формату"


def _document_date(form: Mapping[str, str], today: date) -> str:
    text = form.get("docdt", "")
    day = _day(text) if text else today
    return "" if day is not None and day <= today else "Дата указана неверно"


def _captcha(form: Mapping[str, str], _today: date) -> str:
    # Nobody solves captchas here: a token that is sent can only be made up.
    return "Цифры с картинки введены неверно" if form.get("captcha") or form.get("captchaToken") else ""


def _day(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year = map(int, match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None


_CHECKS: dict[str, Callable[[Mapping[str, str], date], str]] = {
    "fam": _name("fam"),
    "nam": _name("nam"),
    "otch": _patronymic,
    "opt_otch": _opt_patronymic,
    "bdate": _birth_date,
    "doctype": _document_type,
    "docno": _document_number,
    "docdt": _document_date,
    "captcha": _captcha,
}
