"""A name's addresses, in time: the system's resolver itself cannot be told how long it may take."""

import socket
import threading
from concurrent.futures import Future

from urllib3.util.connection import allowed_gai_family


def addresses(host: str, seconds: float) -> list[str]:
    """As numbers, in the order in which to try them. Raises socket.gaierror; TimeoutError after so many seconds."""
    found: Future[list[str]] = Future()
    # One that hangs is left to the resolver's own limit, and must not keep the process from its end.
    threading.Thread(target=_resolve, args=(host.strip("[]"), found), daemon=True).start()
    return found.result(max(seconds, 0))


def _resolve(host: str, found: Future[list[str]]) -> None:
    try:
        rows = socket.getaddrinfo(host, None, allowed_gai_family(), socket.SOCK_STREAM)
        found.set_result([str(row[4][0]) for row in rows])
    except (OSError, UnicodeError) as exc:
        found.set_exception(socket.gaierror(str(exc)))
