"""What was read, as sha256: of a file its bytes, of a simulated table its values.

Invariant: the digest of a table is made of those of its runs, in their order, so that it is the same whether one hand
had the whole table or each run came from another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from setpoint.components.data_processing._export import sha256
from setpoint.components.data_processing._scan import Origin

_RUN = "run"  # what plants call the column that tells runs apart


def digest(origin: Origin) -> str:
    """Hex digest of one file or table."""
    if origin.table is not None:
        return joined_digest(run_digests(origin.table.collect()))
    return sha256(origin.path or Path(origin.name))


def run_digests(table: pl.DataFrame) -> list[str]:
    """Of each run of a simulated table, in order of appearance."""
    runs = table.partition_by(_RUN, maintain_order=True)
    return [hashlib.sha256(run.write_csv().encode()).hexdigest() for run in runs]


def joined_digest(digests: Iterable[str]) -> str:
    """Of the whole table."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
