"""A directory as artifact store: an object is a file, a key's prefix is a directory.

Invariant: an object is there whole or not at all, also after a power cut; a reader never sees half a write. Keys
cannot leave the directory. Bytes are copied in and out: nobody holds a link to what is stored.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import BinaryIO

from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound, Unavailable

_STAGING = ".staging"
_ATTEMPTS = 5
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

_libc = ctypes.CDLL(None, use_errno=True)


class LocalArtifactStore:
    """`ports.artifacts.ArtifactStore` below one directory.

    Args:
        root: Made if it is not there.
        durable: Whether `save` returns only when the bytes are on disk.
    """

    def __init__(self, root: Path | str, *, durable: bool = True) -> None:
        self._root = Path(root)
        self._durable = durable

    def save(self, source: Path, key: str) -> None:
        """Store a file, or a directory as a tree below the key; atomic per key, replaces what was there.

        Links in a tree are stored as what they point to, as an object store would hold them.
        Raises: Forbidden for a bad key or a link out of the tree; NotFound without source; InvalidSpec if the key
        lies below an object; Unavailable if the disk is full.
        """
        target = self._path(key)
        if not source.exists():
            raise NotFound("Path", str(source))
        staging = self._root / _STAGING
        try:
            staging.mkdir(parents=True, exist_ok=True)
            stage = Path(mkdtemp(dir=staging))
        except OSError as error:
            raise Unavailable(f"the artifact store cannot be written: {error}") from error
        try:
            copy = stage / "new"
            if source.is_dir():
                self._copy_tree(source.resolve(), source, copy, ())
            else:
                self._copy_file(source, copy)
            self._put(copy, target, stage)
        except (NotADirectoryError, FileExistsError) as error:
            raise InvalidSpec(f"artifact key {key!r} lies below a key that is an object") from error
        except OSError as error:
            raise Unavailable(f"artifact {key!r} was not stored: {error.strerror or error}") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def load(self, key: str, target: Path) -> None:
        """Copy the object (file or tree) to `target`; NotFound if there is none. Never a link to the stored bytes."""
        source = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, target)
        except (FileNotFoundError, NotADirectoryError):
            if source.exists():
                raise
            raise NotFound("Artifact", key) from None

    def open(self, key: str) -> BinaryIO | None:
        """The object, open for reading; None for a tree. Raises: NotFound; Forbidden for a bad key."""
        path = self._path(key)
        try:
            return path.open("rb")
        except IsADirectoryError:
            return None
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound("Artifact", key) from None
        except OSError as error:
            raise Unavailable(f"artifact {key!r} cannot be read: {error.strerror or error}") from error

    def names(self, key: str) -> tuple[str, ...]:
        """What is directly in a tree, sorted; names of trees end with `/`. Raises: NotFound; Forbidden."""
        path = self._path(key)
        if not path.is_dir():
            raise NotFound("Artifact", key)
        return tuple(sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in path.iterdir()))

    def exists(self, key: str) -> bool:
        """Whether there is an object or tree at the key."""
        return self._path(key).exists()

    def keys(self, prefix: str) -> tuple[str, ...]:
        """The objects below a prefix, as a directory, in the order of their keys; "" means all.

        Raises: NotFound if there is neither an object nor a tree at the prefix; Forbidden for a bad one.
        """
        top = self._path(prefix) if prefix else self._root
        if not top.exists() and prefix:
            raise NotFound("Artifact", prefix)
        found = (path.relative_to(self._root).as_posix() for path in top.rglob("*") if path.is_file())
        return tuple(sorted(key for key in found if not key.startswith(f"{_STAGING}/")))

    def delete(self, key: str) -> None:
        """Remove the object or tree; nothing if there is none. Prefixes that become empty go with it."""
        path = self._path(key)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
        for parent in path.parents:
            if parent == self._root:
                break
            try:
                parent.rmdir()
            except OSError:
                break

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not key or "\0" in key or any(part in ("", ".", "..") for part in parts) or parts[0] == _STAGING:
            raise Forbidden(f"artifact key {key!r} is not a relative path of plain names")
        return self._root.joinpath(*PurePosixPath(key).parts)

    def _copy_tree(self, top: Path, source: Path, target: Path, above: tuple[Path, ...]) -> None:
        real = source.resolve()
        if not real.is_relative_to(top) or real in above:
            raise Forbidden(f"link {source} leads out of the directory that is to be stored, or in a circle")
        target.mkdir()
        for entry in source.iterdir():
            if entry.is_dir():
                self._copy_tree(top, entry, target / entry.name, (*above, real))
            elif not entry.is_file():
                raise Forbidden(f"{entry} is no file: a device, pipe, socket or a link to nothing")
            elif not entry.resolve().is_relative_to(top):
                raise Forbidden(f"link {entry} leads out of the directory that is to be stored")
            else:
                self._copy_file(entry, target / entry.name)
        self._sync(target)

    def _copy_file(self, source: Path, target: Path) -> None:
        shutil.copyfile(source, target)
        self._sync(target)

    def _put(self, copy: Path, target: Path, stage: Path) -> None:
        for attempt in range(_ATTEMPTS):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                if target.is_dir() or (copy.is_dir() and target.exists()):
                    _exchange(copy, target, stage / "old")  # rename(2) replaces files only
                else:
                    copy.rename(target)
                break
            except FileNotFoundError:  # a delete took the emptied prefix away in between
                if attempt == _ATTEMPTS - 1:
                    raise
        self._sync(target.parent)

    def _sync(self, path: Path) -> None:
        if self._durable:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _exchange(new: Path, target: Path, old: Path) -> None:
    """Swap the two in one step where the file system can (renameat2); else the key is absent for a moment."""
    renameat2 = getattr(_libc, "renameat2", None)
    names = (_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(target), _RENAME_EXCHANGE)
    if renameat2 is None or renameat2(*names) != 0:
        target.rename(old)
        new.rename(target)
