"""What probes answer, as the only application of a process."""

import asyncio
import json
from collections.abc import MutableMapping
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest

from adapters.http.probes import FRESH_SEC, UNREADY_FRESH_SEC, Probes
from tests.adapters.http.conftest import FixedCheck
from tests.doubles import Metrics


async def answered(probes: Probes, method: str, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await probes.serve({"type": "http", "method": method, "path": path}, receive, send)
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


PROBLEM = b"application/problem+json"


def problem(status: int, detail: str) -> bytes:
    return json.dumps({"title": HTTPStatus(status).phrase, "status": status, "detail": detail}).encode()


@pytest.mark.parametrize(
    ("method", "path", "status", "media", "body"),
    [
        pytest.param("GET", "/livez", 200, b"application/json", b'{"live":true}', id="it lives"),
        pytest.param(
            "GET", "/metrics", 200, b"text/plain; version=0.0.4; charset=utf-8", b"# metrics {}\n", id="its numbers"
        ),
        pytest.param("GET", "/", 404, PROBLEM, problem(404, "expected /livez, /readyz or /metrics"), id="another path"),
        pytest.param("POST", "/livez", 405, PROBLEM, problem(405, "expected GET"), id="another method"),
    ],
)
async def test_what_is_probes_is_answered(method: str, path: str, status: int, media: bytes, body: bytes) -> None:
    told, headers, text = await answered(Probes({}, Metrics()), method, path)
    assert (told, headers[b"content-type"], text) == (status, media, body)
    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers.get(b"allow") == (b"GET, HEAD" if status == 405 else None)


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)], ids=["all ready", "one not ready"])
async def test_readiness_is_that_of_every_check(ready: bool, status: int) -> None:  # noqa: FBT001  # a row of a table
    probes = Probes({"store": FixedCheck(ready=True), "lane": FixedCheck(ready=ready, detail="why")}, Metrics())
    told, _, body = await answered(probes, "GET", "/readyz")
    assert told == status
    assert json.loads(body) == {
        "ready": ready,
        "parts": {"store": {"ready": True, "detail": ""}, "lane": {"ready": ready, "detail": "why"}},
    }


async def test_metrics_are_rendered_at_most_once_a_second() -> None:
    rendered, now = count(1), [0.0]

    class Counted(Metrics):
        def exposition(self) -> bytes:
            return b"# %d\n" % next(rendered)

    probes = Probes({}, Counted(), lambda: now[0])
    bodies = []
    for now[0] in (0.0, FRESH_SEC / 2, FRESH_SEC, FRESH_SEC * 1.5):
        bodies.append((await probes.metrics()).body)
    assert bodies == [b"# 1\n"] * 3 + [b"# 2\n"]


@pytest.mark.parametrize(
    ("ready", "fresh"),
    [(True, FRESH_SEC), (False, UNREADY_FRESH_SEC)],
    ids=["a second, where all was ready", "a moment, where something was not"],
)
async def test_a_look_is_good_for_a_while(ready: bool, fresh: float) -> None:  # noqa: FBT001  # a row of a table
    check = FixedCheck(ready=ready)
    times = iter([0, 0, fresh * 0.9, fresh * 1.1, fresh * 1.1])
    probes = Probes({"store": check}, Metrics(), lambda: next(times))
    seen = []
    for _ in range(3):
        await probes.readyz()
        seen.append(check.runs)
    assert seen == [1, 1, 2]


async def test_a_part_that_hangs_is_told_of_as_last_seen_and_looked_at_once() -> None:
    check = FixedCheck(ready=False, detail="away")
    probes = Probes({"store": check}, Metrics(), count(0, 10).__next__)
    assert b"away" in (await probes.readyz()).body
    check.gate.clear()
    pages = [probes.readyz() for _ in range(3)]
    assert all(b"away" in page.body for page in await asyncio.gather(*pages))
    assert check.runs == 2


async def test_the_first_look_waits_for_a_part_that_hangs_no_longer_than_whoever_probes() -> None:
    checks = {"store": FixedCheck(hanging=True), "lane": FixedCheck(ready=False, detail="not_connected")}
    probes = Probes(checks, Metrics())
    probes.first_wait_sec = 0.05
    page = await probes.readyz()
    assert page.status == 503
    assert json.loads(page.body)["parts"] == {
        "store": {"ready": False, "detail": "no answer yet"},
        "lane": {"ready": False, "detail": "not_connected"},
    }
