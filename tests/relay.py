"""A server of 127.0.0.1, at another address of this machine; what it says can be held back."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def loopbacks() -> list[str]:
    """This machine's own addresses as a user may write them; not every machine has IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1", "[::1]"]


class _Relay(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.there = ("127.0.0.1", port)
        super().__init__((host, 0), _Both)


class _Both(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with socket.create_connection(self.server.there) as there:
            back = threading.Thread(target=_pour, args=(there, self.request, self.server.opened), daemon=True)
            back.start()
            _pour(self.request, there)
            back.join()


def _pour(source: socket.socket, into: socket.socket, opened: threading.Event | None = None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if opened is not None:
                opened.wait()
            into.sendall(data)
        into.shutdown(socket.SHUT_WR)


@contextmanager
def relay(host: str, port: int) -> Iterator[int]:
    """Takes connections at that address, at the port given back, and leads them to 127.0.0.1 at `port`."""
    with _running(host, port) as server:
        yield server.server_address[1]


@contextmanager
def held_back(port: int) -> Iterator[tuple[int, threading.Event]]:
    """The same, at 127.0.0.1; requests get through, and replies once the event is set."""
    with _running("127.0.0.1", port) as server:
        server.opened.clear()
        yield server.server_address[1], server.opened


@contextmanager
def _running(host: str, port: int) -> Iterator[_Relay]:
    with _Relay(host, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.opened.set()
            server.shutdown()
            thread.join()
