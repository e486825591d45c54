"""The keys of all records, and where in the files they are; a large file is read block by block.

Decides how much is held at a time. Invariant: records come in the order of the files, whatever the blocks; where lines
and records do not match one to one (quoted line breaks) a file is not cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from setpoint.components.data_processing._columns import collect
from setpoint.components.data_processing._names import ORIGIN, PLACE
from setpoint.components.data_processing._recipe import SourceSpec
from setpoint.components.data_processing._scan import Origin, header_bytes

BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file: from which byte to which, and how many records."""

    begin: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class Keys:
    """`frame` has FILE, ORIGIN, PLACE and the wanted columns; `blocks` those of each file that was cut, by ORIGIN."""

    frame: pl.DataFrame
    blocks: dict[int, list[Block]]

    def span(self, origin: Origin, number: int, first: int, count: int) -> tuple[int, int] | None:
        """The bytes that hold some records of a file; None of a file that was not cut."""
        blocks = self.blocks.get(number)
        if blocks is None or origin.path is None:
            return None
        return _offset(origin.path, blocks, first), _offset(origin.path, blocks, first + count)


def read_keys(
    origins: Sequence[Origin], spec: SourceSpec, texts: Sequence[str], *, run: str, block_bytes: int = BLOCK_BYTES
) -> Keys:
    """Read some columns of all records.

    Args:
        origins: What to read.
        spec: How it is written.
        texts: The wanted columns.
        run: The one among them that tells runs apart.
        block_bytes: About how much of the files is held at a time.

    Raises:
        InvalidSpec: See `collect`.
    """
    frames: list[pl.DataFrame] = []
    cut: dict[int, list[Block]] = {}
    for first, batch in _batches(origins, block_bytes):
        size = _size(batch[0])
        header = header_bytes(batch[0], spec) if len(batch) == 1 and size > block_bytes else None
        if header is None:
            frame = collect(batch, spec, texts, run=run, places=True)
            frames.append(frame.with_columns(pl.col(ORIGIN) + first))
            continue
        done, whole = 0, True
        blocks = []
        for begin, end, lines in _line_blocks(batch[0], len(header), block_bytes):
            frame = collect([replace(batch[0], span=(begin, end))], spec, texts, run=run, places=True)
            frames.append(frame.with_columns(pl.col(ORIGIN) + first, pl.col(PLACE) + done))
            blocks.append(Block(begin, end, frame.height))
            done += frame.height
            whole &= lines == frame.height
        if whole:
            cut[first] = blocks
    return Keys(pl.concat(frames, how="vertical_relaxed"), cut)


def _batches(origins: Sequence[Origin], most: int) -> Iterator[tuple[int, list[Origin]]]:
    """(number of the first, files that are read together): small ones in one go, a large one alone."""
    begin, held = 0, 0
    for number, origin in enumerate(origins):
        size = _size(origin)
        if number > begin and held + size > most:
            yield begin, list(origins[begin:number])
            begin, held = number, 0
        held += size
    yield begin, list(origins[begin:])


def _size(origin: Origin) -> int:
    return 0 if origin.path is None else origin.path.stat().st_size


def _line_blocks(origin: Origin, header: int, most: int) -> Iterator[tuple[int, int, int]]:
    """(from, to, lines) of stretches of whole lines; what follows a quotation mark is one stretch to the end.

    A quoted cell may hold a line break, so that no line after it is known to be a record; its lines are told as -1.
    """
    if origin.path is None:
        return
    size, begin = _size(origin), header
    with origin.path.open("rb") as file:
        while begin < size:
            file.seek(begin)
            data = file.read(most)
            if b'"' in data:
                yield begin, size, -1
                return
            if begin + len(data) == size:
                yield begin, size, data.count(b"\n") + (not data.endswith(b"\n"))
                return
            last = data.rfind(b"\n") + 1
            if not last:  # a line longer than a block
                yield begin, size, -1
                return
            yield begin, begin + last, data.count(b"\n", 0, last)
            begin += last


def _offset(path: Path, blocks: Sequence[Block], row: int) -> int:
    """The byte at which a record begins, or the end of the last one."""
    for block in blocks:
        if row < block.rows:
            with path.open("rb") as file:
                file.seek(block.begin)
                for _ in range(row):
                    file.readline()
                return file.tell()
        row -= block.rows
    return blocks[-1].end
