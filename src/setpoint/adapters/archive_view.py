"""Archives looked into without unpacking them: what is in one, and one file of it. Hostile ones are refused whole.

Invariants: no more than `MOST_BYTES` are ever unpacked of one archive, no more than `MOST_MEMBERS` are looked at, no
header is read that is larger than `MOST_HEADER_BYTES`, whatever the archive says of itself; nothing is written but the
one file that is asked for, to a temporary file without a name.
"""

from __future__ import annotations

import gzip
import io
import posixpath
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound
from setpoint.apis.pods import Archive

MOST_BYTES = 1 << 30
MOST_MEMBERS = 10_000
MOST_HEADER_BYTES = 1 << 20
_CHUNK = 1 << 18
_MOST_HOPS = 40  # as the kernel: a longer chain of links is a circle
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22 + 0xFFFF
_MOST_DIRECTORY_BYTES = 16 << 20  # of a zip; it is read at once


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: `name` is as the archive has it, `link` where a link leads, inside the archive."""

    name: str
    folder: bool
    link: str = ""


class ArchiveView:
    """What is in an archive, by path; a single entry at the top is the whole, as where it is unpacked.

    Args:
        file: The archive; it can be sought in, and is not closed here.
        kind: TAR or ZIP.
        what: Its name, for messages.

    Raises:
        Forbidden: A name or a link in it leads out of it, or it holds a device.
        InvalidSpec: It cannot be read, or is larger than is looked into.
    """

    def __init__(self, file: BinaryIO, kind: Archive, what: str) -> None:
        self._file, self._kind, self._what = file, kind, what
        with self._readable():
            found = dict(self._members())
        for path in list(found):
            for parent in _parents(path):
                if not found.setdefault(parent, Member("", folder=True)).folder:
                    raise Forbidden(f"archive {what!r}: {path!r} lies below a member that is no directory")
        top = {path for path in found if "/" not in path}
        self._members_by_path = found
        self._root = top.pop() if len(top) == 1 else ""

    @property
    def name(self) -> str:
        """The name of the single entry at the top; empty if there are several."""
        return self._root

    def names(self, path: str) -> tuple[str, ...] | None:
        """What is directly in a directory, directories with a `/` behind; None for a file. Raises: NotFound."""
        place = self._place(path)
        if place and not self._members_by_path[place].folder:
            return None
        begin = f"{place}/" if place else ""
        direct = (name for name in self._members_by_path if name.startswith(begin) and "/" not in name[len(begin) :])
        return tuple(sorted(name[len(begin) :] + ("/" if self._is_folder(name) else "") for name in direct))

    def read(self, path: str) -> tuple[str, BinaryIO, int]:
        """Name, content and size of a file. Raises: NotFound; InvalidSpec if it is larger than is unpacked."""
        place = self._place(path)
        target = TemporaryFile()  # noqa: SIM115 - the caller's
        try:
            with self._readable(), self._content(self._members_by_path[place].name) as content:
                size = 0
                while chunk := content.read(_CHUNK):
                    size += len(chunk)
                    if size > MOST_BYTES:
                        raise self._too_large()
                    target.write(chunk)
        except BaseException:
            target.close()
            raise
        target.seek(0)
        return posixpath.basename(path.strip("/")) or self._root, cast("BinaryIO", target), size

    def _is_folder(self, path: str) -> bool:
        try:
            return self._members_by_path[self._resolved(path)].folder
        except NotFound:
            return False

    def _place(self, path: str) -> str:
        parts = [part for part in path.split("/") if part]
        if any(part in (".", "..") for part in parts) or "\0" in path:
            raise Forbidden(f"path {path!r} leads out of the artifact")
        wanted = "/".join(filter(None, (self._root, *parts)))
        return self._resolved(wanted) if wanted else ""

    def _resolved(self, path: str) -> str:
        """The path with links followed, also those on the way."""
        waiting, here, hops = path.split("/")[::-1], "", 0
        while waiting:
            step = posixpath.join(here, waiting.pop())
            member = self._members_by_path.get(step)
            if member is None:
                raise NotFound("File", path)
            if member.link:
                hops += 1
                if hops > _MOST_HOPS:
                    raise NotFound("File", path)
                waiting += member.link.split("/")[::-1]
                here = ""
            else:
                here = step
        return here

    def _members(self) -> Iterator[tuple[str, Member]]:
        members = self._zip_members() if self._kind is Archive.ZIP else self._tar_members()
        for count, (path, member) in enumerate(members, 1):
            if count > MOST_MEMBERS:
                raise InvalidSpec(
                    f"archive {self._what!r} has more than {MOST_MEMBERS} members, which are not listed: download it"
                )
            if path:
                yield path, member

    def _tar_members(self) -> Iterator[tuple[str, Member]]:
        with self._tar() as archive:
            for info in archive:
                path = self._inside(info.name)
                if info.issym() or info.islnk():
                    base = posixpath.dirname(path) if info.issym() else ""
                    yield path, Member(info.name, folder=False, link=self._link(path, base, info.linkname))
                elif info.isdir() or (info.isreg() and not info.issparse()):
                    yield path, Member(info.name, folder=info.isdir())
                else:
                    raise Forbidden(f"archive {self._what!r}: member {info.name!r} is a device, pipe or sparse file")

    def _zip_members(self) -> Iterator[tuple[str, Member]]:
        with self._zip() as archive:
            for info in archive.infolist():
                if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise Forbidden(f"archive {self._what!r}: member {info.filename!r} is a link or device")
                yield self._inside(info.filename), Member(info.filename, folder=info.is_dir())

    def _inside(self, name: str) -> str:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or "\0" in name or "\\" in name or ".." in parts:
            raise Forbidden(f"archive {self._what!r}: member {name!r} leads out of the archive")
        return "/".join(parts)

    def _link(self, path: str, base: str, target: str) -> str:
        found = posixpath.normpath(posixpath.join(base, target))
        if not target or target.startswith("/") or found.startswith("../") or found in ("..", "."):
            raise Forbidden(f"archive {self._what!r}: member {path!r} is a link out of the archive: {target!r}")
        return found

    @contextmanager
    def _content(self, name: str) -> Iterator[IO[bytes]]:
        if self._kind is Archive.ZIP:
            with self._zip() as archive, archive.open(name) as content:
                yield content
            return
        with self._tar() as packed:
            for info in packed:
                if info.name == name and info.isreg():
                    found = packed.extractfile(info)
                    assert found is not None  # noqa: S101 - tarfile's promise for regular members
                    yield found
                    return
        raise NotFound("File", name)

    @contextmanager
    def _tar(self) -> Iterator[tarfile.TarFile]:
        self._file.seek(0)
        zipped = self._file.read(2) == _GZIP_MAGIC
        self._file.seek(0)
        raw = gzip.GzipFile(fileobj=self._file) if zipped else self._file
        with tarfile.open(
            fileobj=cast("IO[bytes]", _Bounded(cast("BinaryIO", raw), self._too_large)), mode="r:"
        ) as found:
            yield found

    @contextmanager
    def _zip(self) -> Iterator[zipfile.ZipFile]:
        """Opened once its directory is known to be of a size that may be read."""
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(max(0, size - _ZIP_END_BYTES))
        tail = self._file.read()
        at = tail.rfind(_ZIP_END)
        if at < 0 or len(tail) - at < struct.calcsize("<4s4H2LH"):
            raise zipfile.BadZipFile("there is no end of its directory")
        count, length = struct.unpack_from("<HL", tail, at + 10)
        if count > MOST_MEMBERS or length > _MOST_DIRECTORY_BYTES:
            raise InvalidSpec(
                f"archive {self._what!r} has more than {MOST_MEMBERS} members, which are not listed: download it"
            )
        self._file.seek(0)
        with zipfile.ZipFile(self._file) as found:
            yield found

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (
            tarfile.TarError,
            zipfile.BadZipFile,
            EOFError,
            gzip.BadGzipFile,
            zlib.error,
            NotImplementedError,
            RuntimeError,
            OverflowError,
            ValueError,
        ) as error:
            raise InvalidSpec(f"archive {self._what!r} cannot be read: {error}") from error

    def _too_large(self) -> InvalidSpec:
        return InvalidSpec(
            f"archive {self._what!r} holds more than {MOST_BYTES >> 20} MiB, which are not unpacked here: download it"
        )


class _Bounded(io.RawIOBase):
    """What a tar reader reads: it goes no further than `MOST_BYTES`, and no single read is larger than a header."""

    def __init__(self, raw: BinaryIO, too_large: Callable[[], InvalidSpec]) -> None:
        self._raw, self._too_large = raw, too_large

    def read(self, size: int = -1, /) -> bytes:
        if size < 0 or size > MOST_HEADER_BYTES:
            raise InvalidSpec(f"a header of the archive is larger than {MOST_HEADER_BYTES} bytes")
        found = self._raw.read(size)
        if self._raw.tell() > MOST_BYTES:
            raise self._too_large()
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_SET and offset > MOST_BYTES:
            raise self._too_large()
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
