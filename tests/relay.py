"""A server of 127.0.0.1, at another address of this machine; what it says can be held back, and who talks to it cut off."""

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


class Relay(socketserver.ThreadingTCPServer):
    """Takes connections at `port`. Replies get through while `opened` is set."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.there = ("127.0.0.1", port)
        self.ends: list[socket.socket] = []
        super().__init__((host, 0), _Both)

    @property
    def port(self) -> int:
        number: int = self.server_address[1]
        return number

    def cut(self) -> None:
        """End the connections that there are."""
        ends, self.ends = self.ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class _Both(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        with socket.create_connection(self.server.there) as there:
            self.server.ends += [self.request, there]
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
def relay(host: str, port: int) -> Iterator[Relay]:
    """Takes connections at that address, and leads them to 127.0.0.1 at `port`."""
    with Relay(host, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.opened.set()
            server.shutdown()
            thread.join()
            server.cut()
