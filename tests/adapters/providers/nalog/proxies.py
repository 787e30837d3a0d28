"""Tiny proxies on 127.0.0.1 that remember what they were asked: HTTP (CONNECT and forwarding), SOCKS 4 and 5."""

import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.adapters.providers.nalog.site import listening


@dataclass
class Proxy:
    address: str
    """host:port"""
    asked: list[str] = field(default_factory=list)


Serve = Callable[[socket.socket, Proxy], None]


@contextmanager
def running(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    proxy = Proxy("")
    with listening(lambda client: serve(client, proxy), tls) as proxy.address:
        yield proxy


def http(client: socket.socket, proxy: Proxy) -> None:
    """CONNECT opens a tunnel; a whole address is forwarded, one request a connection."""
    head = _until(client, b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    login = next((header for header in headers if header.lower().startswith("proxy-authorization:")), "")
    proxy.asked.append(line + (f" {login.partition(': ')[2]}" if login else ""))
    method, target, _ = line.split()
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            _pump(client, server)
        return
    address, _, path = target.removeprefix("http://").partition("/")
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as server:
        server.sendall(head.replace(target.encode(), b"/" + path.encode()))
        _pump(client, server)


def socks5(client: socket.socket, proxy: Proxy) -> None:
    """With a user and a password, where the client has them."""
    methods = _exactly(client, _exactly(client, 2)[1])
    if 2 in methods:
        client.sendall(b"\x05\x02")
        user = _exactly(client, _exactly(client, 2)[1])
        password = _exactly(client, _exactly(client, 1)[0])
        proxy.asked.append(f"login {user.decode()}:{password.decode()}")
        client.sendall(b"\x01\x00")
    else:
        client.sendall(b"\x05\x00")
    kind = _exactly(client, 4)[3]
    host = _exactly(client, _exactly(client, 1)[0]).decode() if kind == 3 else socket.inet_ntoa(_exactly(client, 4))
    port = int.from_bytes(_exactly(client, 2))
    proxy.asked.append(f"{'name' if kind == 3 else 'address'} {host}:{port}")
    with socket.create_connection((host, port)) as server:
        client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        _pump(client, server)


def socks4(client: socket.socket, proxy: Proxy) -> None:
    head = _exactly(client, 8)
    _until(client, b"\x00")
    host, port = socket.inet_ntoa(head[4:8]), int.from_bytes(head[2:4])
    proxy.asked.append(f"address {host}:{port}")
    with socket.create_connection((host, port)) as server:
        client.sendall(b"\x00\x5a\x00\x00\x00\x00\x00\x00")
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


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def _until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += _exactly(client, 1)
    return data
