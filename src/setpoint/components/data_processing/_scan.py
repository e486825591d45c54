"""How a file is written, and the file as a frame of raw columns.

Decides delimiter, decimal sign and which columns are numbers from the head of the file; reads lazily, knows no roles
and cleans nothing. Invariant: each frame has the column `FILE` with the file's name beside the raw columns.
"""

from __future__ import annotations

import csv
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._names import FILE
from setpoint.components.data_processing._recipe import STATUS_WORDS, SourceSpec

SUFFIXES = {".csv": "csv", ".tsv": "csv", ".txt": "text", ".dat": "text", ".parquet": "parquet", ".pq": "parquet"}
_DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One thing to read: a local file, or a table that a plant made. `name` is what splits and runs see.

    `address` is where it was found. `rows`: only so many records from that one on (counted from 0); `span`: only the
    lines of a CSV file from one byte to another; None for all.
    """

    name: str
    address: str = ""
    path: Path | None = None
    table: pl.LazyFrame | None = None
    rows: tuple[int, int] | None = None
    span: tuple[int, int] | None = None


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
            frame = _scan_csv(path, spec, texts, as_text, origin.span)
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


def _format(path: Path) -> str:
    kind = SUFFIXES.get(path.suffix.lower(), "text")
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


def header_bytes(origin: Origin, spec: SourceSpec) -> bytes | None:
    """The first line of a CSV file whose lines can be read apart from each other; None of any other file."""
    if origin.path is None or spec.encoding != "utf-8":
        return None
    if (spec.format if spec.format != "auto" else _format(origin.path)) != "csv":
        return None
    if spec.names:
        return b""
    with origin.path.open("rb") as file:
        line = file.readline(_HEAD_BYTES)
    return line if line.endswith(b"\n") and line.strip() and b'"' not in line else None


def _scan_csv(
    path: Path, spec: SourceSpec, texts: Sequence[str], as_text: bool, span: tuple[int, int] | None
) -> pl.LazyFrame:
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
    source: Path | bytes = path if spec.encoding == "utf-8" else _transcoded(path, spec)
    if span is not None:
        with path.open("rb") as file:
            line = file.readline() if has_header else b""
            file.seek(span[0])
            source = line + file.read(span[1] - span[0])
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
