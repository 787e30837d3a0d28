"""Drives podman with images, containers and settings of its own: nothing of the machine's is touched."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETTINGS = """
[containers]
netns = "host"
default_ulimits = ["nofile=1024:20000", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
"""


class PodmanFailed(Exception):
    """A command of podman failed; the text is what it said."""


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
        """What one command wrote to its output. Raises PodmanFailed."""
        done = self.run(*arguments)
        if done.returncode:
            raise PodmanFailed(done.stderr[-4000:] or done.stdout[-4000:])
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

    def has(self, image: str) -> bool:
        """Whether an image of this name is here."""
        return self.run("image", "exists", image).returncode == 0

    def build(self, tag: str, context: Path, *options: str) -> None:
        """Build an image from what is here already."""
        self("build", "--pull=never", "--isolation", "chroot", "--format", "docker", *options, "-t", tag, context)

    def size(self, image: str) -> int:
        """Its size on disk, in bytes."""
        return int(self("image", "inspect", "--format", "{{.Size}}", image))

    @contextmanager
    def container(self, image: str, options: Sequence[str], arguments: Sequence[str]) -> Iterator["Container"]:
        """One container, gone at the end."""
        container = Container(self, self("run", "--detach", *options, image, *arguments))
        try:
            yield container
        finally:
            self("rm", "--force", "--time", "0", container.id)


@dataclass(frozen=True)
class Container:
    """One running container."""

    podman: Podman
    id: str

    def log(self) -> str:
        """What it has written so far, to both streams."""
        done = self.podman.run("logs", self.id)
        return done.stdout + done.stderr

    def inspect(self) -> dict[str, Any]:
        """What podman knows of it."""
        found: list[dict[str, Any]] = json.loads(self.podman("container", "inspect", self.id))
        return found[0]

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run one command inside it, with its environment."""
        return self.podman.run("exec", self.id, *command)

    def python(self, code: str) -> "subprocess.CompletedProcess[str]":
        """Run this code inside it."""
        return self.run("python", "-c", code)

    def stop(self, grace: int) -> tuple[int, float]:
        """SIGTERM, and SIGKILL after the grace. Returns the exit status and the seconds it took."""
        begun = time.monotonic()
        self.podman("stop", "--time", str(grace), self.id)
        return int(self.inspect()["State"]["ExitCode"]), time.monotonic() - begun


def variables(environment: Mapping[str, str]) -> list[str]:
    """Options that give a container these variables."""
    return [option for name, value in environment.items() for option in ("--env", f"{name}={value}")]
