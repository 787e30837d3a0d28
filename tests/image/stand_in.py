"""Base images where no registry of images is reached: Debian's own Python, under the real image's name."""

import re
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

from tests.deploy.tools import ROOT
from tests.image.podman import Podman

LABEL = "inn.stand-in"
PYTHON = """
FROM scratch
ADD root.tar /
COPY certificates.pem /etc/ssl/certs/ca-certificates.crt
RUN python3 -m venv /usr/local
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
"""
ADAPTER = "FROM scratch\nCOPY Dockerfile /lambda-adapter\n"  # nothing starts it outside of Lambda


def provide(podman: Podman, dockerfile: str) -> None:
    """Make every base image of this Dockerfile be here."""
    bases = re.findall(r"^(?:FROM |COPY --from=)(\S+:\S+)", dockerfile, re.MULTILINE)
    for base in sorted(set(bases)):
        if podman.run("image", "exists", base).returncode and podman.run("pull", "--quiet", base).returncode:
            with tempfile.TemporaryDirectory(prefix="inn-stand-in-") as folder:
                is_adapter = "lambda-adapter" in base
                (Path(folder) / "Dockerfile").write_text(ADAPTER if is_adapter else PYTHON)
                if not is_adapter:
                    _put_debian_into(Path(folder))
                podman.build(base, Path(folder), "--label", f"{LABEL}=1")


def _put_debian_into(folder: Path) -> None:
    root = folder / "debian" / "root"
    subprocess.run([ROOT / ".ci/debian", "bookworm", root, "python3-venv,ca-certificates"], check=True)
    subprocess.run(["tar", "-C", root, "-cf", folder / "root.tar", "."], check=True)
    shutil.rmtree(root)
    # A network that reads along has a certificate of its own, which this machine knows.
    trusted = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    shutil.copy(trusted, folder / "certificates.pem")
