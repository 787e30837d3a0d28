"""A tiny HTTP server whose every reply a test writes by hand: raw bytes, at its own pace."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def query(self) -> dict[str, str]:
        query = urlsplit(self.line.split()[1]).query
        return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


Script = Callable[[Asked, socket.socket], None]  # answers one request on its socket


@dataclass
class Site:
    url: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def reply(status: int, body: bytes | str, *headers: str) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


def in_turn(*replies: bytes) -> Script:
    """A script that gives these replies one after another, the last one for ever; at an empty one the connection breaks."""
    left = list(replies)

    def script(_asked: Asked, client: socket.socket) -> None:
        if reply := left.pop(0) if len(left) > 1 else left[0]:
            client.sendall(reply)
        else:
            client.shutdown(socket.SHUT_RDWR)

    return script


@contextmanager
def listening(
    converse: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """The address (host:port) of a server that converses with each client in a thread of its own."""
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    clients: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                clients.append(client)
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        # ValueError: it waits for a socket that was closed at the end.
        with suppress(OSError, ValueError), tls.wrap_socket(client, server_side=True) if tls else client as stream:
            converse(stream)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"{host}:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        thread.join()


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    site = Site("")

    def converse(stream: socket.socket) -> None:
        site.connections += 1
        with stream.makefile("rb") as lines:
            while (asked := _read(lines)) is not None:
                site.asked.append(asked)
                script(asked, stream)

    with listening(converse, tls) as address:
        site.url = f"{'https' if tls else 'http'}://{address}"
        yield site


def _read(lines: BufferedReader) -> Asked | None:
    line = lines.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while header := lines.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Asked(line, headers, lines.read(int(headers.get("content-length", "0"))))
