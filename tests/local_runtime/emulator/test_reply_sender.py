"""Replies that do not come as they should: each way, seen from a plain socket."""

import socket
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import urllib3

from local_runtime.emulator.process import Emulator
from tests.local_runtime.emulator.conftest import BOUND_SEC, FORM
from tests.servers.process import wait_for


class Wire:
    """One find on a bare connection, and what comes back."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port or 0), BOUND_SEC)
        body = urlencode({"c": "find", **FORM})
        head = f"Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}"
        self.socket.sendall(f"POST /inn-new-proc.json HTTP/1.1\r\n{head}\r\n\r\n{body}".encode())

    def pieces(self, most: int) -> list[bytes]:
        """What comes, read by read, until the connection ends or there is enough."""
        got: list[bytes] = []
        while sum(map(len, got)) < most and (piece := self.socket.recv(1 << 20)):
            got.append(piece)
        return got

    def all(self) -> bytes:
        return b"".join(self.pieces(1 << 30))


@pytest.fixture
def wire(emulator: Emulator) -> Any:
    opened: list[Wire] = []

    def find(**rule: object) -> Wire:
        emulator.control(rules=[{"on": "find", **rule}])
        opened.append(Wire(emulator.url))
        return opened[-1]

    yield find
    for one in opened:
        one.socket.close()


def settled(emulator: Emulator) -> None:
    """Wait until nothing is in flight."""
    wait_for(lambda: emulator.stats(brief=True).in_flight == 0, within=BOUND_SEC, what="the end of what is in flight")


def test_a_connection_that_is_dropped_reset_or_cut(wire: Any) -> None:
    assert wire(connection="drop").all() == b""
    with pytest.raises(ConnectionResetError):
        wire(connection="reset").all()
    head, _, body = wire(connection="cut").all().partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert len(body) == length // 2


def test_a_hanging_reply_ends_with_its_client(emulator: Emulator, wire: Any) -> None:
    hanging = wire(connection="hang")
    hanging.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        hanging.socket.recv(1)
    assert emulator.stats().in_flight == 1
    hanging.socket.close()
    settled(emulator)


def test_bytes_that_trickle_make_a_whole_reply(wire: Any) -> None:
    for connection in ("trickle", "trickle_head"):
        pieces = wire(connection=connection, pause=0.001).pieces(200)
        assert len(pieces) > 50
        assert b"".join(pieces).startswith(b"HTTP/1.1 200 OK\r\n")
    reply = wire(connection="trickle_head", pause=0, status=429, retry_after=5, body="honest").all()
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b"\r\nretry-after: 5\r\n" in head
    assert body.endswith(b"}")


def test_an_endless_body_ends_with_its_client(emulator: Emulator, wire: Any) -> None:
    endless = wire(connection="endless")
    assert sum(map(len, endless.pieces(30_000_000))) >= 30_000_000
    endless.socket.close()
    settled(emulator)


def test_a_huge_body_is_good_json_of_the_wanted_size(wire: Any) -> None:
    huge = wire(connection="huge", size=3_000_000)
    reply = b"".join(huge.pieces(3_000_000))
    assert b"content-length: 3000000\r\n" in reply.lower()
    assert b'"captchaRequired":false}    ' in reply


def test_the_connection_goes_on_after_a_good_reply(emulator: Emulator) -> None:
    with urllib3.HTTPConnectionPool(urlsplit(emulator.url).netloc, maxsize=1) as pool:
        assert [pool.request("GET", "/inn.do").status for _ in range(3)] == [200] * 3
        assert pool.num_connections == 1
