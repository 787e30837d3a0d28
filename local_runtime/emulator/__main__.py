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

import uvicorn

from local_runtime.emulator.app import App
from local_runtime.emulator.delivery import Protocol
from local_runtime.emulator.script import Settings

BACKLOG = 2048
GRACE_SEC = 1


def main() -> int:
    """Serve until told to stop. Returns the exit status."""
    arguments = _arguments()
    try:
        listener = socket.create_server((arguments.host, arguments.port), backlog=BACKLOG)
    except OSError as exc:
        sys.stderr.write(f"emulator: {arguments.host}:{arguments.port}: {exc.strerror}\n")
        return 1
    settings = Settings(latency=arguments.latency, pending=arguments.pending)
    server = uvicorn.Server(
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
    if arguments.with_parent:
        threading.Thread(target=_leave_with_parent, args=[server], daemon=True).start()
    host, port = listener.getsockname()[:2]
    print(json.dumps({"url": f"http://{host}:{port}", "pid": os.getpid()}), flush=True)  # noqa: T201  # for the parent
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local_runtime.emulator", description="The emulated tax service.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--latency", type=float, default=0, help="seconds before each answer")
    parser.add_argument("--pending", type=int, default=0, help="polls before each result")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser.parse_args()


def _leave_with_parent(server: uvicorn.Server) -> None:
    while sys.stdin.buffer.read(1024):
        pass
    server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
