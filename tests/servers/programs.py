"""The programs that tests start: from an environment variable, from this machine, or installed before their first use."""

import fcntl
import glob
import os
import shutil
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import ServerFailed


@dataclass(frozen=True)
class Program:
    """One program.

    `places`: names, which are looked for on PATH, and absolute patterns of files, in their order. `what` is to be
    installed for it: `packages` are Debian's, and installed where we are root.
    """

    places: tuple[str, ...]
    what: str
    packages: tuple[str, ...] = ()
    variable: str = ""

    def path(self) -> Path:
        """The program, installed if need be. Raises ServerFailed, saying what to install."""
        if named := os.environ.get(self.variable):
            if not shutil.which(named):
                raise ServerFailed(f"{self.variable} names {named}, which is no program that can be run")
            return Path(named)
        if found := self._found():
            return found
        # One installation at a time: test processes run side by side, and another may have been first.
        with (Path(tempfile.gettempdir()) / "inn-test-installing").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            reason = "" if self._found() else self._install()
        if found := self._found():
            return found
        by_apt = f" (apt-get install {' '.join(self.packages)})" if self.packages else ""
        or_named = f", or name it in {self.variable}" if self.variable else ""
        needed = f"{Path(self.places[0]).name} is needed: install {self.what}{by_apt}"
        raise ServerFailed(f"{needed}, so that it is on PATH{or_named}{reason}")

    def _found(self) -> Path | None:
        for place in self.places:
            for path in sorted(Path("/").glob(place[1:]), reverse=True) if place.startswith("/") else [Path(place)]:
                if path.is_relative_to(_SITE) and not os.access(path, os.X_OK):
                    path.chmod(0o755)  # a wheel does not always keep the permission to run
                if program := shutil.which(path):
                    return Path(program)
        return None

    def _install(self) -> str:
        """Returns why it failed, for the error's text; "" if it did not, or if nothing can be installed here."""
        if not self.packages or os.geteuid() != 0 or not shutil.which("apt-get"):
            return ""
        # Services that packages bring are not started, and what is installed is for everybody.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for step in (["update"], ["install", "-y", "--no-install-recommends", *self.packages]):
            done = subprocess.run(
                ["apt-get", "-qq", *step],
                env=environment,
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                umask=0o022,
            )
            if done.returncode:
                return f" (apt-get failed: {done.stderr.strip().rpartition(chr(10))[2]})"
        return ""


def on_path(*names: str) -> None:
    """Ensure that commands by which tests call programs through a shell are there; each is in a Debian package of its name."""
    for name in names:
        Program((name,), name, (name,)).path()


_SITE = sysconfig.get_path("purelib")
_BROWSER = ("chromium", "chromium-driver")
_ERLANG = ("erlang-base",)

MONGOD = Program(
    # A wheel of requirements/dev.lock has it for Linux on x86_64; it links libcurl4.
    ("mongod", f"{glob.escape(_SITE)}/fiftyone/db/bin/mongod"),
    "MongoDB 6 or newer (or name a running server in INN_TEST_MONGO_URI)",
    variable="INN_TEST_MONGOD",
)
RABBITMQ = Program(
    (
        # Debian's script in /usr/sbin would change to another user first.
        "/usr/lib/rabbitmq/bin/rabbitmq-server",
        "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
        "/opt/rabbitmq/sbin/rabbitmq-server",
        "/opt/homebrew/sbin/rabbitmq-server",
        "/usr/local/sbin/rabbitmq-server",
        "rabbitmq-server",
    ),
    "RabbitMQ 3.10 or newer",
    ("rabbitmq-server",),
    "INN_TEST_RABBITMQ_SERVER",
)
EPMD = Program(("epmd", "/usr/lib/erlang/bin/epmd", "/usr/lib/erlang/erts-*/bin/epmd"), "Erlang", _ERLANG)
ERL_CALL = Program(
    ("erl_call", "/usr/lib/erlang/bin/erl_call", "/*/*/lib/erlang/lib/erl_interface-*/bin/erl_call"), "Erlang", _ERLANG
)
CHROMIUM = Program(("chromium", "chromium-browser", "google-chrome"), "Chromium", _BROWSER, "INN_TEST_CHROMIUM")
CHROMEDRIVER = Program(("chromedriver",), "Chromium's driver", _BROWSER, "INN_TEST_CHROMEDRIVER")
JAVA = Program(("java",), "a JDK of 17 or newer", ("default-jdk-headless",))
PHP = Program(("php",), "PHP with its curl", ("php-cli", "php-curl"))
