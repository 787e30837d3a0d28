import asyncio
import signal
from collections.abc import Iterator
from typing import Any, cast

import pytest

from adapters.composition.run_process import SIGNALS, run_until_signal
from adapters.http.server import Server, listen, run
from adapters.runtime.wait_for_servers import Connect, NotStarted, Refused, wait_for_servers
from tests.doubles import RecordingObserver


def saying(*words: str) -> Connect:
    """A server that says these words, one a try, then the last for ever."""
    left: Iterator[str] = iter(words)

    async def connect() -> str:
        return next(left, words[-1])

    return connect


async def hanging() -> str:
    await asyncio.Event().wait()
    return ""


async def refusing() -> str:
    raise Refused("the password is wrong: mend MONGO_PASS")


async def test_every_server_that_was_not_reached_is_named_with_why() -> None:
    servers = {"store": saying("connection refused"), "broker": hanging, "found": saying("")}
    with pytest.raises(NotStarted) as end:
        await wait_for_servers(servers, 0.05, RecordingObserver())
    assert str(end.value) == "store: connection refused\nbroker: it has not answered"


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        pytest.param([""], [], id="nothing of one that is there"),
        pytest.param(
            ["refused", "refused", "no primary", ""],
            [("server_unreachable", "mongodb"), ("server_reached", "mongodb")],
            id="once that it is waited for, and that it is there",
        ),
    ],
)
async def test_the_log_is_told_of_a_server(words: list[str], lines: list[tuple[str, str]]) -> None:
    observer = RecordingObserver()
    await wait_for_servers({"MongoDB": saying(*words)}, 0, observer)
    assert observer.of("event") == [(name, {"server": server}) for name, server in lines]


async def test_a_refusal_ends_the_start_at_once() -> None:
    with pytest.raises(NotStarted) as end:
        await wait_for_servers({"broker": hanging, "store": refusing}, 0, RecordingObserver())
    assert str(end.value) == "store: the password is wrong: mend MONGO_PASS"


def test_after_the_run_another_signal_ends_the_last_waits_of_a_process() -> None:
    server = Server(cast("Any", None), listen("127.0.0.1", 0), 1)
    run(run_until_signal(server, {}, 0, RecordingObserver(), lambda _: asyncio.sleep(0)))
    assert [*map(signal.getsignal, SIGNALS)] == [signal.SIG_DFL, signal.default_int_handler]
