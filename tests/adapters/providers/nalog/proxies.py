"""Tiny proxies on 127.0.0.1 that remember what they were asked: HTTP (CONNECT and forwarding) and SOCKS 5."""

import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.adapters.providers.nalog.site import listening


@dataclass
class Proxy:
    address: str  # host:port
    asked: list[str] = field(default_factory=list)


Serve = Callable[[socket.socket, Proxy], None]


@contextmanager
def running(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    proxy = Proxy("")
    with listening(lambda client: serve(client, proxy), tls) as proxy.address:
        yield proxy


def http(client: socket.socket, proxy: Proxy) -> None:
    """CONNECT opens a tunnel; a whole address is forwarded, one request a connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = client.recv(1)
        if not more:
            return
        head += more
    line, *headers = head.decode().split("\r\n")
    login = next((header for header in headers if header.lower().startswith("proxy-authorization:")), "")
    proxy.asked.append(line + (f" {login.partition(': ')[2]}" if login else ""))
    method, target, _ = line.split()
    address, _, path = target.removeprefix("http://").partition("/")
    host, _, port = address.rpartition(":")
    if method == "CONNECT":
        _tunnel(client, host, int(port), b"HTTP/1.1 200 Connected\r\n\r\n")
    else:
        _tunnel(client, host, int(port), b"", head.replace(target.encode(), b"/" + path.encode()))


def socks5(client: socket.socket, proxy: Proxy) -> None:
    """With a user and a password, where the client has them."""
    read = client.makefile("rb").read
    if 2 in read(read(2)[1]):
        client.sendall(b"\x05\x02")
        user = read(read(2)[1])
        password = read(read(1)[0])
        proxy.asked.append(f"login {user.decode()}:{password.decode()}")
        client.sendall(b"\x01\x00")
    else:
        client.sendall(b"\x05\x00")
    kind = {1: "address", 3: "name"}[read(4)[3]]
    host = read(read(1)[0]).decode() if kind == "name" else socket.inet_ntoa(read(4))
    port = int.from_bytes(read(2))
    proxy.asked.append(f"{kind} {host}:{port}")
    _tunnel(client, host, port, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")


def _tunnel(client: socket.socket, host: str, port: int, opened: bytes, sent: bytes = b"") -> None:
    """What either says goes to the other; `opened` to the client first, `sent` to the server."""
    with socket.create_connection((host, port)) as server:
        client.sendall(opened)
        server.sendall(sent)
        _pump(client, server)


def _pump(one: socket.socket, other: socket.socket) -> None:
    ends = {one: other, other: one}
    while True:
        # What TLS has already read is not seen by select.
        pending = [end for end in ends if isinstance(end, ssl.SSLSocket) and end.pending()]
        for end in pending or select.select(list(ends), [], [])[0]:
            data = end.recv(65536)
            if not data:
                return
            ends[end].sendall(data)
