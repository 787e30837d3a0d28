"""What a server does with those who are not known yet, on real sockets."""

import asyncio
import json
import re
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.http.bounded_protocol import BoundedProtocol
from adapters.http.server import Server, listen, run

LARGE = b"a" * 70_000
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"
CLOSE = b"connection: close\r\n"
ONE = HEAD + b"content-length: 2\r\n\r\n{}"
LAST = HEAD + CLOSE + b"content-length: 2\r\n\r\n{}"
BULKY = HEAD + b"x: " + b"a" * 40_000 + b"\r\n\r\n"
DEAF = b"POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"
HELD = b"POST /held HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
HEAD_BOUNDS = "expected a head of at most 65536 bytes and 100 headers"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"


class Hasty(BoundedProtocol):
    """Waits half a second for a head."""

    head_sec = 0.5


@dataclass
class Served:
    """An application that tells how long a request's body was; at `/held` once it is released, at `/deaf` unread."""

    released: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    stop: Callable[[], None] = lambda: None

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            length = 0 if scope["path"] == "/deaf" else len(await Request(scope, receive).body())
        except ClientDisconnect:
            return
        if scope["path"] == "/held":
            self.held.set()
            await asyncio.to_thread(self.released.wait, 30)
        await Response(json.dumps({"body": length}))(scope, receive, send)

    @asynccontextmanager
    async def holding(self, sent: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection of which the first request is in work."""
        self.held.clear()
        self.released.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with closing(writer):
            writer.write(sent)
            await writer.drain()
            await asyncio.to_thread(self.held.wait, 30)
            async with asyncio.timeout(30):
                yield reader, writer

    async def told(self, sent: bytes) -> bytes:
        """All that is said until the server hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        said = b""
        with closing(writer), suppress(ConnectionResetError):
            writer.write(sent)
            async with asyncio.timeout(30):
                while piece := await reader.read(65_536):
                    said += piece
        return said


@contextmanager
def serving(protocol: type[BoundedProtocol]) -> Iterator[Served]:
    listener = listen("127.0.0.1", 0)
    served = Served(port=listener.getsockname()[1])
    server = Server(served.serve, listener, grace=1)
    server.config.http = protocol
    served.stop = server.stop
    thread = threading.Thread(target=run, args=(server.serve(),))
    thread.start()
    yield served
    server.stop()
    thread.join()


@pytest.fixture(scope="module")
def patient() -> Iterator[Served]:
    with serving(BoundedProtocol) as served:
        yield served


@pytest.fixture(scope="module")
def hasty() -> Iterator[Served]:
    with serving(Hasty) as served:
        yield served


def statuses(said: bytes) -> list[int]:
    return [int(piece[:3]) for piece in said.split(b"HTTP/1.1 ")[1:]]


def bodies(said: bytes) -> list[int]:
    """What the application told of each request."""
    return [json.loads(piece)["body"] for piece in re.findall(rb"\{.*?\}", said)]


def problem(said: bytes) -> tuple[int, str]:
    """The status and the detail of a reply that is a problem, and the last."""
    head, _, body = said.partition(b"\r\n\r\n")
    for line in (b"content-type: application/problem+json", b"connection: close", b"content-length: %d" % len(body)):
        assert line in head.split(b"\r\n")
    told = json.loads(body)
    assert statuses(head) == [told["status"]]
    return told["status"], told["detail"]


ENDLESS = [
    pytest.param(HEAD + b"x: " + LARGE, id="a header"),
    pytest.param(HEAD + b"a:b\r\n" * 14_000, id="headers"),
    pytest.param(HEAD + b"a:\r\n" * 100 + b"\r\n", id="more headers than there may be"),
    pytest.param(HEAD + LARGE, id="a header's name"),
    pytest.param(b"GET /" + LARGE, id="an address"),
    pytest.param(HEAD + b"x: " + LARGE + b"\r\n\r\n", id="a header that has an end"),
    pytest.param(b"GET /" + LARGE + b" HTTP/1.1\r\n\r\n", id="an address that has an end"),
]


@pytest.mark.parametrize("sent", ENDLESS)
async def test_a_head_that_is_too_large_is_refused_before_its_end(patient: Served, sent: bytes) -> None:
    assert problem(await patient.told(sent)) == (431, HEAD_BOUNDS)


async def test_a_head_that_is_too_large_is_refused_behind_the_rest_of_a_body_too(patient: Served) -> None:
    """They come in one read, of which nobody told how much is of the head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", patient.port)
    with closing(writer):
        writer.write(DEAF)
        await reader.readuntil(b"}")
        writer.write(b"{}" + HEAD + b"x: " + LARGE + b"\r\n\r\n")
        async with asyncio.timeout(30):
            assert problem(await reader.read()) == (431, HEAD_BOUNDS)


BEHIND = [
    pytest.param(ONE + HEAD + b"x: " + LARGE * 8, id="another request"),
    pytest.param(CHUNKED + b"0\r\nx: " + LARGE * 8, id="a body, as a trailer"),
    pytest.param(CHUNKED + b"0\r\n" + b"a:b\r\n" * 100_000, id="a body, as trailers"),
    pytest.param(CHUNKED + b"2;" + LARGE * 8, id="a chunk, as its extension"),
    pytest.param(CHUNKED + b"1\r\n \r\n" * 100_000, id="a body, as chunks of one byte"),
    pytest.param(DEAF.replace(b": 2", b": 9000000") + LARGE * 60, id="an answer, as the rest of its body"),
]


@pytest.mark.parametrize("sent", BEHIND)
async def test_nor_is_one_read_to_its_end_behind(patient: Served, sent: bytes) -> None:
    """What is unread when a connection is closed takes the reply with it: that it ends is all that is sure."""
    assert statuses(await patient.told(sent)) in ([], [200], [413], [431], [200, 431])


AFTERWARDS = [
    pytest.param(b"1\r\n \r\n" * 20_000 + b"0\r\n\r\n", id="chunks of one byte"),
    pytest.param(b"0\r\n" + b"a:\r\n" * 20_000 + b"\r\n", id="trailers"),
]


@pytest.mark.parametrize("rest", AFTERWARDS)
async def test_an_early_answer_takes_no_bound_from_its_body(patient: Served, rest: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", patient.port)
    with closing(writer), suppress(ConnectionResetError):
        writer.write(DEAF.replace(b"content-length: 2", b"transfer-encoding: chunked"))
        await reader.readuntil(b"}")
        writer.write(rest + LAST)
        async with asyncio.timeout(30):
            assert await reader.read() == b""


NOT_TOO_LARGE = [
    pytest.param(HEAD + b"x: " + b"a" * 65_000 + b"\r\n" + CLOSE + b"\r\n", [0], id="a head just below"),
    pytest.param(
        BULKY + BULKY.replace(b"\r\n\r\n", b"\r\n" + CLOSE + b"\r\n"), [0, 0], id="heads that are so only together"
    ),
    pytest.param(LAST.replace(b": 2", b": 70002") + LARGE, [70_002], id="a small head and a large body"),
    pytest.param(ONE.replace(b": 2", b": 280002") + LARGE * 4 + LAST, [280_002, 2], id="a head behind a large body"),
    pytest.param(CHUNKED + b"11170\r\n" + LARGE + b"\r\n0\r\n\r\n" + LAST, [70_002, 2], id="a head behind chunks"),
]


@pytest.mark.parametrize(("sent", "lengths"), NOT_TOO_LARGE)
async def test_all_else_may_be_as_large_as_the_application_has_it(
    patient: Served, sent: bytes, lengths: list[int]
) -> None:
    assert bodies(await patient.told(sent)) == lengths


UPGRADES = [
    pytest.param(b"content-length: 2\r\n\r\n", [b"{}"], 2, id="the body at once"),
    pytest.param(
        b"content-length: 31\r\n\r\n", [b"POST / HTTP/1.1\r\nhost: x\r\nx: y", b"\r\n"], 31, id="a body like a request"
    ),
    pytest.param(
        b"transfer-encoding: chunked\r\n\r\n", [b"2\r\n{}\r\n", b"0\r\n\r\n"], 2, id="a chunked body in pieces"
    ),
    pytest.param(b"content-length: 0\r\n\r\n", [b""], 0, id="no body"),
]


@pytest.mark.parametrize(("rest", "body", "length"), UPGRADES)
async def test_an_offered_upgrade_is_ignored_and_its_request_is_answered(
    patient: Served, rest: bytes, body: list[bytes], length: int
) -> None:
    """Java's HttpClient offers h2c by default; the parser takes what follows for another protocol."""
    reader, writer = await asyncio.open_connection("127.0.0.1", patient.port)
    with closing(writer):
        writer.write(HEAD + H2C + rest + body[0])
        await writer.drain()
        # By the time another one is answered, all that was sent has been read.
        assert bodies(await patient.told(LAST)) == [2]
        writer.write(b"".join(body[1:]) + LAST)
        async with asyncio.timeout(30):
            said = await reader.read()
    assert (statuses(said), bodies(said)) == ([200, 200], [length, 2])


REFUSED = [
    pytest.param(b"CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n", "expected HTTP/1.1", id="a tunnel"),
    pytest.param(b"\0\r\n\r\n", "expected HTTP/1.1", id="no request"),
    pytest.param(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", "expected one Host header", id="no host"),
    pytest.param(HEAD + b"host: y\r\ncontent-length: 2\r\n\r\n{}", "expected one Host header", id="two hosts"),
    pytest.param(
        HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "expected no transfer-encoding but chunked",
        id="another encoding",
    ),
]


@pytest.mark.parametrize("offer", [b"", H2C], ids=["", "that offers an upgrade"])
@pytest.mark.parametrize(("sent", "detail"), REFUSED)
async def test_a_head_that_is_none_or_can_be_read_in_two_ways_is_refused(
    patient: Served, sent: bytes, detail: str, offer: bytes
) -> None:
    assert problem(await patient.told(sent.replace(b"\r\n\r\n", b"\r\n" + offer + b"\r\n", 1))) == (400, detail)


async def test_a_client_of_http_1_0_needs_no_host_and_gets_no_interim_reply(patient: Served) -> None:
    said = await patient.told(b"POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}")
    assert (statuses(said), bodies(said)) == ([200], [2])


class Lingering(BoundedProtocol):
    """Its idle connections stay open for long at the end."""

    linger_sec = 30


async def test_a_request_that_is_on_the_way_at_the_end_is_answered_as_the_last() -> None:
    with serving(Lingering) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        with closing(writer):
            async with asyncio.timeout(30):
                writer.write(ONE)
                await reader.readuntil(b"}")
                served.stop()
                with suppress(ConnectionRefusedError, ConnectionResetError):
                    while True:
                        _, other = await asyncio.open_connection("127.0.0.1", served.port)
                        other.close()
                writer.write(ONE)
                said = await reader.read()
    assert (statuses(said), bodies(said), b"connection: close" in said) == ([200], [2], True)


SLOW = {
    "nothing": (b"", b"", []),
    "half a head": (b"", b"GET /livez HT", [408]),
    "blank lines": (b"", b"\r\n\r\n", []),
    "half a head behind another request": (ONE, b"GET /livez HT", [200, 408]),
    "blank lines behind another request": (ONE, b"\r\n\r\n", [200]),
    "half of a body that nobody waits for": (DEAF, b"{", [200]),
}


async def test_who_does_not_go_on_to_send_a_head_is_left_in_time(hasty: Served) -> None:
    """All at once, for each takes its time."""

    async def left(answered: bytes, rest: bytes) -> list[int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", hasty.port)
        with closing(writer):
            writer.write(answered)
            said = await reader.readuntil(b"}") if answered else b""
            writer.write(rest)
            return statuses(said + await reader.read())

    async with asyncio.timeout(30):
        told = await asyncio.gather(*(left(answered, rest) for answered, rest, _ in SLOW.values()))
    assert dict(zip(SLOW, told, strict=True)) == {name: expected for name, (_, _, expected) in SLOW.items()}


async def test_a_client_that_only_stops_sending_gets_its_answers(patient: Served) -> None:
    async with patient.holding(HELD + ONE) as (reader, writer):
        writer.write_eof()
        assert bodies(await patient.told(LAST)) == [2]
        patient.released.set()
        assert bodies(await reader.read()) == [0, 2]


async def test_half_a_head_may_wait_for_the_answer_to_a_request_before_it(hasty: Served) -> None:
    async with hasty.holding(HELD + LAST[:10]) as (reader, writer):
        # As long as anybody waits for a head has gone by when another one is left.
        assert problem(await hasty.told(b"GET /livez HT")) == (408, "expected the whole head of a request sooner")
        hasty.released.set()
        said = await reader.readuntil(b"}")
        writer.write(LAST[10:])
        assert bodies(said + await reader.read()) == [0, 2]


PIPELINED = [
    pytest.param(b"\0\r\n\r\n", [0], id="what is no request"),
    pytest.param(HEAD + b"x: " + LARGE * 8, [0], id="a head that is too large"),
    pytest.param(ONE * 1_000, [0, *[2] * 16], id="more requests than may wait"),
]


@pytest.mark.parametrize(("behind", "answered"), PIPELINED)
async def test_what_is_refused_takes_no_answer_from_a_request_before_it(
    patient: Served, behind: bytes, answered: list[int]
) -> None:
    async with patient.holding(HELD + behind) as (reader, _):
        # By the time another one is answered, all that was sent has been read.
        assert bodies(await patient.told(LAST)) == [2]
        patient.released.set()
        said = await reader.read()
        assert (statuses(said), bodies(said)) == ([200] * len(answered), answered)


def test_many_small_headers_cost_no_more_memory_than_their_bytes(patient: Served) -> None:
    flood = HEAD + b"a:\r\n" * ((65_536 - len(HEAD)) // 4)

    async def refused() -> list[bytes]:
        return await asyncio.gather(*(patient.told(flood) for _ in range(20)))

    tracemalloc.start()
    try:
        replies = asyncio.run(refused())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [problem(reply) for reply in replies] == [(431, HEAD_BOUNDS)] * 20
    assert peak < 20 * 4 * len(flood)
