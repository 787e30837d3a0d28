"""Replies of the emulated services, as bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from local_runtime.emulator.fields import Errors

JSON_TYPE = "application/json;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"
TEXT_TYPE = "text/plain;charset=UTF-8"

UNKNOWN_REQUEST = "Недопустимый идентификатор запроса"
INTERNAL_ERROR = "Произошла внутренняя ошибка"
NOT_FOUND_TEXT = "Информация об ИНН не найдена"
WRONG_KEY = "Ошибка: Неверный ключ (1)"
CAPTCHA_FIELD = "captcha"
CAPTCHA_TEXT = "Требуется ввести цифры с картинки"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `captcha`: it asks for one, now or at the next find."""

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    captcha: bool = False


def as_json(value: object, status: int = HTTPStatus.OK, *, captcha: bool = False) -> Reply:
    """A value as JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Reply(text.encode(), status, captcha=captcha)


def as_text(text: str, status: int = HTTPStatus.OK) -> Reply:
    """Plain text."""
    return Reply(text.encode(), status, TEXT_TYPE)


def as_html(text: str, status: int = HTTPStatus.OK) -> Reply:
    """A page that says one thing."""
    page = f"<!DOCTYPE html>\n<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
    return Reply(page.encode(), status, HTML_TYPE)


def error(text: str, status: int = HTTPStatus.BAD_REQUEST) -> Reply:
    """The service's own error."""
    return as_json({"ERROR": text, "STATUS": int(status)}, status)


def wrong_fields(errors: Errors, *, captcha: bool = False) -> Reply:
    """The service's refusal of a form, by field."""
    refused = {"ERROR": "-", "ERRORS": errors, "STATUS": 400}
    return as_json(refused, HTTPStatus.BAD_REQUEST, captcha=captcha)
