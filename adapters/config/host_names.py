"""Parses hosts in settings: names or IP addresses (IPv6 with or without brackets), single or in a list or URL."""

import re
from ipaddress import AddressValueError, IPv6Address, ip_address
from urllib.parse import quote, unquote, urlsplit

MAX_NAME = 253
"""Characters of a DNS name."""
# Docker's names may contain an underscore. On a longer label Python's resolver raises UnicodeError.
_LABEL = re.compile(r"[\w-]{1,63}")
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]{1,5})")
_PORTS = range(1, 65536)
_URL = re.compile(r"(\w+://(?:[^/?#]*@)?)([^/?#]*)(.*)", re.DOTALL)
"""Scheme and login, hosts, and the rest."""


def parse_host(text: str) -> str | None:
    """The host, an IPv6 address without its brackets; None if the text is not exactly one host."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        if ":" in bare:
            IPv6Address(bare)
            return bare
        if not text.isascii() or "xn--" in text.lower():
            # An internationalized name must be encodable, and an encoded one decodable.
            text.encode("idna").decode("idna")
    except (AddressValueError, UnicodeError):
        return None
    labels = text.removesuffix(".").split(".")
    return text if len(text) <= MAX_NAME and all(map(_LABEL.fullmatch, labels)) else None


def addresses(text: str, port: int) -> list[str]:
    """Comma-separated hosts as a URL has them, each with its own port or else `port`; none if one is malformed."""
    found = [_address(part, port) for part in text.split(",")]
    return found if all(found) else []


def is_url(text: str) -> bool:
    """Whether a URL has exactly one host, and host and port are well-formed."""
    try:
        parts = urlsplit(text)
        return parse_host(unquote(parts.hostname or "")) is not None and parts.port != 0
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_url(url: str) -> tuple[str, ...]:
    """A URL for each of the comma-separated hosts of `url`."""
    parts = _URL.fullmatch(url)
    return tuple(f"{parts[1]}{host}{parts[3]}" for host in parts[2].split(",")) if parts else (url,)


def _address(text: str, port: int) -> str:
    """The host and port; "" if malformed."""
    host = parse_host(text)
    if host is None and (parts := _HOST_AND_PORT.fullmatch(text)):
        host, port = parse_host(parts[1]), int(parts[2])
    if host is None or port not in _PORTS:
        return ""
    return f"[{quote(host, safe=':')}]:{port}" if ":" in host else f"{host}:{port}"
