"""Records with run, label and time, in order: runs as they first appear, times ascending, one record per time.

Decides which run a record belongs to and what becomes of records out of order. Invariant: what is done to the records
of a run depends on that run alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._names import FILE, RUN, TARGET, TIME
from setpoint.components.data_processing._recipe import Recipe, TimeSpec
from setpoint.components.data_processing._times import to_instants

ONE_RUN = "all"
ROW = "__row"  # tag of a record of a historian's long form


def with_run(frame: pl.DataFrame, column: str, recipe: Recipe) -> pl.DataFrame:
    """The key of runs as text, from a column, the file, or both."""
    stem = pl.col(FILE).map_elements(lambda name: PurePath(name).stem, return_dtype=pl.String)
    stems = frame.select(pl.col(FILE).unique(maintain_order=True)).with_columns(stem.alias("__stem"))
    frame = frame.join(stems, on=FILE, how="left", maintain_order="left")
    if column:
        kind = frame.schema[column]
        key = pl.col(column).cast(pl.Int64).cast(pl.String) if kind.is_float() else pl.col(column).cast(pl.String)
        if recipe.run.prefix_file or recipe.run.by_file:
            key = pl.concat_str("__stem", pl.lit("/"), key)
    elif recipe.run.by_file:
        key = pl.col("__stem")
    else:
        key = pl.lit(ONE_RUN)
    keyed = frame.with_columns(key.alias(RUN)).drop("__stem")
    lost = keyed[RUN].null_count()
    if lost:
        raise InvalidSpec(f"{lost} rows say not which run they belong to", path=column)
    return keyed


def with_target(frame: pl.DataFrame, column: str, recipe: Recipe) -> pl.DataFrame:
    """The label as text, renamed as declared; 3.0 and 3 are the same label."""
    if not column or recipe.target is None:
        return frame
    text = pl.col(column).cast(pl.String).str.strip_chars().str.replace(r"^(-?\d+)\.0+$", "$1")
    if recipe.target.labels:
        text = text.replace(recipe.target.labels)
    return frame.with_columns(pl.when(text != "").then(text).alias(TARGET))


def with_time(frame: pl.DataFrame, column: str, time: TimeSpec, ledger: Ledger) -> pl.DataFrame:
    """The column TIME; without a time column records count as samples of their run."""
    if not column:
        return frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over(RUN).alias(TIME))
    return to_instants(
        frame, column, time, streams=[FILE, RUN, *([ROW] if ROW in frame.columns else [])], notes=ledger.time
    )


def in_order(frame: pl.DataFrame, time: TimeSpec, features: Sequence[str], ledger: Ledger) -> pl.DataFrame:
    """Runs in their order of appearance, times ascending, one record per time, by the declared policies."""
    order = pl.Enum(frame[RUN].unique(maintain_order=True))
    frame = frame.with_columns(pl.col(RUN).cast(order))
    step = pl.col(TIME).diff()
    backwards = (step < pl.lit(0).cast(step_type(frame))).over(RUN)
    unordered = int(frame.select(backwards.sum()).item() or 0)
    if unordered and time.unordered == "error":
        raise InvalidSpec(f"time goes backwards in {unordered} places; declare `unordered: sort`", path="time")
    ledger.unordered += unordered
    frame = frame.sort([RUN, TIME], maintain_order=True)
    repeated = pl.struct(RUN, TIME) == pl.struct(RUN, TIME).shift(1)
    again = int(frame.select(repeated.sum()).item() or 0)
    if not again:
        return frame
    if time.duplicates == "error":
        example = frame.filter(repeated)[TIME][0]
        raise InvalidSpec(f"time {example} is there more than once ({again} rows); declare `duplicates`", path="time")
    ledger.duplicates += again
    if time.duplicates == "mean":
        others = [name for name in frame.columns if name not in (RUN, TIME, *features)]
        return frame.group_by([RUN, TIME], maintain_order=True).agg(pl.col(features).mean(), pl.col(others).first())
    return frame.unique([RUN, TIME], keep="first" if time.duplicates == "first" else "last", maintain_order=True)


def step_type(frame: pl.DataFrame) -> pl.DataType:
    """Type of a difference of times: a number of samples or a duration."""
    return pl.Int64() if frame.schema[TIME] == pl.Int64 else pl.Duration("us")


def cut_at_gaps(frame: pl.DataFrame, gap_seconds: float) -> pl.DataFrame:
    """A pause longer than the limit begins a new run: `name/2` and so on."""
    long = pl.col(TIME).diff().dt.total_microseconds() > gap_seconds * 1e6
    part = long.fill_null(False).cum_sum().over(RUN)
    key = (
        pl.when(part == 0)
        .then(pl.col(RUN).cast(pl.String))
        .otherwise(pl.concat_str(pl.col(RUN).cast(pl.String), pl.lit("/"), (part + 1).cast(pl.String)))
    )
    cut = frame.with_columns(key.alias(RUN))
    return cut.with_columns(pl.col(RUN).cast(pl.Enum(cut[RUN].unique(maintain_order=True))))
