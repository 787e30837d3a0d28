"""What probes answer, as the only application of a process."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from adapters.cli.consume import ProbeServer
from adapters.http.probes import FRESH_SEC, UNREADY_FRESH_SEC, Check, Part, Probes
from adapters.http.server import Address, listen


class Numbers:
    exposition_type = "text/plain; version=0.0.4"

    def __init__(self) -> None:
        self.ready: dict[str, bool] = {}

    def exposition(self) -> bytes:
        return f"# metrics {self.ready}\n".encode()

    def looked(self, part: str, *, ready: bool) -> None:
        self.ready[part] = ready


async def answered(asked: Probes, method: str, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await asked.serve({"type": "http", "method": method, "path": path}, receive, send)
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def part(*, ready: bool, detail: str = "") -> Check:
    async def look() -> Part:
        return Part(ready, detail)

    return look


@pytest.mark.parametrize(
    ("method", "path", "status", "media", "body"),
    [
        pytest.param("GET", "/livez", 200, b"application/json", b'{"live":true}', id="it lives"),
        pytest.param(
            "HEAD", "/livez", 200, b"application/json", b'{"live":true}', id="the server cuts off HEAD's body"
        ),
        pytest.param("GET", "/metrics", 200, b"text/plain; version=0.0.4", b"# metrics {}\n", id="its numbers"),
        pytest.param("GET", "/", 404, b"text/plain", b"expected /livez, /readyz or /metrics", id="another path"),
        pytest.param("POST", "/livez", 405, b"text/plain", b"expected GET", id="another method"),
    ],
)
async def test_what_is_asked_is_answered(method: str, path: str, status: int, media: bytes, body: bytes) -> None:
    told, headers, text = await answered(Probes({}, Numbers()), method, path)
    assert (told, headers[b"content-type"], text) == (status, media, body)
    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers.get(b"allow") == (b"GET, HEAD" if status == 405 else None)


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)], ids=["all ready", "one not ready"])
async def test_readiness_is_that_of_every_part(ready: bool, status: int) -> None:  # noqa: FBT001  # a row of a table
    asked = Probes({"store": part(ready=True), "lane": part(ready=ready, detail="why")}, Numbers())
    told, _, body = await answered(asked, "GET", "/readyz")
    assert told == status
    assert json.loads(body) == {
        "ready": ready,
        "parts": {"store": {"ready": True, "detail": ""}, "lane": {"ready": ready, "detail": "why"}},
    }


async def test_a_scrape_tells_of_each_part_whether_anybody_asked_for_readiness_or_not() -> None:
    asked = Probes({"store": part(ready=False), "lane": part(ready=True)}, Numbers())
    _, _, body = await answered(asked, "GET", "/metrics")
    assert body == b"# metrics {'store': False, 'lane': True}\n"


@pytest.mark.parametrize(
    ("ready", "fresh"),
    [(True, FRESH_SEC), (False, UNREADY_FRESH_SEC)],
    ids=["a second, where all was ready", "a moment, where something was not"],
)
async def test_a_look_is_good_for_a_while(ready: bool, fresh: float) -> None:  # noqa: FBT001  # a row of a table
    looks = 0

    async def look() -> Part:
        nonlocal looks
        looks += 1
        return Part(ready)

    times = iter([0, 0, fresh * 0.9, fresh * 1.1, fresh * 1.1])
    asked = Probes({"store": look}, Numbers(), lambda: next(times))
    seen = []
    for _ in range(3):
        await asked.readyz()
        seen.append(looks)
    assert seen == [1, 1, 2]


async def test_a_part_that_hangs_is_told_of_as_last_seen_and_looked_at_once() -> None:
    looks = 0
    gate = asyncio.Event()
    gate.set()

    async def look() -> Part:
        nonlocal looks
        looks += 1
        await gate.wait()
        return Part(ready=False, detail="away")

    asked = Probes({"store": look}, Numbers(), count(0, 10).__next__)
    assert b"away" in (await asked.readyz()).body
    gate.clear()
    pages = [asked.readyz() for _ in range(3)]
    assert all(b"away" in page.body for page in await asyncio.gather(*pages))
    assert looks == 2


class Hanging:
    """A check that says nothing."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __call__(self) -> Part:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_the_first_look_waits_for_a_part_that_hangs_no_longer_than_whoever_probes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.http.probes.FIRST_SEC", 0.05)
    monkeypatch.setattr("adapters.http.probes.LIMIT_SEC", 600)
    asked = Probes({"store": Hanging(), "lane": part(ready=False, detail="not_connected")}, Numbers())
    async with asyncio.timeout(30):
        page = await asked.readyz()
    assert page.status == 503
    assert json.loads(page.body)["parts"] == {
        "store": {"ready": False, "detail": "no answer yet"},
        "lane": {"ready": False, "detail": "not_connected"},
    }


@asynccontextmanager
async def served(asked: Probes) -> AsyncIterator[tuple[ProbeServer, int]]:
    """The probe server of a consumer, and its port."""
    with listen(Address("127.0.0.1", 0)) as listener:
        server = ProbeServer(asked, listener)
        serving = asyncio.create_task(server.serve())
        yield server, listener.getsockname()[1]
        await serving


async def test_a_probe_under_way_at_the_end_is_told_of_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Longer than the server waits for it.
    monkeypatch.setattr("adapters.http.probes.FIRST_SEC", 600)
    store = Hanging()
    async with served(Probes({"store": store}, Numbers())) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.1\r\nhost: probed\r\n\r\n")
        await store.begun.wait()
        server.stop()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body) == {
        "ready": False,
        "parts": {
            "store": {"ready": False, "detail": "no answer yet"},
            "process": {"ready": False, "detail": "it ends"},
        },
    }
    assert caplog.messages == []


async def test_a_process_that_ends_is_not_ready_and_looks_at_nothing_any_more() -> None:
    looks = 0

    async def look() -> Part:
        nonlocal looks
        looks += 1
        return Part(ready=True)

    asked = Probes({"store": look}, Numbers(), count(0, 10).__next__)
    assert (await asked.readyz()).status == 200
    asked.end()
    assert (await asked.readyz()).status == 503
    assert looks == 1
