"""The checkers of what is deployed, in an environment of their own (`make test` makes it)."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv-deploy"


def run(program: str, *arguments: str | Path, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a checker of that environment in the project's folder, with `text` on its stdin."""
    path = HOME / "bin" / program
    assert path.exists(), f"{program} is missing: `make {HOME.name}/.ready` installs it"
    return subprocess.run(
        [path, *arguments], input=text, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
    )


def complaints(program: str, *arguments: str | Path, text: str = "") -> str:
    """What a checker has to say: empty when it is content."""
    done = run(program, *arguments, text=text)
    said = (done.stdout + done.stderr).strip()
    return said or f"{program} ended with {done.returncode}" if done.returncode else ""


def _environment() -> dict[str, str]:
    # botocore wants a region; no call is made.
    return {**os.environ, "PATH": f"{HOME / 'bin'}:{os.environ['PATH']}", "AWS_DEFAULT_REGION": "eu-central-1"}
