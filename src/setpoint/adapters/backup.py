"""A state directory as one file, and back.

The file is a plain tar: `manifest.json` first, which names every file with its size and SHA-256, then the files. With
the manifest in front nothing is written that was not announced, and nothing is compressed, so that no small file makes
a large one. Databases are copied at one instant, and before everything that they name; what is copied after them may
be newer, never older.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import msgspec

from setpoint.adapters.sqlite.backup import FILE_NAME, copy_database, latest_schema, schema_of
from setpoint.apis.errors import InvalidSpec, Unavailable

MANIFEST = "manifest.json"
FORMAT = 1
STORE = f"store/{FILE_NAME}"
REGISTRY = "mlflow/mlflow.db"
_DATABASES = (STORE, REGISTRY)
_KEPT = (
    "setpoint.toml",
    "store",
    "mlflow",
    "artifacts",
    "access",
    "labels",
    "predictions",
    "claims",
    "pods",
    "kubelet/live",
    "kubelet/owners",
)
_LEFT = frozenset({"store/lease", "artifacts/.staging", "mlflow/mlflow.lock"})
_SIDE_FILES = ("-wal", "-shm", "-journal")
_CHUNK_BYTES = 1 << 20
_ATTEMPTS = 3


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: where it lies below the state directory, and what it holds."""

    path: str
    size: int
    sha256: str
    mode: int = 0o600


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a backup holds. `home`: the state directory it was made of; `schema`: of its store."""

    format: int
    setpoint: str
    created: str
    home: str
    schema: int
    files: tuple[Member, ...]

    @property
    def total_bytes(self) -> int:
        """Size of all files."""
        return sum(item.size for item in self.files)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to copy: its name in the backup and where its bytes are."""

    name: str
    path: Path


class _Changed(Exception):
    """A file became another between two looks at it."""


def back_up(home: Path, target: Path, *, version: str, created: str, artifacts: bool = True) -> Manifest:
    """Write a backup, for its owner's eyes alone; whole or not at all.

    Args:
        home: State directory; a control plane may be at work in it.
        target: The file; there must be none yet.
        version: Of Setpoint.
        created: The moment, RFC 3339.
        artifacts: Whether artifacts of workflows are copied too.

    Raises:
        InvalidSpec: The directory holds no store, or the file is there already, or lies in the directory.
        Unavailable: Something cannot be read or written, or changed all the time.
    """
    if not (home / STORE).is_file():
        raise InvalidSpec(f"{home} holds no store: nothing was ever kept there")
    if target.exists():
        raise InvalidSpec(f"{target} is there already: name another file, or remove it")
    if target.absolute().is_relative_to(home.absolute()):
        raise InvalidSpec(f"{target} lies in the state directory itself: name a file elsewhere")
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        for attempt in range(_ATTEMPTS):
            try:
                return _write(home, draft, target, version=version, created=created, artifacts=artifacts)
            except _Changed as error:
                if attempt + 1 == _ATTEMPTS:
                    raise Unavailable(f"{error} changed while it was copied: try again when less goes on") from error
    except OSError as error:
        raise Unavailable(f"the backup {target} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    raise AssertionError("unreachable")


def _write(home: Path, draft: Path, target: Path, *, version: str, created: str, artifacts: bool) -> Manifest:
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".setpoint-backup-") as folder:
        sources = list(_sources(home, Path(folder), artifacts=artifacts))
        members = [member for source in sources if (member := _described(source)) is not None]
        manifest = Manifest(
            format=FORMAT,
            setpoint=version,
            created=created,
            home=str(home.absolute()),
            schema=schema_of(Path(folder) / "0"),
            files=tuple(members),
        )
        by_name = {source.name: source.path for source in sources}
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            text = msgspec.json.encode(manifest)
            tar.addfile(_header(MANIFEST, len(text), 0o600), io.BytesIO(text))
            for member in members:
                _append(tar, member, by_name[member.path])
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        return manifest


def _sources(home: Path, staged: Path, *, artifacts: bool) -> Iterator[_Source]:
    """All files to copy: our databases, copied to `staged`, first; the store is the first of them, named 0."""
    databases = [name for name in _DATABASES if (home / name).is_file()]
    for number, name in enumerate(databases):
        copy = staged / str(number)
        copy_database(home / name, copy)
        yield _Source(name, copy)
    passed = {f"{name}{end}" for name in databases for end in ("", *_SIDE_FILES)}
    for name, path in _walk(home, artifacts=artifacts):
        if name not in passed:
            yield _Source(name, path)


def _walk(home: Path, *, artifacts: bool) -> Iterator[tuple[str, Path]]:
    """Regular files of what is kept, sorted; links, sockets and devices are none."""
    for top in _KEPT:
        if top == "artifacts" and not artifacts:
            continue
        start = home / top
        if start.is_file() and not start.is_symlink():
            yield top, start
        for folder, folders, files in os.walk(start, followlinks=False):
            here = Path(folder).relative_to(home).as_posix()
            folders[:] = sorted(name for name in folders if f"{here}/{name}" not in _LEFT)
            for name in sorted(files):
                path = Path(folder) / name
                if f"{here}/{name}" not in _LEFT and not path.is_symlink() and path.is_file():
                    yield f"{here}/{name}", path


def _described(source: _Source) -> Member | None:
    """The file as it is now; None if it has gone."""
    try:
        with source.path.open("rb") as file:
            found = os.fstat(file.fileno())
            digest, size = hashlib.sha256(), 0
            for chunk in _chunks(file, found.st_size):
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        return None
    mode = stat.S_IMODE(found.st_mode) & 0o700
    return Member(path=source.name, size=size, sha256=digest.hexdigest(), mode=mode)


def _append(tar: tarfile.TarFile, member: Member, path: Path) -> None:
    """Add the first bytes of the file, as many as were described. Raises: _Changed."""
    try:
        with path.open("rb") as file:
            digest = _Hashing(file)
            tar.addfile(_header(member.path, member.size, member.mode), digest)  # type: ignore[arg-type]
    except OSError as error:  # gone, or shorter than it was
        raise _Changed(member.path) from error
    if digest.hexdigest() != member.sha256:
        raise _Changed(member.path)


class _Hashing:
    """Reads a file and hashes what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self.hexdigest = self._digest.hexdigest

    def read(self, size: int) -> bytes:
        """As a file."""
        chunk = self._file.read(size)
        self._digest.update(chunk)
        return chunk


def _header(name: str, size: int, mode: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, mode
    return header


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := file.read(min(size, _CHUNK_BYTES))):
        size -= len(chunk)
        yield chunk


def check_manifest(manifest: Manifest) -> None:
    """Nothing if it may be restored here. Raises: InvalidSpec: A newer version made it, or a name leads elsewhere."""
    if manifest.format > FORMAT or manifest.schema > latest_schema():
        raise InvalidSpec(
            f"the backup was made by a newer version of Setpoint ({manifest.setpoint}, schema {manifest.schema}; this "
            f"one knows {latest_schema()}): use that version"
        )
    names = [item.path for item in manifest.files]
    if STORE not in names or len(set(names)) != len(names):
        raise InvalidSpec("the backup is damaged: its manifest names no store, or a file twice")
    for item in manifest.files:
        path = PurePosixPath(item.path)
        plain = item.path == path.as_posix() and not path.is_absolute() and ".." not in path.parts
        kept = any(item.path == top or item.path.startswith(f"{top}/") for top in _KEPT)
        if not plain or not kept or "\0" in item.path or item.size < 0 or not 0 <= item.mode <= 0o777:
            raise InvalidSpec(f"the backup is damaged: {item.path!r} is no file of a state directory")


def free_bytes(folder: Path) -> int:
    """What may still be written to the disk of a directory."""
    return shutil.disk_usage(folder).free
