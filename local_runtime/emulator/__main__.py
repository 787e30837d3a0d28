"""`python -m local_runtime.emulator`: the emulated tax service as a process of its own.

Once it listens it prints one line of JSON, `{"url": "http://127.0.0.1:PORT", "pid": N}`.
"""

import argparse
import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Sequence

import uvicorn
from pydantic import ValidationError

from local_runtime.emulator.app import App
from local_runtime.emulator.delivery import Protocol
from local_runtime.emulator.script import Mood, Settings, faults_of

BACKLOG = 2048
GRACE_SEC = 1
"""How long answers under way hold up the end."""
WRONG_USE = 2


class _Server(uvicorn.Server):
    """Says where it listens, once it does and heeds signals."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        sys.stdout.write(json.dumps({"url": f"http://{host}:{port}", "pid": os.getpid()}) + "\n")
        sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop. Returns the exit status: 1 the address is taken, 2 wrong use."""
    wanted = _parser().parse_args(arguments)
    try:
        settings = _settings(wanted)
    except ValidationError as exc:
        sys.stderr.write(f"emulator: {'; '.join(faults_of(exc))}\n")
        return WRONG_USE
    try:
        listener = socket.create_server((wanted.host, wanted.port), backlog=BACKLOG)
    except (OSError, OverflowError) as exc:
        sys.stderr.write(f"emulator: cannot listen on {wanted.host}:{wanted.port}: {exc}\n")
        return 1
    server = _server(settings)
    if wanted.with_parent:
        threading.Thread(target=_leave_with_parent, args=[server], daemon=True).start()
    server.run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_runtime.emulator", description="The emulated tax service.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: a free one, which the first line of output names")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    parser.add_argument("--latency", type=float, help="seconds before each answer")
    parser.add_argument("--pending", type=int, help="polls before each result")
    parser.add_argument("--mood", help=", ".join(Mood))
    parser.add_argument("--control", default="{}", help="any settings, as JSON: what POST /control takes")
    return parser


def _settings(wanted: argparse.Namespace) -> Settings:
    given = {"latency": wanted.latency, "pending": wanted.pending, "mood": wanted.mood}
    named = {name: value for name, value in given.items() if value is not None}
    settings = Settings.model_validate_json(wanted.control)
    return settings.model_copy(update={name: getattr(_one(name, value), name) for name, value in named.items()})


def _one(name: str, value: object) -> Settings:
    return Settings.model_validate_json(json.dumps({name: value}))


def _server(settings: Settings) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            App(settings),
            http=Protocol,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE_SEC,
        )
    )


def _leave_with_parent(server: uvicorn.Server) -> None:
    # Not through sys.stdin: its lock, held by a thread that waits, is fatal to an interpreter that ends.
    while os.read(0, 1024):
        pass
    server.should_exit = True


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
