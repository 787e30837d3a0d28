"""What `make` does where a machine lacks something."""

import subprocess
import sys
from pathlib import Path

from tests.docs.shown import ROOT

_WITHOUT_ENSUREPIP = f"""\
#!/bin/sh
# Python as Debian has it without python3-venv: an environment gets its Python, and then no pip.
[ "$2" = venv ] || exec {sys.executable} "$@"
shift 2
{sys.executable} -m venv --without-pip "$@"
echo "ensurepip is not available" >&2
exit 1
"""


def test_an_environment_without_pip_is_made_again_and_what_to_install_is_said(tmp_path: Path) -> None:
    python, environment = tmp_path / "python3", tmp_path / ".venv"
    python.write_text(_WITHOUT_ENSUREPIP)
    python.chmod(0o700)
    for _ in range(2):
        made = subprocess.run(
            ["make", f"PYTHON={python}", f"VENV={environment}", f"{environment}/.run"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 2
        assert made.stderr.startswith("ensurepip is not available\nNo environment could be made in ")
        assert "apt-get install python3-venv" in made.stderr
        assert (environment / "bin" / "python").exists()
