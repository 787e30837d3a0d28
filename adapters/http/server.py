"""Serves an ASGI application until it is stopped, then waits for requests in progress, and returns."""

import asyncio
import errno
import socket
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.loops.auto import auto_loop_factory

from adapters.http.bounded_protocol import BoundedProtocol

BACKLOG = 2048
T = TypeVar("T")


class ListenError(Exception):
    """The address can't be bound: in use, missing rights, invalid. The text says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, opened first, so that a port in use ends the start early. Port 0: any. Raises ListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    dual = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        # From here on clients wait in the backlog until the server runs.
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=dual)
    except OSError as exc:
        cause = str(exc.strerror).partition(" (while")[0]
        why = f"can't listen on {host}, port {port}: {cause}; set HTTP_HOST and HTTP_PORT"
        if exc.errno == errno.EADDRINUSE:
            why = f"port {port} on {host} is in use: end what listens there, or set HTTP_PORT to another"
        elif exc.errno == errno.EACCES:
            why = f"port {port} needs more rights: set HTTP_PORT to one above 1023"
        raise ListenError(why) from None
    # Not inherited from uvicorn's own sockets: without it a small reply waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a process's main coroutine on the platform's fastest event loop."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(main)


class Server(uvicorn.Server):
    """One application on one listener, until `stop()`; requests in progress then have `grace` seconds."""

    def __init__(self, app: ASGIApp, listener: socket.socket, grace: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                lifespan="off",
                ws="none",
                interface="asgi3",  # uvicorn would take a bound method for ASGI 2
                proxy_headers=False,  # the client's address is not used
                access_log=False,
                log_config=None,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=max(1, round(grace)),
            )
        )
        self._listener = listener

    def serve(self, sockets: list[socket.socket] | None = None) -> Coroutine[Any, Any, None]:
        """Answer until `stop`."""
        return super().serve(sockets or [self._listener])

    def stop(self) -> None:
        """End. Thread-safe."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the process. uvicorn would raise them again at its end, which changes the exit status."""
        yield
