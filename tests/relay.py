"""A server of 127.0.0.1, at another address of this machine; what it says can be held back, and who talks to it cut off."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.adapters.providers.nalog.site import listening


def loopbacks() -> list[str]:
    """This machine's own addresses as a user may write them; not every machine has IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1", "[::1]"]


@dataclass
class Relay:
    """What `relay` leads on at `port`. Replies get through while `opened` is set."""

    port: int = 0
    opened: threading.Event = field(default_factory=threading.Event)
    ends: list[socket.socket] = field(default_factory=list)

    def cut(self) -> None:
        """End the connections that there are."""
        ends, self.ends = self.ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


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
    relay = Relay()
    relay.opened.set()

    def converse(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as there:
            relay.ends += [client, there]
            back = threading.Thread(target=_pour, args=(there, client, relay.opened), daemon=True)
            back.start()
            _pour(client, there)
            back.join()

    with listening(converse, host=host) as address:
        relay.port = int(address.rpartition(":")[2])
        try:
            yield relay
        finally:
            relay.opened.set()
            relay.cut()
