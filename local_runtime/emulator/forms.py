"""Form fields as they travel, decoded: what the standard library does, at a fraction of its time."""

from functools import lru_cache
from urllib.parse import unquote_plus

KEPT = 4096
"""Names come again and again: so many decoded ones are remembered."""


def form_of(text: bytes) -> dict[str, str]:
    """The fields of a form or a query; of one that is given twice, the last. Raises ValueError: not ASCII, not UTF-8."""
    fields = {}
    for part in text.decode("ascii").split("&"):
        name, _, value = part.partition("=")
        fields[_plain(name)] = _plain(value)
    return fields


def _plain(text: str) -> str:
    return _decoded(text) if "%" in text else text.replace("+", " ")


@lru_cache(KEPT)
def _decoded(text: str) -> str:
    return unquote_plus(text, errors="strict")
