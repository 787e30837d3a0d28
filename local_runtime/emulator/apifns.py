"""The emulated paid provider api-fns.ru (fns-protocol.md, 5), with the same people; scenarios do not apply to it."""

from dataclasses import replace

from local_runtime.emulator import http_replies
from local_runtime.emulator.http_replies import HttpReply
from local_runtime.emulator.register import Ending, PersonEntry
from local_runtime.emulator.state import Call
from local_runtime.emulator.stats import Step
from local_runtime.emulator.tax_service import person_of

NO_PATRONYMIC = "нет"
WRONG_KEY = "Ошибка: Неверный ключ (1)"
LIMIT_REACHED = "Ошибка: Превышен лимит запросов (2)"
NOT_FOUND = "Информация об ИНН не найдена. Проверьте указанные данные"
WRONG_PERSON = "Неверно указаны данные физического лица"
_PASSPORT_DIGITS = 10
_ABSENT = frozenset({Ending.NOT_FOUND, Ending.AMBIGUOUS})


def paid_person_of(call: Call) -> PersonEntry | HttpReply:
    """The entry of the query's person; the fields are the tax service's, in the vendor's spelling."""
    form = dict(call.form)
    if form.get("otch", "").casefold() == NO_PATRONYMIC:
        form["otch"], form["opt_otch"] = "", "1"
    digits = form.get("docno", "")
    if form.get("doctype") != "21" or len(digits) != _PASSPORT_DIGITS or not digits.isdecimal():
        return _wrong_person()
    form["docno"] = f"{digits[:2]} {digits[2:4]} {digits[4:]}"
    entry = person_of(replace(call, form=form))
    return _wrong_person() if isinstance(entry, HttpReply) else entry


def innfl(call: Call) -> HttpReply:
    """Answer with the person's INN."""
    if (refused := _key_error(call)) is not None:
        return refused
    if call.state.stats.calls[Step.APIFNS] > call.settings.apifns_limit:
        return http_replies.as_text(LIMIT_REACHED)
    entry = call.subject
    if not isinstance(entry, PersonEntry):
        return entry if isinstance(entry, HttpReply) else _wrong_person()
    if entry.ending is Ending.REJECTED:
        return _wrong_person()
    if entry.ending in _ABSENT and call.rule.inn is None:
        return http_replies.as_json({"items": [], "error": NOT_FOUND})
    return http_replies.as_json({"items": [{"ИНН": entry.inn if call.rule.inn is None else call.rule.inn}]})


def stat(call: Call) -> HttpReply:
    """Answer with the quota."""
    if (refused := _key_error(call)) is not None:
        return refused
    limit = call.settings.apifns_limit
    used = {"Лимит": limit, "Истрачено": min(call.state.stats.calls[Step.APIFNS], limit)}
    return http_replies.as_json({"Статус": "Платный", "Методы": {"innfl": used}})


def _key_error(call: Call) -> HttpReply | None:
    right = call.form.get("key") == call.settings.apifns_key
    return None if right else http_replies.as_text(WRONG_KEY)


def _wrong_person() -> HttpReply:
    return http_replies.as_json({"items": [{"error": WRONG_PERSON}]})
