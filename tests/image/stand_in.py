"""Base images where no registry of images is reached: Debian's own Python, under the real image's name."""

import re
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

from tests.image.podman import Podman

DEBIAN = "bookworm"
LEAVES = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "var/log")
"""Parts of a fresh Debian that a slim image has not."""

PYTHON = f"""
FROM localhost/debian:{DEBIAN}
COPY certificates.pem /etc/ssl/certs/ca-certificates.crt
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv \\
    && rm -rf /var/lib/apt/lists /var/cache/apt && python3 -m venv /usr/local
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
"""
ADAPTER = """
FROM scratch
COPY lambda-adapter /lambda-adapter
"""


def provide(podman: Podman, dockerfile: str) -> list[str]:
    """Make every base image of this Dockerfile be here. Returns the names of those that are stand-ins."""
    bases = {
        "".join(found) for found in re.findall(r"^FROM (\S+:\S+)|^COPY --from=(\S+:\S+)", dockerfile, re.MULTILINE)
    }
    missing = {base for base in bases if not podman.has(base) and podman.run("pull", "--quiet", base).returncode}
    with tempfile.TemporaryDirectory(prefix="inn-stand-in-") as folder:
        for base in sorted(missing):
            _build(podman, base, Path(folder))
    return sorted(base for base in bases if podman.run("image", "inspect", base).stdout.find(_MARK) >= 0)


_MARK = "inn.stand-in"


def _build(podman: Podman, base: str, folder: Path) -> None:
    if "lambda-adapter" in base:
        (folder / "lambda-adapter").write_text("a stand-in: nothing starts it outside of Lambda\n")
        recipe = ADAPTER
    else:
        _debian(podman, folder / "root")
        # A network that reads along has a certificate of its own, which this machine knows.
        trusted = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
        shutil.copy(trusted, folder / "certificates.pem")
        recipe = PYTHON
    (folder / "Dockerfile").write_text(recipe)
    podman.build(base, folder, "--label", f"{_MARK}=1")


def _debian(podman: Podman, root: Path) -> None:
    packages = "--include=python3-minimal,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", packages, DEBIAN, root], check=True, capture_output=True)
    for leaf in LEAVES:
        shutil.rmtree(root / leaf, ignore_errors=True)
        (root / leaf).mkdir()
    archive = root.with_suffix(".tar")
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    shutil.rmtree(root)
    podman("import", archive, f"localhost/debian:{DEBIAN}")
    archive.unlink()
