"""Where data comes from: files, directories, patterns, a plant, an address; and how each file is written.

Decides which files are meant and opens them lazily with raw columns; knows no roles and cleans nothing. Invariant:
files come in sorted order, and each frame has the column `FILE` with the file's name beside the raw columns.
"""

from __future__ import annotations

import csv
import fnmatch
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import polars as pl

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components.data_processing._names import FILE
from setpoint.components.data_processing._plants import simulated
from setpoint.components.data_processing._recipe import STATUS_WORDS, SourceSpec
from setpoint.components.data_processing._s3 import fetch
from setpoint.ports.tables import TableCache

_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".txt": "text", ".dat": "text", ".parquet": "parquet", ".pq": "parquet"}
_DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One thing to read: a local file, or a table that a plant made. `name` is what splits and runs see.

    `rows`: only so many records from that one on (counted from 0); None for all.
    """

    name: str
    path: Path | None = None
    table: pl.LazyFrame | None = None
    rows: tuple[int, int] | None = None

    @property
    def frame(self) -> pl.LazyFrame:
        """The table that a plant made."""
        return pl.LazyFrame() if self.table is None else self.table


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
def open_sources(source: str, *, max_download_bytes: int, cache: TableCache | None = None) -> Iterator[list[Origin]]:
    """All files that are meant, downloads in a directory that lasts as long as the context.

    Raises:
        InvalidSpec: Nothing there, an empty file, a kind of file that is not known.
        Unavailable: An address does not answer.
    """
    with ExitStack() as stack:
        downloads = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="setpoint-")))
        addresses: dict[Path, str] = {}
        stack.enter_context(_named_by_address(addresses))
        origins: list[Origin] = []
        for number, item in enumerate(split_sources(source)):
            scheme = urlsplit(item).scheme.lower() if "://" in item else ""
            folder = downloads / str(number)
            if scheme == "plant":
                origins += [Origin(name=name, table=table.lazy()) for name, table in simulated(item, cache)]
                continue
            if scheme in ("http", "https"):
                folder.mkdir()
                found = {item: _download(item, folder, max_download_bytes)}
            elif scheme == "s3":
                folder.mkdir()
                found = fetch(item, folder, limit=max_download_bytes, suffixes=_SUFFIXES)
            elif scheme:
                raise InvalidSpec(
                    f"unknown kind of address {scheme}://", path="source", allowed=("https", "s3", "plant")
                )
            else:
                found = {str(path): path for path in _files(item)}
            addresses |= {path: name for name, path in found.items()}
            origins += [Origin(name=path.name, path=path) for path in found.values()]
        for origin in origins:
            if origin.path is not None and origin.path.stat().st_size == 0:
                raise InvalidSpec("file is empty", path=str(origin.path))
        yield origins


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


def scan(origin: Origin, spec: SourceSpec, *, texts: Sequence[str] = (), as_text: bool = False) -> pl.LazyFrame:
    """Open one origin.

    Args:
        origin: What to read.
        spec: How it is written; `auto` is detected from the head of the file.
        texts: Columns to leave as they are written (keys, labels, times), by their names in the file.
        as_text: Leave every column of a text file as it is written. Without it, columns whose head is all numbers
            are read as numbers, and collecting raises polars' ComputeError if a text follows further down.

    Raises:
        InvalidSpec: The file is not what it is said to be: wrong delimiter, no Parquet, no header.
    """
    if origin.table is not None:
        frame = origin.table
    else:
        path = origin.path or Path(origin.name)
        form = spec.format if spec.format != "auto" else _format(path)
        if form == "parquet":
            frame = _scan_parquet(path)
        elif form == "table":
            frame = _scan_table(path, spec)
        else:
            frame = _scan_csv(path, spec, texts, as_text)
    if origin.rows is not None:
        frame = frame.slice(*origin.rows)
    return frame.rename(spec.rename, strict=False).with_columns(pl.lit(origin.name).alias(FILE))


def decimal_of(origin: Origin, spec: SourceSpec) -> str:
    """The decimal sign: as declared, else a comma if the file's head has numbers written with one."""
    if origin.path is None:
        return "."
    if spec.decimal != "auto":
        return spec.decimal
    if _format(origin.path) == "parquet" or spec.format == "parquet":
        return "."
    lines = _head(origin.path, spec)
    delimiter = _delimiter(origin.path, spec, lines) if _format(origin.path) == "csv" else "\t"
    cells = [cell.strip() for row in csv.reader(lines[1:200], delimiter=delimiter or "\t") for cell in row]
    comma = sum(cell.replace(",", "", 1).lstrip("-").isdigit() and "," in cell for cell in cells)
    point = sum(cell.replace(".", "", 1).lstrip("-").isdigit() and "." in cell for cell in cells)
    return "," if delimiter != "," and comma > point else "."


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
            if file.is_file() and file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
        )
        if not found:
            raise InvalidSpec(f"directory holds no data file ({', '.join(_SUFFIXES)})", path=item)
        return found
    if any(sign in item for sign in "*?["):
        base = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else item
        found = sorted(file for file in base.glob(pattern) if file.is_file())
        if found:
            return found
        raise InvalidSpec("no file matches", path=item)
    raise InvalidSpec("no such file or directory", path=item)


def _format(path: Path) -> str:
    kind = _SUFFIXES.get(path.suffix.lower(), "text")
    if kind != "text":
        return kind
    with path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    if start[:4] == b"PAR1":
        return "parquet"
    first = start.decode("utf-8", "replace").splitlines()[:1]
    return "csv" if first and any(sign in first[0] for sign in _DELIMITERS) else "table"


def _head(path: Path, spec: SourceSpec) -> list[str]:
    with path.open("rb") as file:
        raw = file.read(_HEAD_BYTES)
    if b"\0" in raw:
        raise InvalidSpec("is not a text file", path=str(path))
    cut = raw if len(raw) < _HEAD_BYTES else raw[: raw.rfind(b"\n") + 1]
    try:
        text = cut.decode("utf-8-sig" if spec.encoding == "utf-8" else spec.encoding)
    except UnicodeDecodeError as error:
        raise InvalidSpec(f"is not UTF-8 (byte {error.start}); declare `encoding: latin-1`", path=str(path)) from None
    return [line for line in text.splitlines() if line.strip()]


def _delimiter(path: Path, spec: SourceSpec, lines: Sequence[str]) -> str:
    """The declared delimiter if it cuts the file, else the sign that cuts all lines into the most equal pieces."""
    widths = {sign: [len(row) for row in csv.reader(lines[:50], delimiter=sign)] for sign in _DELIMITERS}
    even = {sign: found[0] for sign, found in widths.items() if found and min(found) == max(found) > 1}
    best = max(even, key=lambda sign: even[sign], default="")
    if spec.delimiter == "auto":
        return best or ","
    declared = {"tab": "\t", "space": " "}.get(spec.delimiter, spec.delimiter)
    if len(declared) != 1:
        raise InvalidSpec(f"delimiter {spec.delimiter!r} is not one sign", path="sources.delimiter")
    if best and declared != best and lines and len(lines[0].split(declared)) == 1:
        raise InvalidSpec(
            f"delimiter {declared!r} gives a single column; the file looks separated by {best!r}", path=str(path)
        )
    return declared


def _scan_csv(path: Path, spec: SourceSpec, texts: Sequence[str], as_text: bool) -> pl.LazyFrame:
    lines = _head(path, spec)
    if not lines:
        raise InvalidSpec("file holds no line", path=str(path))
    delimiter = _delimiter(path, spec, lines)
    header = next(csv.reader(lines[:1], delimiter=delimiter))
    has_header = not spec.names
    names = [name.strip() for name in (header if has_header else spec.names)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidSpec(f"column {twice!r} is there twice", path=str(path))
    if has_header and len(lines) == 1:
        raise InvalidSpec("file has a header and no rows", path=str(path))
    width = next((len(row) for row in csv.reader(lines[1:2], delimiter=delimiter)), len(names))
    if width != len(names):
        raise InvalidSpec(
            f"header has {len(names)} columns and the first row {width}: wrong delimiter ({delimiter!r})?",
            path=str(path),
        )
    decimal = decimal_of(Origin(name=path.name, path=path), spec)
    numeric: set[str] = set()
    if decimal == "." and not as_text:
        numeric = _numeric_columns(lines, delimiter, names, has_header) - set(texts)
    schema = pl.Schema({name: pl.Float64() if name in numeric else pl.String() for name in names})
    source = path if spec.encoding == "utf-8" else _transcoded(path, spec)
    return pl.scan_csv(source, separator=delimiter, has_header=has_header, schema=schema)


def _transcoded(path: Path, spec: SourceSpec) -> bytes:
    return path.read_text(encoding=spec.encoding).encode()


def _numeric_columns(lines: Sequence[str], delimiter: str, names: Sequence[str], has_header: bool) -> set[str]:
    """Columns whose cells in the head of the file are all numbers or empty."""
    numeric = set(names)
    for row in csv.reader(lines[1 if has_header else 0 :], delimiter=delimiter):
        for name, cell in zip(names, row, strict=False):
            if name in numeric and cell and not _is_number(cell):
                numeric.discard(name)
    return numeric


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip().lower() not in STATUS_WORDS


def _scan_table(path: Path, spec: SourceSpec) -> pl.LazyFrame:
    """A table of columns separated by white space; without names a first line of numbers means no header."""
    lines = _head(path, spec)
    first = lines[0].split() if lines else []
    if not first:
        raise InvalidSpec("file holds no line", path=str(path))
    has_header = not spec.names and not all(_is_number(cell) for cell in first)
    names = list(spec.names) or (first if has_header else [f"x{index + 1}" for index in range(len(first))])
    if len(names) != len(first):
        raise InvalidSpec(f"{len(names)} names for {len(first)} columns", path=str(path))
    source = path if spec.encoding == "utf-8" else _transcoded(path, spec)
    whole = pl.scan_csv(
        source, separator="\x01", has_header=False, skip_rows=int(has_header), schema={"line": pl.String()}
    )
    cells = whole.filter(pl.col("line").str.strip_chars() != "").select(
        pl.col("line").str.extract_all(r"\S+").alias("c")
    )
    return cells.select(pl.col("c").list.get(index, null_on_oob=True).alias(name) for index, name in enumerate(names))


def _scan_parquet(path: Path) -> pl.LazyFrame:
    frame = pl.scan_parquet(path)
    try:
        frame.collect_schema()
    except (pl.exceptions.ComputeError, OSError) as error:
        raise InvalidSpec(f"is not a Parquet file: {str(error).splitlines()[0]}", path=str(path)) from None
    return frame


def spec_for(origin: Origin, specs: Sequence[SourceSpec]) -> SourceSpec:
    """The first source declaration whose pattern matches the file's name."""
    for spec in specs:
        if fnmatch.fnmatch(origin.name, spec.match):
            return spec
    raise InvalidSpec(
        "no source of the recipe matches this file", path=origin.name, allowed=tuple(spec.match for spec in specs)
    )
