"""A state directory made of a backup (`adapters.backup`): all of it, looked at byte by byte, or nothing.

Everything is written to a directory beside the wanted one, which becomes it at the end, when every file was there and
was what the manifest says. A backup may come from anybody: names that lead elsewhere, links, devices, files that were
not announced and sizes that do not fit are refused before a byte of them is written.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from setpoint.adapters.backup import MANIFEST, REGISTRY, STORE, Manifest, Member, check_manifest, free_bytes
from setpoint.adapters.sqlite.backup import relocate, schema_of
from setpoint.apis.errors import InvalidSpec, Unavailable

_LARGEST_MANIFEST = 256 << 20
_CHUNK_BYTES = 1 << 20
_SPARE_BYTES = 64 << 20


def restore(source: Path, home: Path) -> Manifest:
    """Make the state directory.

    Args:
        source: The backup.
        home: The directory; there must be none yet, or an empty one.

    Raises:
        InvalidSpec: The directory is not empty, or the file is no backup, is damaged, or of a newer version.
        Unavailable: Something cannot be read or written, or the disk has no room.
    """
    _check_empty(home)
    home = home.absolute()
    draft = home.with_name(f".{home.name}.restore-{secrets.token_hex(4)}")
    try:
        with tarfile.open(source, mode="r:") as tar:  # plain: nothing in it is larger than the file itself
            members = iter(tar)
            manifest = _manifest(tar, members)
            check_manifest(manifest)
            _check_room(manifest, _existing(home.parent))
            draft.mkdir(mode=0o700, parents=True)
            _extract(tar, members, manifest, draft)
        found = schema_of(draft / STORE)
        if found != manifest.schema:
            raise InvalidSpec(f"the backup is damaged: its store has schema {found}, not {manifest.schema}")
        if (draft / REGISTRY).is_file() and manifest.home != str(home):
            relocate(draft / REGISTRY, manifest.home, str(home))
        _check_empty(home)
        draft.replace(home)
    except (tarfile.TarError, EOFError) as error:
        raise InvalidSpec(f"{source} is no backup, or is damaged: {error}") from error
    except FileNotFoundError as error:
        raise InvalidSpec(f"there is no file {error.filename}") from error
    except OSError as error:
        raise Unavailable(f"{source} cannot be restored to {home}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _check_empty(home: Path) -> None:
    if home.is_symlink() or (home.exists() and not home.is_dir()):
        raise InvalidSpec(f"{home} is no directory", path="--home")
    if home.is_dir() and any(home.iterdir()):
        raise InvalidSpec(f"{home} is not empty: restore to a new directory, by --home", path="--home")


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _manifest(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo]) -> Manifest:
    first = next(members, None)
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _LARGEST_MANIFEST:
        raise InvalidSpec("is no backup of a state directory: it does not begin with a manifest")
    file = tar.extractfile(first)
    assert file is not None  # noqa: S101 - it is a regular file
    try:
        return msgspec.json.decode(file.read(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"the backup is damaged: its manifest cannot be read: {error}") from error


def _check_room(manifest: Manifest, folder: Path) -> None:
    wanted, free = manifest.total_bytes, free_bytes(folder)
    if wanted + _SPARE_BYTES > free:
        raise Unavailable(f"the backup holds {wanted >> 20} MiB, and {folder} has room for {free >> 20} MiB")


def _extract(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], manifest: Manifest, folder: Path) -> None:
    left = {item.path: item for item in manifest.files}
    for header in members:
        item = left.pop(header.name, None)
        if item is None:
            raise InvalidSpec(f"the backup is damaged: {header.name!r} is not in its manifest, or there twice")
        if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or header.issparse() or header.size != item.size:
            raise InvalidSpec(f"the backup is damaged: {header.name!r} is not the file that its manifest says")
        file = tar.extractfile(header)
        assert file is not None  # noqa: S101 - it is a regular file
        _write(file, item, folder / item.path)
    if left:
        raise InvalidSpec(f"the backup is damaged: {len(left)} files are missing, such as {next(iter(left))!r}")


def _write(file: IO[bytes], item: Member, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, item.mode | 0o600)
    with os.fdopen(descriptor, "wb") as copy:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            copy.write(chunk)
    if size != item.size or digest.hexdigest() != item.sha256:
        raise InvalidSpec(f"the backup is damaged: {item.path!r} is not what it was")
