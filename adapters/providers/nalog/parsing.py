"""Reads what the tax service sends as JSON: numbers as floats or texts, an object wrapped in HTML; nothing out of nothing."""

import json
import re
from collections.abc import Mapping
from typing import Any

from function import inn

JsonObject = Mapping[str, Any]

# Halves of characters, which JSON can name and UTF-8 cannot hold, and the sign that stands for lost ones.
_BROKEN = re.compile("[\ud800-\udfff\ufffd]")
_NUMBER = re.compile(r"-?[0-9]{1,3}(\.0+)?")
# What some reply of the service has: an object with none of them says nothing.
_KNOWN = frozenset({"requestId", "captchaRequired", "state", "inn", "code", "ERROR", "ERRORS", "STATUS"})


def json_object(text: str) -> JsonObject | None:
    """The object that a text is, or that stands in a page between the first brace and the last; None: there is none."""
    decoded = _decoded(text.strip())
    if decoded is None and is_html(text):
        decoded = _decoded(text[text.find("{") : text.rfind("}") + 1])
    return decoded if isinstance(decoded, dict) and not _KNOWN.isdisjoint(decoded) else None


def is_html(text: str) -> bool:
    """Whether it is a page for people."""
    return text.lstrip().startswith("<")


def integer(value: object) -> int | None:
    """A number as it may come, 1 or 1.0 or "1"; None for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(float(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 else None


def is_true(value: object) -> bool:
    """A yes: true, "true" or 1."""
    return value is True or value == "true" or integer(value) == 1


def valid_inn(value: object) -> str:
    """A person's INN with its checksum right, or "". One that came as a number has its leading zero again."""
    number = integer(value)
    text = str(number).zfill(inn.LENGTH) if number is not None else value
    return text if isinstance(text, str) and inn.is_valid(text) else ""


def text_of(value: object) -> str:
    """A text, or "". One with broken characters is none."""
    return value if isinstance(value, str) and not _BROKEN.search(value) else ""


def _decoded(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        raise ValueError("a key that is there twice says nothing")
    return decoded
