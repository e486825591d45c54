"""Who is judged and beside whom: versions of the registry, or a model directory, as models.

Decides which version is the candidate and whether the champion can be compared. Invariant: whoever has the files of
both has the same models, with no registry at hand.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.components.model_evaluation.evaluation import Subjects, unfit
from setpoint.components.model_training.dataset import Outline
from setpoint.core.models import load, load_baseline
from setpoint.ports.registry import CHAMPION, ModelRegistry

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """`version` of the candidate; `champion_version` is empty if there is none; `champion` if it is not compared."""

    candidate: Files
    champion: Files
    version: str
    champion_version: str
    notes: tuple[str, ...]

    @property
    def champion_name(self) -> str:
        """What it is called."""
        return f"champion (version {self.champion_version})"

    def models(self) -> Subjects:
        """The models.

        Raises:
            InvalidSpec: A file is missing or is not what this version writes.
        """
        return Subjects(
            candidate=load(self.candidate),
            baseline=load_baseline(self.candidate),
            champion=load(self.champion) if self.champion else None,
        )


def find(registry: ModelRegistry, name: str, version: str, directory: Path | None, data: Outline) -> Judged:
    """Candidate and champion.

    Args:
        registry: Has the versions.
        name: Of the model.
        version: To judge; empty for the newest.
        directory: A model directory in place of a version.
        data: That they will answer on.

    Raises:
        NotFound: No such version.
        Unavailable: The registry cannot be reached.
    """
    with tempfile.TemporaryDirectory() as space:
        candidate, judged = _candidate(registry, name, version, directory, Path(space))
        champion, champion_version, notes = _champion(registry, name, judged, data, Path(space))
    return Judged(
        candidate=candidate, champion=champion, version=judged, champion_version=champion_version, notes=notes
    )


def read_files(directory: Path) -> dict[str, bytes]:
    """The files of a model directory.

    Raises:
        InvalidSpec: It cannot be read.
    """
    try:
        return {item.name: item.read_bytes() for item in sorted(directory.iterdir()) if item.is_file()}
    except OSError as error:
        raise InvalidSpec(f"model directory {directory} cannot be read: {error.strerror or error}") from error


def digest(files: Files) -> str:
    """SHA-256 of a model directory: of every file's name and bytes, in order of the names."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return whole.hexdigest()


def _candidate(
    registry: ModelRegistry, name: str, version: str, directory: Path | None, space: Path
) -> tuple[Files, str]:
    """Files of the model to judge and the version they are."""
    if directory is not None:
        return read_files(directory), version or "unregistered"
    if version:
        found = registry.get(name, version)
    else:
        versions = registry.versions(name)
        if not versions:
            raise NotFound("model version", name)
        found = versions[0]
    return read_files(registry.download(found, space / "candidate")), found.version


def _champion(
    registry: ModelRegistry, name: str, judged: str, data: Outline, space: Path
) -> tuple[Files, str, tuple[str, ...]]:
    """The version in service, unless there is none, it is the judged one, or it cannot answer on these data."""
    try:
        found = registry.get(name, f"@{CHAMPION}")
    except NotFound:
        return {}, "", ()
    if found.version == judged:
        return {}, found.version, (f"Version {judged} is itself the champion.",)
    files = read_files(registry.download(found, space / "champion"))
    reason = unfit(data, load(files))
    if reason:
        return {}, found.version, (f"The champion, version {found.version}, cannot be compared: {reason}.",)
    return files, found.version, ()
