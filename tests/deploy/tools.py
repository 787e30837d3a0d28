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
    # botocore wants a region; no call is made.
    own = {"PATH": f"{HOME / 'bin'}:{os.environ['PATH']}", "AWS_DEFAULT_REGION": "eu-central-1"}
    return subprocess.run(
        [path, *arguments], input=text, cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )


def complaints(program: str, *arguments: str | Path, text: str = "") -> str:
    """What a checker has to say: empty when it is content."""
    done = run(program, *arguments, text=text)
    said = (done.stdout + done.stderr).strip()
    return said or f"{program} ended with {done.returncode}" if done.returncode else ""
