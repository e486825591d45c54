"""Which records are held out.

Decides by file, by a column, by whole runs or by the last part of every run; never row by row at random. Invariant: a
run that is held out whole gives nothing to training, and a run that is cut is cut once, the later part held out.
"""

from __future__ import annotations

import fnmatch
import math

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._names import FILE, RUN, TARGET
from setpoint.components.data_processing._recipe import SplitSpec
from setpoint.components.data_processing._rows import Rows

LEAST_RUNS = 4


def split(rows: Rows, spec: SplitSpec, *, normal: str) -> tuple[pl.Series, str]:
    """(True for each row that is held out, in words how it was split).

    Raises:
        InvalidSpec: The declaration holds out nothing or everything.
    """
    keys = rows.keys
    by = spec.by if spec.by != "auto" else _choose(keys, normal)
    if by == "none":
        return pl.repeat(False, keys.height, eager=True), "nothing held out"
    if by == "files":
        files = [name for name in keys[FILE].unique() if any(fnmatch.fnmatch(name, p) for p in spec.holdout)]
        held, words = keys[FILE].is_in(files), f"files {', '.join(spec.holdout)} held out"
    elif by == "column":
        if spec.column not in (*keys.columns, *rows.features):
            raise InvalidSpec(f"column {spec.column!r} is not in the data", path="split.column")
        values = rows.column(spec.column) if spec.column in rows.features else keys[spec.column]
        # A missing value is not one of those that are named.
        held = values.cast(pl.String).is_in(spec.holdout).fill_null(False)
        words = f"{spec.column} = {', '.join(spec.holdout)} held out"
    elif by == "runs":
        runs = _runs_to_hold(keys, normal, spec.ratio)
        held, words = keys[RUN].is_in(runs), f"{len(runs)} whole runs of {keys[RUN].n_unique()} held out"
    else:
        held, words = _last_part(keys, spec.ratio), f"the last {spec.ratio:.0%} of every run held out"
    count = int(held.sum())
    for name, left in (("training", keys.height - count), ("holdout", count)):
        if left == 0:
            raise InvalidSpec(f"leaves no row for {name} ({words})", path="split")
    return held, words


def run_classes(table: pl.DataFrame, normal: str) -> pl.DataFrame:
    """RUN and `class`, one row per run in order: the most frequent label that is not normal, else the normal one."""
    if TARGET not in table.columns:
        return table.select(pl.col(RUN).unique(maintain_order=True)).with_columns(pl.lit(normal).alias("class"))
    counted = table.group_by(RUN, TARGET, maintain_order=True).len()
    faults = counted.filter(pl.col(TARGET) != normal).sort("len", descending=True, maintain_order=True)
    worst = faults.unique(RUN, keep="first", maintain_order=True).select(RUN, pl.col(TARGET).alias("class"))
    runs = table.select(pl.col(RUN).unique(maintain_order=True))
    return runs.join(worst, on=RUN, how="left", maintain_order="left").with_columns(pl.col("class").fill_null(normal))


def _choose(table: pl.DataFrame, normal: str) -> str:
    """Whole runs where every fault has several and there are at least four runs; else the last part in time."""
    classes = run_classes(table, normal)
    faults = classes.filter(pl.col("class") != normal).group_by("class").len()
    several = faults.height == 0 or faults["len"].min() != 1
    return "runs" if classes.height >= LEAST_RUNS and several else "time"


def _runs_to_hold(table: pl.DataFrame, normal: str, ratio: float) -> list[str]:
    """The last runs of every class, at least one where there are two; a class with a single run stays in training."""
    chosen: list[str] = []
    for _, group in run_classes(table, normal).group_by("class", maintain_order=True):
        runs = group[RUN].to_list()
        count = min(max(1, math.floor(ratio * len(runs) + 0.5)), len(runs) - 1)
        chosen += runs[len(runs) - count :] if count else []
    return chosen


def _last_part(table: pl.DataFrame, ratio: float) -> pl.Series:
    position = pl.int_range(pl.len()).over(RUN)
    return table.select(position >= (pl.len().over(RUN) * (1.0 - ratio)).round()).to_series()
