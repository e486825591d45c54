"""Where data comes from: files, directories, patterns, a plant, an address.

Decides which files are meant and fetches what is not here. Invariant: files come in sorted order, and what was fetched
is gone when the context ends.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components.data_processing._plants import simulation
from setpoint.components.data_processing._s3 import fetch
from setpoint.components.data_processing._scan import SUFFIXES, Origin
from setpoint.ports.tables import TableCache


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition reads of a file, or of a simulated table.

    `rows`: (first record, how many), or `span`: (first byte, the one after the last) of lines; None for all. Of a file
    its `size` in bytes, of a table the names of its `runs`.
    """

    name: str
    address: str
    size: int = 0
    rows: tuple[int, int] | None = None
    span: tuple[int, int] | None = None
    runs: tuple[str, ...] | None = None


def split_sources(source: str) -> list[str]:
    """Several sources as a JSON list, one per line, or separated by commas (unless that very path exists)."""
    text = source.strip()
    if not text:
        raise InvalidSpec("names no file, directory or address", path="source")
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except ValueError as error:
            raise InvalidSpec(f"is not a JSON list: {error}", path="source") from None
        if not listed or not all(isinstance(item, str) for item in listed):
            raise InvalidSpec("a JSON list of sources holds texts", path="source")
        return [str(item) for item in listed]
    if "\n" in text:
        return [line.strip() for line in text.splitlines() if line.strip()]
    if "," in text and "://" not in text and not Path(text).exists():
        return [part.strip() for part in text.split(",") if part.strip()]
    return [text]


@contextmanager
def open_sources(
    source: str, *, max_download_bytes: int, cache: TableCache | None = None, outlines: bool = False
) -> Iterator[list[Origin]]:
    """All files that are meant, downloads in a directory that lasts as long as the context.

    Args:
        source: See `split_sources`.
        max_download_bytes: Of each address.
        cache: Where simulated tables are kept.
        outlines: Whether plants simulate nothing: runs and times are there, all else is null.

    Raises:
        InvalidSpec: Nothing there, an empty file, a kind of file that is not known.
        Unavailable: An address does not answer.
    """
    with _downloads() as fetched:
        origins: list[Origin] = []
        for item in split_sources(source):
            if _scheme(item) == "plant":
                found = simulation(item)
                for name in found.parts:
                    table = found.outline(name) if outlines else found.table(name, cache).lazy()
                    origins.append(Origin(name=name, address=item, table=table))
                continue
            files = fetched(item, max_download_bytes)
            origins += [Origin(name=path.name, address=address, path=path) for address, path in files.items()]
        yield origins


@contextmanager
def open_pieces(
    pieces: Sequence[Piece], *, max_download_bytes: int, cache: TableCache | None = None
) -> Iterator[list[Origin]]:
    """Some files, or parts of them, that `open_sources` has found before.

    Raises:
        InvalidSpec: A file that is gone, or not as long as it was.
        Unavailable: An address does not answer.
    """
    with _downloads() as fetched:
        origins: list[Origin] = []
        for piece in pieces:
            if _scheme(piece.address) == "plant":
                table = simulation(piece.address).table(piece.name, cache, piece.runs)
                origins.append(Origin(name=piece.name, address=piece.address, table=table.lazy()))
                continue
            (path,) = fetched(piece.address, max_download_bytes).values()
            size = path.stat().st_size
            if size != piece.size:
                raise InvalidSpec(
                    f"has {size} bytes now and had {piece.size} when the plan was made: plan again", path=piece.address
                )
            origins.append(Origin(name=piece.name, address=piece.address, path=path, rows=piece.rows, span=piece.span))
        yield origins


@contextmanager
def _downloads() -> Iterator[Callable[[str, int], dict[str, Path]]]:
    """Gives what fetches an item: local files by address, in the order of their names."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="setpoint-")))
        addresses: dict[Path, str] = {}
        stack.enter_context(_named_by_address(addresses))
        numbers = itertools.count()

        def fetched(item: str, limit: int) -> dict[str, Path]:
            scheme, place = _scheme(item), folder / str(next(numbers))
            place.mkdir()
            if scheme in ("http", "https"):
                found = {item: _download(item, place, limit)}
            elif scheme == "s3":
                found = fetch(item, place, limit=limit, suffixes=SUFFIXES)
            elif scheme:
                raise InvalidSpec(
                    f"unknown kind of address {scheme}://", path="source", allowed=("https", "s3", "plant")
                )
            else:
                found = {str(path): path for path in _files(item)}
            addresses.update({path: name for name, path in found.items()})
            for path in found.values():
                if path.stat().st_size == 0:
                    raise InvalidSpec("file is empty", path=str(path))
            return found

        yield fetched


def _scheme(item: str) -> str:
    return urlsplit(item).scheme.lower() if "://" in item else ""


@contextmanager
def _named_by_address(addresses: Mapping[Path, str]) -> Iterator[None]:
    """Errors about a downloaded file name where it came from, not the copy that is gone by then."""
    try:
        yield
    except InvalidSpec as error:
        address = addresses.get(Path(error.path)) if error.path else None
        if address is None or address == error.path:
            raise
        raise InvalidSpec(error.reason, path=address, location=error.location, allowed=error.allowed) from None


def _download(address: str, folder: Path, limit: int) -> Path:
    name = Path(urlsplit(address).path).name or "download.csv"
    target = folder / name
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=30.0) as answer, target.open("wb") as file:
            answer.raise_for_status()
            written = 0
            for chunk in answer.iter_bytes():
                written += len(chunk)
                if written > limit:
                    raise InvalidSpec(f"more than the limit of {limit} bytes (size-limit-mb)", path=address)
                file.write(chunk)
    except httpx.HTTPError as error:
        raise Unavailable(f"{address} cannot be read: {error}") from error
    return target


def _files(item: str) -> list[Path]:
    path = Path(item).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.is_file() and file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        )
        if not found:
            raise InvalidSpec(f"directory holds no data file ({', '.join(SUFFIXES)})", path=item)
        return found
    if any(sign in item for sign in "*?["):
        base = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else item
        found = sorted(file for file in base.glob(pattern) if file.is_file())
        if found:
            return found
        raise InvalidSpec("no file matches", path=item)
    raise InvalidSpec("no such file or directory", path=item)
