"""A private RabbitMQ node: own name, ports, folder, cookie and port mapper; it can be stopped, killed, paused, started.

A node that the system runs is never touched.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers.process import Server, ServerFailed, free_port, listens, start, wait_for
from tests.servers.programs import EPMD, ERL_CALL, RABBITMQ

USER = "inn"
PASSWORD = "inn-test-password"  # of a node that nobody else reaches
START_SEC = 120.0  # on a busy machine; a few seconds otherwise

REGISTER_SEC = 2.0  # RabbitMQ 3.10 saves its register of quorum queues 0.5 s after a change, if it has the time

_CONFIG = f"""\
loopback_users = none
default_user = {USER}
default_pass = {PASSWORD}
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 33554432
log.file.level = warning
"""


class Node:
    """One node, started by `start` and kept in its folder: what was durable is there after `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._running = ExitStack()
        self.server: Server | None = None
        (folder / "rabbitmq.conf").write_text(_CONFIG)
        (folder / "plugins").write_text("[].\n")

    @property
    def uri(self) -> str:
        """Where clients connect, password included."""
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/%2F"

    def start(self) -> None:
        """Start it and wait until it has started. A node that runs is left as it is."""
        if self.server is not None:
            return
        environment, program = self._environment(), RABBITMQ.path()
        # The program's own, where another than the machine's is named.
        beside = program.with_name("epmd")
        epmd = str(beside if beside.exists() else EPMD.path())
        mapping = [epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1"]
        mapper = start(mapping, log=self.folder / "epmd.log", env=environment)
        self._running.callback(mapper.kill)
        # A node that finds none would start one that outlives it.
        wait_for(lambda: listens(self._epmd_port), within=START_SEC, what="epmd listens", server=mapper)
        self.server = start([program], log=self.folder / "node.log", env=environment, cwd=self.folder)
        self._running.callback(self.server.kill)
        wait_for(lambda: listens(self.port), within=START_SEC, what="RabbitMQ takes connections", server=self.server)
        # It listens before its last steps are done.
        self.evaluate(f"rabbit:await_startup(node(), false, {START_SEC * 1000:.0f})")

    def registered(self, since: float) -> None:
        """Wait until queues declared by then (seconds since the epoch) are sure to outlive a kill."""
        wait_for(lambda: time.time() > since + REGISTER_SEC, within=START_SEC, what="the register of queues is saved")

    def kill(self) -> None:
        """End it as a power cut would. Wait for `registered` before, or queues that were just declared are gone."""
        self._running.close()
        self.server = None

    def control(self, *arguments: str) -> str:
        """Call `rabbitmqctl` for this node; returns what it prints. Raises ServerFailed."""
        return self._call(RABBITMQ.path().with_name("rabbitmqctl"), *arguments)

    def evaluate(self, expression: str) -> None:
        """Evaluate an Erlang expression in the node, in a hundredth of the time of `control`. Raises ServerFailed."""
        # By default all calls have one name, which is refused while the connection of another one is open.
        own, cookie = f"caller-{time.time_ns()}", (self.folder / ".erlang.cookie").read_text()
        answer = self._call(ERL_CALL.path(), "-h", own, "-c", cookie, "-e", stdin=f"{expression}.\n")
        if not answer.startswith("{ok, "):
            raise ServerFailed(f"{expression}: {answer}")

    def limit(self, queues: str, **limits: int) -> None:
        """Set a policy for the queues whose names this pattern matches, as `max_length=1`; without limits, clear it."""
        name = f'<<"/">>, <<"{queues}">>'
        definition = ", ".join(f'{{<<"{limit.replace("_", "-")}">>, {value}}}' for limit, value in limits.items())
        settings = f'<<"{queues}">>, [{definition}], 0, <<"queues">>, <<"test">>'
        self.evaluate(
            f"ok = rabbit_policy:set({name}, {settings})" if limits else f'rabbit_policy:delete({name}, <<"test">>)'
        )

    @contextmanager
    def user(self, configure: str, write: str, read: str) -> Iterator[str]:
        """The address for a user who has these rights alone."""
        rights = ", ".join(f"<<{json.dumps(pattern)}>>" for pattern in (configure, write, read))
        users = "rabbit_auth_backend_internal"
        self.evaluate(
            f'ok = {users}:add_user(<<"limited">>, <<"limited-password">>, <<"test">>), '
            f'ok = {users}:set_permissions(<<"limited">>, <<"/">>, {rights}, <<"test">>)'
        )
        try:
            yield self.uri.replace(f"{USER}:{PASSWORD}", "limited:limited-password")
        finally:
            self.evaluate(f'ok = {users}:delete_user(<<"limited">>, <<"test">>)')

    def _call(self, program: Path, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [program, "-n", f"inn-{self.port}@localhost", *arguments],
            env={**os.environ, **self._environment()},
            input=stdin,
            check=False,
            capture_output=True,
            errors="replace",
        )
        if done.returncode:
            raise ServerFailed(f"{program.name} {arguments[0]}: {done.stderr}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_NODENAME": f"inn-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # On a busy machine a handshake takes longer than the usual seven seconds.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} net_setuptime 120",
        }
