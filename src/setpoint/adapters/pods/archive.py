"""Artifacts packed and unpacked: gzipped tar, zip, by content; hostile archives are refused whole.

Invariant: unpacking writes only below its target. Refused: absolute names, `..`, links that lead out, devices, a
member below a link or a file. Links are made after all files, so none can be written through. Nothing of a refused
archive stays.
"""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import IO, cast

from setpoint.apis.errors import Forbidden, InvalidSpec
from setpoint.ports.launcher import Archive

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20
_MOST_HOPS = 40  # as the kernel: a longer chain of links is a circle and leads nowhere
_FASTEST = 1  # data sets are Parquet, compressed already


def is_gzipped_tar(path: Path) -> bool:
    """By content; a file that only begins like gzip is none."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        if file.read(2) != _GZIP_MAGIC:
            return False
    try:
        with tarfile.open(path, "r:gz") as archive:
            archive.next()
    except (tarfile.TarError, EOFError, OSError):
        return False
    return True


def pack(source: Path, target: Path, kind: Archive, *, level: int | None = None, excluded: Iterable[str] = ()) -> None:
    """Write `source` (file or directory) as one archive; its own name is the top entry.

    `excluded` are absolute paths left out, and directories that hold nothing else.
    """
    keep = _filter(frozenset(excluded))
    if kind is Archive.ZIP:
        _pack_zip(source, target, keep)
        return
    compression = _FASTEST if level is None else level
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=compression, fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        _add_tar(archive, source.resolve(), source.name, keep)


def unpack(source: Path, target: Path, kind: Archive) -> None:
    """Unpack to `target`, which must not exist. One top entry becomes the target itself, several a directory.

    Raises: Forbidden for a hostile member; InvalidSpec if it is no such archive.
    """
    stage = target.with_name(f".{target.name}.unpacking")
    stage.mkdir(parents=True)
    try:
        if kind is Archive.ZIP:
            _unpack_zip(source, stage)
        else:
            _unpack_tar(source, stage)
        top = list(stage.iterdir())
        whole = top[0] if len(top) == 1 else stage
        _refuse_links_out(whole)
        whole.rename(target)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidSpec(f"{source.name} is not a readable {kind} archive: {error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _filter(excluded: frozenset[str]) -> Callable[[Path], bool]:
    def keep(path: Path) -> bool:
        text = str(path)
        if text in excluded:
            return False
        leads_there = any(other.startswith(text + "/") for other in excluded)
        return not leads_there or any(keep(child) for child in path.iterdir())

    return keep


def _add_tar(archive: tarfile.TarFile, path: Path, name: str, keep: Callable[[Path], bool]) -> None:
    archive.add(path, name, recursive=False)
    if path.is_dir() and not path.is_symlink():
        for child in sorted(path.iterdir()):
            if keep(child):
                _add_tar(archive, child, f"{name}/{child.name}", keep)


def _pack_zip(source: Path, target: Path, keep: Callable[[Path], bool]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        waiting = [(source, source.name)]
        while waiting:
            path, name = waiting.pop()
            if path.is_dir():
                archive.writestr(zipfile.ZipInfo(name + "/"), b"")
                waiting += [(child, f"{name}/{child.name}") for child in path.iterdir() if keep(child)]
            else:
                archive.write(path, name)


def _unpack_tar(source: Path, stage: Path) -> None:
    links: list[tuple[tarfile.TarInfo, Path]] = []
    with _open_compressed(source) as stream, tarfile.open(fileobj=stream) as archive:
        for member in archive:
            target = _inside(stage, member.name)
            if target == stage:
                continue
            if member.isdir():
                _make_directory(stage, target)
            elif member.isreg():
                content = archive.extractfile(member)
                assert content is not None  # noqa: S101 - tarfile's promise for regular members
                _write(stage, target, content, member.mode)
            elif member.issym() or member.islnk():
                links.append((member, target))
            else:
                raise Forbidden(f"archive member {member.name!r} is a device or pipe")
        while stream.read(_CHUNK):  # to the checksum at the end, or a cut file would pass
            pass
    for member, target in links:
        _make_link(stage, target, member)


def _open_compressed(source: Path) -> IO[bytes]:
    with source.open("rb") as file:
        zipped = file.read(2) == _GZIP_MAGIC
    return cast("IO[bytes]", gzip.open(source)) if zipped else source.open("rb")


def _make_link(stage: Path, target: Path, member: tarfile.TarInfo) -> None:
    _make_directory(stage, target.parent)
    if os.path.lexists(target):
        raise Forbidden(f"archive member {member.name!r} occurs twice")
    if member.islnk():
        origin = _inside(stage, member.linkname)
        _refuse_detour(stage, origin.parent)
        if origin.is_symlink() or not origin.is_file():
            raise Forbidden(f"archive member {member.name!r} is a hard link to no file of the archive")
        shutil.copy2(origin, target)
        return
    if not member.linkname:
        raise Forbidden(f"archive member {member.name!r} is a link to nothing")
    target.symlink_to(member.linkname)


def _refuse_links_out(top: Path) -> None:
    """Refuse a tree with a link that leads above `top` on its way, under whatever name `top` will lie."""
    if top.is_symlink():  # nothing is looked for behind it
        raise Forbidden(_link_out(top))
    for folder, folders, files in os.walk(top):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path.is_symlink() and _leads_out(top, path):
                raise Forbidden(_link_out(path))


def _link_out(path: Path) -> str:
    return f"archive member {path.name!r} is a link out of the archive: {str(path.readlink())!r}"


def _leads_out(top: Path, link: Path) -> bool:
    here = list(link.parent.relative_to(top).parts)
    waiting = [link.name]
    hops = 0
    while waiting and hops <= _MOST_HOPS:
        part = waiting.pop()
        if part == "..":
            if not here:
                return True
            here.pop()
            continue
        path = top.joinpath(*here, part)
        if not path.is_symlink():
            here.append(part)
            continue
        hops += 1
        text = path.readlink()
        if text.is_absolute():
            return True
        waiting += reversed(text.parts)
    return False


def _unpack_zip(source: Path, stage: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            target = _inside(stage, member.filename)
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Forbidden(f"archive member {member.filename!r} is a link or device")
            if member.is_dir():
                _make_directory(stage, target)
            else:
                with archive.open(member) as content:
                    _write(stage, target, content, stat.S_IMODE(mode) or 0o644)


def _inside(stage: Path, name: str) -> Path:
    if name.startswith("/") or "\0" in name or ".." in PurePosixPath(name).parts:
        raise Forbidden(f"archive member {name!r} leads out of the archive")
    return stage / name


def _refuse_detour(stage: Path, directory: Path) -> None:
    for path in (directory, *directory.parents):
        if path == stage:
            return
        if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
            raise Forbidden(f"archive member lies below {path.name!r}, which is no directory")


def _make_directory(stage: Path, path: Path) -> None:
    _refuse_detour(stage, path)
    path.mkdir(parents=True, exist_ok=True)


def _write(stage: Path, path: Path, content: IO[bytes], mode: int) -> None:
    _make_directory(stage, path.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    if path.is_dir():
        raise Forbidden(f"archive member {path.name!r} is a directory and a file")
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
    path.chmod((mode & 0o755) | 0o600)
