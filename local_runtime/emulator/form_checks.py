"""Checks the fields of a find as the tax service does (fns-protocol.md, 1, 3, 4, 7)."""

import re
from collections.abc import Mapping
from datetime import date

FIRST_BIRTH_DATE = date(1910, 1, 1)
MAX_NAME_LENGTH = 150
REQUIRED = "Поле обязательно для заполнения"

_NAME = re.compile(r"[а-яА-ЯёЁIV\-'.,()]+(?: [а-яА-ЯёЁIV\-'.,()]+)*")
_DATE = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")
_PASSPORT = re.compile(r"[0-9]{2} [0-9]{2} [0-9]{6}")
_ROMAN = re.compile(r"[IVXLC]{1,7}-[А-ЯЁ]{2} [0-9]{6}")
_FREE = re.compile(r"\S(?:.{0,23}\S)?")
_DOCUMENTS = {"01": _ROMAN, "03": _ROMAN, "21": _PASSPORT, **dict.fromkeys(("10", "12", "15", "19", "23", "62"), _FREE)}
_FIELDS = ("fam", "nam", "otch", "opt_otch", "bdate", "doctype", "docno", "docdt", "captcha", "captchaToken")


def errors_of(form: Mapping[str, str], today: date) -> dict[str, list[str]]:
    """The error texts of wrong fields; empty: the form is valid."""
    value = {field: form.get(field, "") for field in _FIELDS}
    errors = {
        "fam": _name_error(value["fam"]),
        "nam": _name_error(value["nam"]),
        "otch": _patronymic_error(value["otch"], absent=value["opt_otch"] == "1"),
        "opt_otch": "" if form.get("opt_otch", "1") == "1" else "Недопустимое значение",
        "bdate": _birth_date_error(value["bdate"], today),
        "doctype": "" if value["doctype"] in _DOCUMENTS else "Выберите вид документа",
        "docno": _document_number_error(value["docno"], value["doctype"]),
        "docdt": _document_date_error(value["docdt"], today),
        # We never solve captchas: any token is invalid.
        "captcha": "Цифры с картинки введены неверно" if value["captcha"] or value["captchaToken"] else "",
    }
    return {field: [error] for field, error in errors.items() if error}


def _name_error(name: str) -> str:
    if not name:
        return REQUIRED
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        return "Поле содержит недопустимые символы"
    return ""


def _patronymic_error(name: str, *, absent: bool) -> str:
    if absent:
        return "Поле не заполняется при отсутствии отчества" if name else ""
    return _name_error(name)


def _birth_date_error(text: str, today: date) -> str:
    if not text:
        return REQUIRED
    day = _day(text)
    if day is None:
        return "Дата указана неверно"
    return "" if FIRST_BIRTH_DATE <= day <= today else "Дата рождения вне допустимого диапазона"


def _document_number_error(number: str, doctype: str) -> str:
    if not number:
        return REQUIRED
    pattern = _DOCUMENTS.get(doctype, _FREE)
    return "" if pattern.fullmatch(number) else "Серия и номер документа не соответствуют формату"


def _document_date_error(text: str, today: date) -> str:
    day = _day(text) if text else today
    return "" if day is not None and day <= today else "Дата указана неверно"


def _day(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year = map(int, match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None
