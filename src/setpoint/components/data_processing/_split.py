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

LEAST_RUNS = 4


def split(table: pl.DataFrame, spec: SplitSpec, *, normal: str) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    """(train, holdout, in words how it was split); the order of rows is kept.

    Raises:
        InvalidSpec: The declaration holds out nothing or everything.
    """
    by = spec.by if spec.by != "auto" else _choose(table, normal)
    if by == "none":
        return table, table.clear(), "nothing held out"
    if by == "files":
        files = [name for name in table[FILE].unique() if any(fnmatch.fnmatch(name, p) for p in spec.holdout)]
        held, words = table[FILE].is_in(files), f"files {', '.join(spec.holdout)} held out"
    elif by == "column":
        if spec.column not in table.columns:
            raise InvalidSpec(f"column {spec.column!r} is not in the data", path="split.column")
        held = table[spec.column].cast(pl.String).is_in(spec.holdout)
        words = f"{spec.column} = {', '.join(spec.holdout)} held out"
    elif by == "runs":
        runs = _runs_to_hold(table, normal, spec.ratio)
        held, words = table[RUN].is_in(runs), f"{len(runs)} whole runs of {table[RUN].n_unique()} held out"
    else:
        held, words = _last_part(table, spec.ratio), f"the last {spec.ratio:.0%} of every run held out"
    train, holdout = table.filter(~held), table.filter(held)
    for name, part in (("training", train), ("holdout", holdout)):
        if part.height == 0:
            raise InvalidSpec(f"leaves no row for {name} ({words})", path="split")
    return train, holdout, words


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
