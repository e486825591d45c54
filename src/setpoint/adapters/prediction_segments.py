"""Segments of the prediction log: spool files as tables, and closed ones turned into Parquet.

`python -m setpoint.adapters.prediction_segments DIR` converts what is closed below DIR and ends; the gateway starts it
at the lowest priority. Invariant: a segment exists whole or not at all, and a kill at any moment leaves the spool or
the segment or both under one stem, of which readers take the segment.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from setpoint.core.predictions.exchange import Exchange, FrameReader
from setpoint.core.predictions.rows import row_of
from setpoint.ports.predictions import PREDICTION_COLUMNS

OPEN, CLOSED, CONVERTED, DROPPED = ".open", ".spool", ".parquet", "dropped"
_UTC_TIME = pl.Datetime("us", "UTC")
_TYPES: dict[str, pl.DataType] = {
    "String": pl.String(),
    "Datetime": _UTC_TIME,
    "Int16": pl.Int16(),
    "Int32": pl.Int32(),
    "Int64": pl.Int64(),
    "Float64": pl.Float64(),
    "List(Int32)": pl.List(pl.Int32()),
    "List(Float64)": pl.List(pl.Float64()),
    "List(String)": pl.List(pl.String()),
}
SCHEMA: dict[str, pl.DataType] = {name: _TYPES[text] for name, text in PREDICTION_COLUMNS.items()}
"""Times are aware, in UTC."""

logger = logging.getLogger("setpoint.predictions")


def table_of(exchanges: Iterable[Exchange]) -> pl.DataFrame:
    """The rows of exchanges, with all columns of the log."""
    rows = [row_of(exchange) for exchange in exchanges]
    return pl.DataFrame({name: [row[name] for row in rows] for name in SCHEMA}, schema=SCHEMA)


def read_spool(path: Path) -> pl.DataFrame:
    """What is whole in a spool; a damaged rest is told and left out. Raises: OSError."""
    reader = FrameReader(path.read_bytes())
    table = table_of(reader)
    if reader.damage:
        logger.warning("%s: %s; what is behind it is lost", path, reader.damage)
    return table


def convert(path: Path) -> Path:
    """Turn a closed spool into a segment and remove it. Raises: OSError."""
    target = path.with_suffix(CONVERTED)
    partial = path.with_suffix(f"{CONVERTED}.partial")
    table = read_spool(path).sort("time")
    try:
        table.write_parquet(partial, compression="zstd", compression_level=1, statistics=True)
        partial.chmod(0o600)  # as the spool was
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    return target


def convert_all(directory: Path) -> int:
    """Convert closed spools below `<home>/predictions`, the oldest first, until none is left; how many."""
    done = 0
    failed: set[Path] = set()
    while waiting := sorted(set(directory.glob(f"*/*/*{CLOSED}")) - failed, key=lambda path: path.stem):
        for path in waiting:
            try:
                if path.with_suffix(CONVERTED).exists():
                    path.unlink(missing_ok=True)  # converted, and killed before this
                else:
                    convert(path)
                done += 1
            except FileNotFoundError:
                failed.add(path)  # removed as too old
            except (OSError, pl.exceptions.PolarsError) as error:
                failed.add(path)
                logger.warning("%s cannot be converted: %s", path, error)
    return done


def main(arguments: list[str]) -> int:
    """Convert below the one directory named."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    with contextlib.suppress(OSError):
        os.nice(19)  # answers come before the log
    convert_all(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
