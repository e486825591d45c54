"""`python -m setpoint.server.gateway.compaction DIR BYTES`: closed files of exchanges become Parquet, and old ones go.

A process of its own, of low priority: to understand a body costs more than to answer it. Invariant: at every moment an
exchange is in the closed file, in the Parquet file of the same name, or in both; a reader who finds both takes Parquet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from setpoint.core.predictions.exchange import unpack
from setpoint.core.predictions.table import to_table
from setpoint.server.gateway.prediction_log import CLOSED

PARQUET = ".parquet"
_NICE = 10


def compact(directory: Path, most_bytes: int) -> None:
    """Bring the log of every service below the directory into shape; a service whose files refuse is left as it is."""
    for service in sorted(directory.glob("*/*")):
        with suppress(OSError, pl.exceptions.PolarsError):  # a full disk: the next time may have room
            for closed in sorted(service.glob(f"*{CLOSED}")):
                _convert(closed)
        with suppress(OSError):
            _drop_oldest(service, most_bytes)


def _convert(closed: Path) -> None:
    target = closed.with_suffix(PARQUET)
    if not target.exists():
        part = closed.with_suffix(".part")
        to_table(unpack(closed.read_bytes())).write_parquet(part, compression="zstd", compression_level=3)
        part.rename(target)
    closed.unlink(missing_ok=True)


def _drop_oldest(service: Path, most_bytes: int) -> None:
    files = [(path, path.stat().st_size) for path in _kept(service)]
    total = sum(size for _, size in files)
    for path, size in files[:-1]:  # the newest stays, whatever its size
        if total <= most_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size


def _kept(service: Path) -> Iterator[Path]:
    yield from sorted(path for path in service.iterdir() if path.suffix in (PARQUET, CLOSED))


def main() -> int:
    """Compact once."""
    os.nice(_NICE)
    compact(Path(sys.argv[1]), int(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
