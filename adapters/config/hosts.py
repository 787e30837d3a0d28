"""Hosts as settings name them: a name, or an IP address, an IPv6 one with brackets or without."""

import re
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote

MAX_NAME = 253
"""Characters of a name in DNS."""
# Docker's names may hold an underscore; a longer label is an error of Python's own, wherever it is looked up.
_LABEL = re.compile(r"[\w-]{1,63}")
_SEED = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?")
_PORTS = range(1, 65536)


def host(text: str) -> str | None:
    """The host alone, an IPv6 address without its brackets; None where the text is no host, or more than one."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        return bare if _is_ipv6(bare) else None
    return text if _is_name(text) else None


def in_url(bare: str) -> str:
    """A host as it stands in an address."""
    return f"[{quote(bare, safe=':')}]" if ":" in bare else bare


def seeds(text: str, port: int) -> list[tuple[str, int]] | None:
    """Hosts separated by commas, each with its own port, or else `port`; None where one of them is none."""
    parts = text.split(",")
    found = [seed for part in parts if (seed := _seed(part, port))]
    return found if len(found) == len(parts) else None


def _seed(text: str, port: int) -> tuple[str, int] | None:
    alone = host(text)
    if alone is not None:
        return alone, port
    parts = _SEED.fullmatch(text)
    named = host(parts[1]) if parts else None
    if parts is None or named is None or int(parts[2]) not in _PORTS:
        return None
    return named, int(parts[2])


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= MAX_NAME and all(map(_LABEL.fullmatch, labels)) and _is_idna(text)


def _is_idna(text: str) -> bool:
    """Whether a name in other letters than DNS has can be looked up, or is the code of such a one."""
    if text.isascii() and "xn--" not in text.lower():
        return True
    try:
        text.encode("idna").decode("idna")
    except UnicodeError:
        return False
    return True
