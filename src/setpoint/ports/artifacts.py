"""The artifact store: objects by key, as an S3 bucket would hold them; a key may be a directory's prefix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from setpoint.apis.pods import ArtifactInput, ArtifactPlace


class ArtifactStore(Protocol):
    """Keys are relative, `/`-separated, without `..`; anything else is Forbidden. Synchronous: supervisors use it."""

    def save(self, source: Path, key: str) -> None:
        """Store a file, or a directory as a tree below the key; atomic per key, replaces what was there."""
        ...

    def load(self, key: str, target: Path) -> None:
        """Copy the object (file or tree) to `target`; NotFound if there is none. Never a link to the stored bytes."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object or tree at the key."""
        ...

    def keys(self, prefix: str) -> tuple[str, ...]:
        """The objects below a prefix, as a directory, in the order of their keys; "" means all.

        NotFound if there is neither an object nor a tree at the prefix.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object or tree; nothing if there is none."""
        ...


class ArtifactReader(Protocol):
    """Reads small artifacts, wherever an input artifact may lie. Synchronous, as the store is."""

    def read(self, artifact: ArtifactInput) -> bytes:
        """The content of the artifact's one file.

        Raises: NotFound; InvalidSpec if it is a directory, or too large for a manifest.
        """
        ...


class ArtifactPlaces(Protocol):
    """What lies in stores of its own. Places have the credentials that they name. Synchronous, as the store is."""

    def keys(self, place: ArtifactPlace) -> tuple[str, ...]:
        """The keys of the objects below the place, as a directory, in their order.

        Raises: NotFound: There are none. InvalidSpec: Such a place has no keys. Unavailable: It cannot be reached.
        """
        ...

    def delete(self, place: ArtifactPlace) -> None:
        """Remove the object or tree at the place; nothing if there is none.

        Raises: InvalidSpec: Nothing can be deleted there. Unavailable: It cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """An open file; whoever got it closes it. `file` can be sought in, `size` is in bytes."""

    name: str
    size: int
    file: BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFolder:
    """A directory: the names of what is directly in it, sorted; those of directories end with `/`."""

    names: tuple[str, ...]


class ArtifactFiles(Protocol):
    """Artifacts for people who look at them. Synchronous, as the store is; times and sizes are bounded.

    Raises: NotFound; Forbidden for names and links that leave the artifact; InvalidSpec for an archive that is too
    large or cannot be read; Unavailable.
    """

    def stored(self, artifact: ArtifactInput) -> ArtifactFile | ArtifactFolder:
        """What is stored, archives as they are; the name is that of its object."""
        ...

    def shown(self, artifact: ArtifactInput, member: str = "") -> ArtifactFile | ArtifactFolder:
        """What the artifact holds, or its member of that path: archives are looked into.

        An archive with a single entry is that entry, as where a pod loads it.
        """
        ...

    def keep(self, key: str, source: Path) -> None:
        """Store a file."""
        ...
