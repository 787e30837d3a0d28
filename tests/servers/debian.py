"""Programs from Debian's packages, where a test run may install them."""

import os
import shutil
import subprocess


def install(*packages: str) -> None:
    """Install them where apt-get is and we are root, else do nothing. Services they bring are not started."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(
            ["apt-get", "-qq", *arguments], env=environment, check=False, capture_output=True
        )  # names of ours
