"""Parses hosts in settings: names or IP addresses (IPv6 with or without brackets), single or in a list or URL."""

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import quote, unquote, urlsplit

_NAME = re.compile(r"[\w.-]{1,253}")  # Docker's names may contain an underscore
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]{1,5})")
_HTTP_URL = re.compile(r"https?://[^@?#/]+(/[^?#]*)?", re.IGNORECASE)
_URL = re.compile(r"(\w+://(?:[^/?#]*@)?)([^/?#]*)(.*)", re.DOTALL)  # scheme and login, hosts, and the rest


def parse_host(text: str) -> str | None:
    """The host, an IPv6 address without its brackets; None if the text is not exactly one host."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        if ":" in bare:
            IPv6Address(bare)
            return bare
        # As Python's resolver does, which raises UnicodeError: no label is empty or too long, or cannot be decoded.
        text.encode("idna").decode("idna")
    except ValueError:
        return None
    return text if _NAME.fullmatch(text) else None


def addresses(text: str, port: int) -> list[str]:
    """Comma-separated hosts as a URL has them, each with its own port or else `port`; none if one is malformed."""
    found = []
    for part in text.split(","):
        host, own = parse_host(part), port
        if host is None and (parts := _HOST_AND_PORT.fullmatch(part)):
            host, own = parse_host(parts[1]), int(parts[2])
        if host is None or own not in range(1, 65536):
            return []
        found.append(f"[{quote(host, safe=':')}]:{own}" if ":" in host else f"{host}:{own}")
    return found


def is_url(text: str, *schemes: str) -> bool:
    """Whether a URL has one of the schemes, exactly one host, and host and port are well-formed."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and parse_host(unquote(parts.hostname or "")) is not None and parts.port != 0
    except ValueError:
        return False


def is_http_url(text: str) -> bool:
    """Whether it is an http:// or https:// address without user, password and query."""
    return _HTTP_URL.fullmatch(text) is not None and is_url(text, "http", "https")


def split_url(url: str) -> tuple[str, ...]:
    """A URL for each of the comma-separated hosts of `url`."""
    parts = _URL.fullmatch(url)
    return tuple(f"{parts[1]}{host}{parts[3]}" for host in parts[2].split(",")) if parts else (url,)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
