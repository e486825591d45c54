"""`ports.artifacts.ArtifactFiles` over the embedded store and places elsewhere."""

from __future__ import annotations

import gzip
import io
import os
import posixpath
import tarfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from setpoint.adapters import places
from setpoint.adapters.archive_view import ArchiveView
from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.apis.errors import Forbidden, NotFound
from setpoint.apis.pods import Archive, ArtifactInput
from setpoint.ports.artifacts import ArtifactFile, ArtifactFolder

_GZIP_MAGIC = b"\x1f\x8b"


class StoredArtifactFiles:
    """Looks into what the store holds."""

    def __init__(self, store: LocalArtifactStore) -> None:
        self._store = store

    def stored(self, artifact: ArtifactInput) -> ArtifactFile | ArtifactFolder:
        """See the port."""
        return self._opened(artifact, "")

    def shown(self, artifact: ArtifactInput, member: str = "") -> ArtifactFile | ArtifactFolder:
        """See the port."""
        member = _checked(member)
        try:
            found = self._opened(artifact, "")
        except NotFound:
            raise NotFound("Artifact", artifact.name) from None
        if isinstance(found, ArtifactFolder):
            return self._opened(artifact, member) if member else found
        kind = _kind(artifact, found.file)
        if kind is Archive.NONE:
            if member:
                found.file.close()
                raise NotFound("File", member)
            return found
        with found.file:
            return _look(ArchiveView(found.file, kind, found.name), member)

    def keep(self, key: str, source: Path) -> None:
        """See the port."""
        self._store.save(source, key)

    def _opened(self, artifact: ArtifactInput, member: str) -> ArtifactFile | ArtifactFolder:
        if artifact.raw is not None:
            content = artifact.raw.encode()
            return ArtifactFile(name=artifact.name, size=len(content), file=io.BytesIO(content))
        if artifact.place is not None:
            return _fetched(artifact, member)
        key = posixpath.join(artifact.key, member) if member else artifact.key
        file = self._store.open(key.rstrip("/"))
        if file is None:
            return ArtifactFolder(names=self._store.names(key.rstrip("/")))
        return _file(posixpath.basename(key), file)


def _fetched(artifact: ArtifactInput, member: str) -> ArtifactFile | ArtifactFolder:
    """What lies elsewhere is fetched whole; the copy has no name any more once it is open."""
    place = artifact.place
    assert place is not None  # noqa: S101 - asked by the caller
    with TemporaryDirectory() as folder:
        top = Path(folder) / "artifact"
        places.fetch(place, top)
        path = top / member if member else top
        if not path.resolve().is_relative_to(top.resolve()):
            raise Forbidden(f"path {member!r} leads out of the artifact")
        if path.is_dir():
            return ArtifactFolder(names=tuple(sorted(f"{e.name}/" if e.is_dir() else e.name for e in path.iterdir())))
        if not path.exists():
            raise NotFound("File", member or artifact.name)
        told = member or place.settings.get("key") or place.settings.get("url", "").partition("?")[0] or artifact.name
        return _file(posixpath.basename(told.rstrip("/")) or artifact.name, path.open("rb"))


def _file(name: str, file: BinaryIO) -> ArtifactFile:
    return ArtifactFile(name=name, size=os.fstat(file.fileno()).st_size, file=file)


def _look(view: ArchiveView, member: str) -> ArtifactFile | ArtifactFolder:
    names = view.names(member)
    if names is not None:
        return ArtifactFolder(names=names)
    name, file, size = view.read(member)
    return ArtifactFile(name=name, size=size, file=file)


def _checked(member: str) -> str:
    parts = [part for part in member.split("/") if part]
    if "\0" in member or any(part in (".", "..") for part in parts):
        raise Forbidden(f"path {member!r} leads out of the artifact")
    return "/".join(parts)


def _kind(artifact: ArtifactInput, file: BinaryIO) -> Archive:
    """How it is packed: as the artifact says; without a word, a gzipped tar is known by its first bytes."""
    if artifact.archive is not None and artifact.archive is not Archive.TAR:
        return artifact.archive
    head = file.read(2)
    file.seek(0)
    if head != _GZIP_MAGIC:
        return Archive.NONE if artifact.archive is None else Archive.TAR
    try:
        with gzip.GzipFile(fileobj=file) as unzipped:
            block = unzipped.read(tarfile.BLOCKSIZE)
        tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
        found = Archive.TAR
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        found = Archive.NONE if artifact.archive is None else Archive.TAR
    file.seek(0)
    return found
