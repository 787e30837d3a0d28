"""Why a server can't be reached, as far as a plain connection tells."""

import socket
from collections.abc import Iterable

CONNECT_SEC = 3.0


def why_not(host: str, port: int) -> str:
    """Why nothing answers there; "" where something listens."""
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


def why_none(places: Iterable[tuple[str, int]]) -> str:
    """Why none of several answers; "" where one listens."""
    reasons = [why_not(host, port) for host, port in places]
    return "; ".join(reasons) if all(reasons) else ""
