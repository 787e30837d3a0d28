"""Drives podman with images, containers and settings of its own: nothing of the machine's is touched."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

SETTINGS = """
[containers]
netns = "host"
default_ulimits = ["nofile=1024:20000", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
"""


@dataclass(frozen=True)
class Podman:
    """Keeps all it has below `home`."""

    home: Path

    def __post_init__(self) -> None:
        """Write the settings."""
        assert shutil.which("podman"), "podman is missing: apt-get install podman buildah runc debootstrap"
        assert os.geteuid() == 0, "the image test needs root"
        self.home.mkdir(parents=True, exist_ok=True)
        runtime = 'runtime = "runc"\n' if shutil.which("runc") else ""
        (self.home / "containers.conf").write_text(SETTINGS + runtime)

    def __call__(self, *arguments: str | Path) -> str:
        """What one command wrote to its output. It must not fail."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr[-4000:] or done.stdout[-4000:]
        return done.stdout.strip()

    def run(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """One command to its end, whatever that is."""
        return subprocess.run(
            ["podman", "--root", self.home / "storage", "--runroot", self.home / "run", *arguments],
            env={**os.environ, "CONTAINERS_CONF": str(self.home / "containers.conf")},
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self, tag: str, context: Path, *options: str) -> None:
        """Build an image from what is here already."""
        self("build", "--pull=never", "--isolation", "chroot", "--format", "docker", *options, "-t", tag, context)

    @contextmanager
    def container(
        self, image: str, options: Sequence[str], arguments: Sequence[str], environment: Mapping[str, str], grace: int
    ) -> Iterator["Container"]:
        """One container whose environment names its HTTP_PORT, gone at the end."""
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        name = self("run", "--detach", *options, *variables, image, *arguments)
        try:
            yield Container(self, name, int(environment["HTTP_PORT"]), grace)
        finally:
            self("rm", "--force", "--time", "0", name)


@dataclass(frozen=True)
class Container:
    """One running container. `grace`: seconds between SIGTERM and SIGKILL."""

    podman: Podman
    id: str
    port: int
    grace: int

    def log(self) -> str:
        """What it has written so far, to both streams."""
        done = self.podman.run("logs", self.id)
        return done.stdout + done.stderr

    def state(self, field: str) -> str:
        """What podman knows of it."""
        return self.podman("container", "inspect", "--format", f"{{{{.State.{field}}}}}", self.id)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run one command inside it, with its environment."""
        return self.podman.run("exec", self.id, *command)

    def answers(self, path: str = "/readyz") -> bool:
        """Whether it answers this with 200. Fails where it has ended."""
        assert self.state("Running") == "true", self.log()
        try:
            return urllib3.request("GET", f"http://127.0.0.1:{self.port}{path}", retries=False, timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def ends_within_its_grace(self) -> None:
        """SIGTERM, and SIGKILL after the grace: it needs less than half of it."""
        begun = time.monotonic()
        self.podman("stop", "--time", str(self.grace), self.id)
        assert self.state("ExitCode") == "0", self.log()
        assert time.monotonic() - begun < self.grace / 2
