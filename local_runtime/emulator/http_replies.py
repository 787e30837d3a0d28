"""The emulated services' replies as bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Literal

Connection = Literal["drop", "reset", "cut", "hang"]

JSON_TYPE = "application/json;charset=UTF-8"
TEXT_TYPE = "text/plain;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One reply. `captcha`: it asks for one, now or at the next find; `connection`: how it breaks, or None."""

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    captcha: bool = False
    connection: Connection | None = None


def as_json(value: object, status: int = HTTPStatus.OK, *, captcha: bool = False) -> HttpReply:
    """A value as JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return HttpReply(text.encode(), status, captcha=captcha)


def as_text(text: str, status: int = HTTPStatus.OK) -> HttpReply:
    """Plain text."""
    return HttpReply(text.encode(), status, TEXT_TYPE)


def as_html(text: str, status: int = HTTPStatus.OK, *, content: str = "") -> HttpReply:
    """A page with a title, and with `content` below it."""
    page = f"<!DOCTYPE html>\n<html><head><title>{text}</title></head><body><h1>{text}</h1>{content}</body></html>"
    return HttpReply(page.encode(), status, HTML_TYPE)


def redirect(location: str, status: int) -> HttpReply:
    """A redirect to another address."""
    return replace(as_html("Moved", status), headers={"location": location})


def error(text: str, status: int = HTTPStatus.BAD_REQUEST) -> HttpReply:
    """The service's own error."""
    return as_json({"ERROR": text, "STATUS": int(status)}, status)


def wrong_fields(errors: Mapping[str, list[str]], *, captcha: bool = False) -> HttpReply:
    """The service's refusal of a form, by field."""
    refused = {"ERROR": "-", "ERRORS": errors, "STATUS": 400}
    return as_json(refused, HTTPStatus.BAD_REQUEST, captcha=captcha)
