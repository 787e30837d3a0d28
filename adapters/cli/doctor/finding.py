"""The result of a check in one line, and the causes why a server is unreachable."""

import socket
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

WIDTH = 8
"""Characters of the first word, with its padding."""
CONNECT_SEC = 3.0


class Kind(StrEnum):
    """The result; the value is the line's first word."""

    OK = "ok"
    NOTE = "note"
    """It works, with a remark."""
    SKIPPED = "skipped"
    """Not checked, because of another fault or an option."""
    WRONG = "wrong"
    """A setting."""
    FAILED = "failed"
    """A connection, or the server at its other end."""


class Finding(NamedTuple):
    """One line. `text` names the cause and what to do, and holds no secret."""

    kind: Kind
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind.value:{WIDTH}} {self.name:12} {self.text}"


def unreachable_cause(addresses: Iterable[tuple[str, int]]) -> str:
    """Why no TCP connection to any of the addresses succeeds; "" if one does."""
    causes = [_cause(host, port) for host, port in addresses]
    return "; ".join(causes) if all(causes) else ""


def _cause(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), timeout=CONNECT_SEC).close()
    except socket.gaierror:
        return f"the name {host} is not known"
    except ConnectionRefusedError:
        return f"nothing listens on {host}, port {port}"
    except TimeoutError:
        return f"{host}, port {port}, does not answer: is a firewall between?"
    except OSError as exc:
        return f"{host}, port {port}: {exc.strerror}"
    return ""
