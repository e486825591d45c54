"""Streams become one table at one rate.

Decides the common grid and how each column comes onto it: the mean of its interval, or the last record held no longer
than its limit. Invariant: within a run the result has one record per period without a hole, and no value is carried
from after its own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._names import FILE, RUN, TARGET, TIME
from setpoint.components.data_processing._recipe import Recipe
from setpoint.components.data_processing._streams import Stream
from setpoint.core.cleaning import fill

_AT = "__at"
HELD_NOTE = "held without limit: no stale_seconds declared"
_MAXIMUM_GRID = 50_000_000


def integrate(
    streams: Sequence[Stream], recipe: Recipe, ledger: Ledger, *, period: float | None = None
) -> tuple[pl.DataFrame, float]:
    """Join all streams on run and time.

    Args:
        streams: At least one.
        recipe: May declare the period and how columns are resampled.
        ledger: Gets the counts.
        period: Of the whole source where these are a part of it; None to find it here.

    Returns:
        (table with FILE, RUN as text, TIME, maybe TARGET, features; period in seconds). Sample-numbered data has
        period 1.0.

    Raises:
        InvalidSpec: Two sources give the same column; sources that count samples cannot be joined.
    """
    _check_columns(streams)
    if any(stream.frame.schema[TIME] == pl.Int64 for stream in streams):
        if len(streams) > 1:
            raise InvalidSpec("sources that count samples instead of time cannot be joined", path="time.unit")
        return _as_text(streams[0].frame), recipe.period_seconds or 1.0
    steady = steady_step(steps_of(streams[0].frame)) if len(streams) == 1 else None
    period = period or recipe.period_seconds or _seconds(steady) or _typical_period(streams)
    if steady is not None and steady == microseconds(period):
        return _as_text(streams[0].frame), period
    table = _grid(streams, period)
    for stream in streams:
        how = {name: recipe.column(name).resample or stream.resample or "last" for name in stream.features}
        averaged = tuple(name for name in stream.features if how[name] == "mean")
        held = tuple(name for name in stream.features if how[name] != "mean")
        if averaged:
            table = _join_means(table, stream, averaged, period)
        if held or stream.has_target:
            table = _join_held(table, stream, held, period, recipe, ledger)
    if FILE not in table.columns:
        raise InvalidSpec("no source gives records", path="source")
    return _as_text(table), period


def finish(table: pl.DataFrame, features: Sequence[str], recipe: Recipe, ledger: Ledger) -> pl.DataFrame:
    """Rows without a label, of no use to anybody who asked for one, dropped and counted; short gaps filled."""
    if recipe.target is not None:
        ledger.without_target += table[TARGET].null_count()
        table = table.filter(pl.col(TARGET).is_not_null())
    table, counts = fill(table, {name: recipe.column(name).fill_samples or 0 for name in features}, run=RUN)
    for name, count in counts.items():
        ledger.add(name, "filled", count)
    return table


def declared_or_found(frame: pl.DataFrame, recipe: Recipe) -> float:
    """The period of a source with a column for each signal, from its RUN and TIME, in order and without repeats.

    Raises:
        InvalidSpec: It is not declared and no run has two records.
    """
    if frame.schema[TIME] == pl.Int64:
        return recipe.period_seconds or 1.0
    if recipe.period_seconds is not None:
        return recipe.period_seconds
    steps = steps_of(frame)
    return _seconds(steady_step(steps)) or _typical([steps])


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(RUN).cast(pl.String))


def _check_columns(streams: Sequence[Stream]) -> None:
    seen: set[str] = set()
    for stream in streams:
        for name in stream.features:
            if name in seen:
                raise InvalidSpec("two sources give this column; rename one of them", path=name)
            seen.add(name)


def steps_of(frame: pl.DataFrame) -> pl.Series:
    """Microseconds between the records of each run."""
    return frame.select(pl.col(TIME).diff().over(RUN).dt.total_microseconds()).to_series().drop_nulls()


def steady_step(steps: pl.Series) -> int | None:
    """The one step of all records of all runs; None if there are several or none."""
    if steps.len() == 0 or steps.min() != steps.max():
        return None
    return int(steps[0])


def microseconds(seconds: float) -> int:
    """Rounded, as times are kept."""
    return round(seconds * 1e6)


def _seconds(step: int | None) -> float | None:
    return None if step is None else step / 1e6


def _typical_period(streams: Sequence[Stream]) -> float:
    return _typical([steps_of(stream.frame) for stream in streams])


def _typical(steps: Sequence[pl.Series]) -> float:
    """The median step of the densest stream, in seconds."""
    medians = [median for found in steps if (median := found.median()) is not None]
    known = [float(step) for step in medians if isinstance(step, int | float) and step > 0]
    if not known:
        raise InvalidSpec("one record per run is no series; declare period_seconds", path="time")
    return min(known) / 1e6


def check_records(points: int, period: float) -> None:
    """Raises InvalidSpec if a period makes more records than anybody can mean."""
    if points > _MAXIMUM_GRID:
        raise InvalidSpec(f"a period of {period} s makes {points} records of this span", path="period_seconds")


def _grid(streams: Sequence[Stream], period: float) -> pl.DataFrame:
    """Equally spaced times for every run: of the source that knows runs, else over the span of all sources."""
    keyed = [stream for stream in streams if stream.has_runs] or list(streams)
    spans = pl.concat(
        [
            stream.frame.select(pl.col(RUN).cast(pl.String), TIME)
            .group_by(RUN, maintain_order=True)
            .agg(pl.col(TIME).min().alias("begin"), pl.col(TIME).max().alias("end"))
            for stream in keyed
        ]
    )
    spans = spans.group_by(RUN, maintain_order=True).agg(pl.col("begin").min(), pl.col("end").max())
    every = timedelta(seconds=period)
    if len(streams) > 1:
        spans = spans.with_columns(pl.col("begin").dt.truncate(every))
    length = (pl.col("end") - pl.col("begin")).dt.total_microseconds() // microseconds(period) + 1
    check_records(spans.select(length.sum()).item(), period)
    times = pl.datetime_ranges("begin", "end", interval=every, time_unit="us", time_zone="UTC")
    return spans.select(RUN, times.alias(TIME)).explode(TIME)


def _records(stream: Stream, columns: Sequence[str]) -> pl.DataFrame:
    return stream.frame.select(pl.col(RUN).cast(pl.String), TIME, *columns)


def _join_means(table: pl.DataFrame, stream: Stream, columns: tuple[str, ...], period: float) -> pl.DataFrame:
    """The mean of the records since the last grid point; the interval is closed at its end, so nothing looks ahead."""
    keys = [RUN, TIME] if stream.has_runs else [TIME]
    bounds = table.select(RUN, pl.col(TIME).alias(_AT), TIME)
    by = {"by": RUN} if stream.has_runs else {}
    named = stream.has_runs and FILE not in table.columns
    records = _records(stream, [*columns, *([FILE] if named else [])]).sort(TIME, maintain_order=True)
    marked = records.join_asof(
        (bounds if stream.has_runs else bounds.select(_AT, TIME).unique(maintain_order=True)).sort(TIME),
        on=TIME,
        strategy="forward",
        tolerance=timedelta(seconds=period) - timedelta(microseconds=1),  # open at its beginning
        check_sortedness=False,
        **by,  # type: ignore[arg-type]
    )
    means = marked.drop_nulls(_AT).drop(TIME).rename({_AT: TIME}).group_by(keys, maintain_order=True)
    found = means.agg(pl.col(columns).mean(), *([pl.col(FILE).last()] if named else []))
    joined = table.join(found, on=keys, how="left", maintain_order="left")
    if named:  # where an interval has no record, the run was last in that file
        return joined.with_columns(pl.col(FILE).forward_fill().over(RUN))
    if FILE in joined.columns:
        return joined
    return joined.with_columns(pl.lit(stream.frame[FILE][0]).alias(FILE))


def _join_held(
    table: pl.DataFrame, stream: Stream, columns: tuple[str, ...], period: float, recipe: Recipe, ledger: Ledger
) -> pl.DataFrame:
    """The last record at or before each grid point, unless it is older than the column's limit."""
    extra = [name for name in (FILE, TARGET) if name in stream.frame.columns and name not in table.columns]
    records = _records(stream, [*columns, *extra]).with_columns(pl.col(TIME).alias(_AT))
    if not stream.has_runs:
        records = records.drop(RUN)
    joined = (
        table.with_row_index("__order")
        .sort(TIME, maintain_order=True)
        .join_asof(
            records.sort(TIME, maintain_order=True),
            on=TIME,
            by=RUN if stream.has_runs else None,
            strategy="backward",
            check_sortedness=False,
        )
    )
    joined = joined.sort("__order").drop("__order")
    age = (pl.col(TIME) - pl.col(_AT)).dt.total_microseconds() / 1e6
    for name in columns:
        declared = recipe.column(name).stale_seconds
        limit = declared or (None if stream.long or stream.resample == "hold" else 3.0 * period)
        known = pl.col(name).is_not_null()
        fresh = age <= limit if limit is not None else pl.lit(True)
        held, stale = joined.select(
            (known & fresh & (age >= period)).sum().alias("held"), (known & ~fresh).sum().alias("stale")
        ).row(0)
        ledger.add(name, "held", held)
        ledger.add(name, "stale", stale)
        joined = joined.with_columns(pl.when(fresh).then(pl.col(name)).alias(name))
        if limit is None and HELD_NOTE not in ledger.notes:
            ledger.notes.append(HELD_NOTE)
    if FILE in extra:
        joined = joined.with_columns(pl.col(FILE).fill_null(strategy="forward").fill_null(strategy="backward"))
    return joined.drop(_AT)
