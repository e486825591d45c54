"""`ports.artifacts.ArtifactReader`: an artifact's one file, unpacked as for a pod, read into memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from setpoint.adapters.pods.transfer import load_artifact
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.pods import ArtifactInput
from setpoint.ports.artifacts import ArtifactStore

MOST_BYTES = 8 * 1024 * 1024


class StoredArtifactReader:
    """Reads from the store that `store` makes."""

    def __init__(self, store: Callable[[], ArtifactStore]) -> None:
        self._store = store

    def read(self, artifact: ArtifactInput) -> bytes:
        """The content. Raises: NotFound; InvalidSpec if it is a directory or larger than `MOST_BYTES`; Unavailable."""
        with TemporaryDirectory() as folder:
            target = Path(folder) / "content"
            load_artifact(artifact, self._store, target)
            if not target.is_file():
                raise InvalidSpec(f"artifact {artifact.name!r} is a directory, and one file is needed")
            if target.stat().st_size > MOST_BYTES:
                raise InvalidSpec(f"artifact {artifact.name!r} is larger than {MOST_BYTES} bytes")
            return target.read_bytes()
