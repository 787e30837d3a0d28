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

from local_runtime.emulator.app import EmulatorApp
from local_runtime.emulator.control_settings import EmulatorSettings, validation_errors

BACKLOG = 2048
GRACE_SEC = 1  # time for unfinished replies at the end
WRONG_USE = 2


class _Server(uvicorn.Server):
    """Prints its address once it listens and handles signals."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        sys.stdout.write(json.dumps({"url": f"http://{host}:{port}", "pid": os.getpid()}) + "\n")
        sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Serve until a signal, or the end of the parent. Returns the exit status: 1 the address is taken, 2 wrong use."""
    wanted = _parser().parse_args(arguments)
    try:
        settings = _settings(wanted)
    except ValidationError as exc:
        sys.stderr.write(f"emulator: {'; '.join(validation_errors(exc))}\n")
        return WRONG_USE
    try:
        listener = socket.create_server((wanted.host, wanted.port), backlog=BACKLOG)
    except (OSError, OverflowError) as exc:
        sys.stderr.write(f"emulator: cannot listen on {wanted.host}:{wanted.port}: {exc}\n")
        return 1
    server = _server(settings)
    if wanted.with_parent:
        threading.Thread(target=_end_with_parent, args=[server], daemon=True).start()
    server.run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_runtime.emulator", description="The emulated tax service.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: a free one, which the first line of output names")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    parser.add_argument("--latency", type=float, help="seconds before each answer")
    parser.add_argument("--pending", type=int, help="polls before each result")
    parser.add_argument("--scenario", help="normal, or a case of README.md")
    parser.add_argument("--control", default="{}", help="any settings, as JSON: what POST /control takes")
    return parser


def _settings(wanted: argparse.Namespace) -> EmulatorSettings:
    options = {name: getattr(wanted, name) for name in ("latency", "pending", "scenario")}
    named = json.dumps({name: value for name, value in options.items() if value is not None})
    given = [EmulatorSettings.model_validate_json(text) for text in (wanted.control, named)]
    return EmulatorSettings().model_copy(update={k: getattr(one, k) for one in given for k in one.model_fields_set})


def _server(settings: EmulatorSettings) -> uvicorn.Server:
    app = EmulatorApp(settings)
    config = uvicorn.Config(
        app,
        http="httptools",
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SEC,
    )
    server = _Server(config)
    app.connections = server.server_state.connections
    return server


def _end_with_parent(server: uvicorn.Server) -> None:
    # Not through sys.stdin: its lock, held by a waiting thread, crashes the interpreter at its end.
    while os.read(0, 1024):
        pass
    server.should_exit = True


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
