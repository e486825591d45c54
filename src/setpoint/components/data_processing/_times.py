"""Time columns: texts, numbers and local times become UTC.

Decides what an instant is where the writing leaves it open (formats, daylight saving) and counts what it had to
decide. Invariant: what comes out is UTC in microseconds (or a sample number), and a time that cannot be read is an
error, never a guess.

Daylight saving: in the hour that comes twice, records are taken in the order in which they were recorded: before the
clock jumps back they are summer time, after it winter time. The hour that never was holds no valid record.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._names import TIME
from setpoint.components.data_processing._recipe import TimeSpec

FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M:%S%.f",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S%.f",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S%.f",
    "%m/%d/%Y %H:%M",
    "%d-%b-%Y %H:%M:%S%.f",
    "%d-%b-%y %H:%M:%S%.f",
    "%Y-%m-%d",
)
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "min": 60.0, "s": 1.0, "ms": 1e-3}
_PROBE_ROWS = 2_000
_FIRST_YEAR = 1900
_CLOCK_STEP = timedelta(minutes=5)  # less is a swap of neighbours, not a clock


@dataclass(slots=True)
class TimeNotes:
    """How many records each decision met."""

    missing: int = 0
    ambiguous: int = 0
    non_existent: int = 0
    formats: set[str] = field(default_factory=set)

    def add(self, other: TimeNotes) -> None:
        """Those of other records too."""
        self.missing += other.missing
        self.ambiguous += other.ambiguous
        self.non_existent += other.non_existent
        self.formats |= other.formats


def to_instants(
    frame: pl.DataFrame, column: str, spec: TimeSpec, *, streams: Sequence[str], notes: TimeNotes
) -> pl.DataFrame:
    """Add the column `TIME`; records without a usable time are dropped and counted.

    Args:
        frame: Records in the order in which they were recorded.
        column: The raw time column.
        spec: How it is written.
        streams: Columns that tell series apart that were each recorded in order: first the file, then run, tag.
        notes: Counts are added to it.

    Raises:
        InvalidSpec: A time that cannot be read, with an example; a format that is open to two readings.
    """
    missing = frame[column].null_count()
    if missing:
        notes.missing += missing
        frame = frame.filter(pl.col(column).is_not_null())
    if spec.unit != "datetime":
        return _from_numbers(frame, column, spec)
    kind = frame.schema[column]
    if kind == pl.String:
        frame = _from_texts(frame, column, spec, notes)
    elif kind == pl.Date:
        frame = frame.with_columns(pl.col(column).cast(pl.Datetime("us")).alias(TIME))
    elif isinstance(kind, pl.Datetime):
        frame = frame.with_columns(pl.col(column).dt.cast_time_unit("us").alias(TIME))
    else:
        raise InvalidSpec(
            f"holds numbers ({kind}); say what they count with time.unit",
            path=column,
            allowed=("d", "h", "min", "s", "sample"),
        )
    zone = getattr(frame.schema[TIME], "time_zone", None)
    if zone is not None:
        return frame.with_columns(pl.col(TIME).dt.convert_time_zone("UTC"))
    if spec.zone == "UTC":
        return frame.with_columns(pl.col(TIME).dt.replace_time_zone("UTC"))
    return _from_local(frame, spec, streams, notes)


def _from_numbers(frame: pl.DataFrame, column: str, spec: TimeSpec) -> pl.DataFrame:
    number = pl.col(column).cast(pl.Float64, strict=False)
    bad = frame.filter(number.is_null() | ~number.is_finite())
    if bad.height:
        raise InvalidSpec(f"{bad[column][0]!r} is not a number of {spec.unit} ({bad.height} rows)", path=column)
    if spec.unit == "sample":
        return frame.with_columns(number.round().cast(pl.Int64).alias(TIME))
    origin = pl.lit(spec.origin if "T" in spec.origin else f"{spec.origin}T00:00:00").str.to_datetime(time_unit="us")
    # Rounded to the millisecond: 0.05 h is exactly 180 s however the file rounds it.
    elapsed = (number * (_SECONDS[spec.unit] * 1e3)).round().cast(pl.Int64) * 1_000
    return frame.with_columns((origin + elapsed.cast(pl.Duration("us"))).dt.replace_time_zone("UTC").alias(TIME))


def _parsed(column: str, form: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars()
    if form.endswith("z"):
        return text.str.to_datetime(form, time_unit="us", strict=False)
    if form == "%Y-%m-%d":
        return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    return text.str.to_datetime(form, time_unit="us", strict=False)


def _plausible(column: str, form: str) -> pl.Expr:
    """Whether all texts fit the format; a year of two digits read as one of the first century does not."""
    parsed = _parsed(column, form)
    return (parsed.is_not_null() & (parsed.dt.year() >= _FIRST_YEAR)).all()


def _from_texts(frame: pl.DataFrame, column: str, spec: TimeSpec, notes: TimeNotes) -> pl.DataFrame:
    form = spec.format if spec.format != "auto" else _detect(frame, column)
    notes.formats.add(form)
    frame = frame.with_columns(_parsed(column, form).alias(TIME))
    bad = frame.filter(pl.col(TIME).is_null())
    if bad.height:
        raise InvalidSpec(f"{bad[column][0]!r} is not a time written as {form} ({bad.height} rows)", path=column)
    return frame


def _detect(frame: pl.DataFrame, column: str) -> str:
    """The format that reads a spread of the column; two that read it differently are an error."""
    step = max(1, frame.height // _PROBE_ROWS)
    probe = frame.select(pl.col(column).gather_every(step))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # polars warns of formats that do not fit, which is the question here
        fits = [form for form in FORMATS if probe.select(_plausible(column, form)).item()]
    if not fits:
        first = probe[column][0] if probe.height else ""
        raise InvalidSpec(f"{first!r} is not a time in any known format; declare time.format", path=column)
    day_first = [form for form in fits if form.startswith("%d/%m")]
    if day_first and any(form.startswith("%m/%d") for form in fits):
        raise InvalidSpec(
            "day and month cannot be told apart; declare time.format",
            path=column,
            allowed=("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"),
        )
    return fits[0]


def _from_local(frame: pl.DataFrame, spec: TimeSpec, streams: Sequence[str], notes: TimeNotes) -> pl.DataFrame:
    def at(choice: str | pl.Expr) -> pl.Expr:
        return pl.col(TIME).dt.replace_time_zone(spec.zone, ambiguous=choice, non_existent="null")  # type: ignore[arg-type]

    frame = frame.with_columns(at("earliest").alias("__early"), at("latest").alias("__late"))
    gone = pl.col("__early").is_null()
    lost = frame.select(gone.sum()).item()
    if lost and spec.non_existent == "error":
        example = frame.filter(gone)[TIME][0]
        raise InvalidSpec(
            f"{example} does not exist in {spec.zone}: the clock jumps over it ({lost} rows)", path="time"
        )
    notes.non_existent += lost
    frame = frame.filter(~gone)
    twice = pl.col("__early") != pl.col("__late")
    open_rows = frame.select(twice.sum()).item()
    notes.ambiguous += open_rows
    choice = pl.col("__late") if spec.ambiguous == "latest" else pl.col("__early")
    if open_rows and spec.ambiguous == "drop":
        frame = frame.filter(~twice)
    elif open_rows and spec.ambiguous == "order":
        # The clock went back: a step of minutes backwards inside the hour that comes twice begins its second pass.
        # Records further apart show the same time twice instead, with nothing else inside the hour.
        step = pl.col(TIME) - pl.col(TIME).shift(1)
        back = (step < -_CLOCK_STEP) & twice & twice.shift(1, fill_value=False)
        alone = ~twice.shift(2, fill_value=False) & ~twice.shift(-1, fill_value=False)
        same = (step == timedelta(0)) & twice & alone
        # Where all series of a file were written together in order, one clock tells for all of them: a series with
        # few records of its own would not show the step.
        file, series = [streams[0]], list(streams)
        stray = ((step < -_CLOCK_STEP) & ~(twice & twice.shift(1, fill_value=False))).over(file)
        together = ~stray.any().over(file)
        hour = [pl.col(TIME).dt.date(), twice]
        by_clock = back.over(file).cum_sum().over([*file, *hour]) > 0
        by_series = back.over(series).cum_sum().over([*series, *hour]) > 0
        stepped = pl.when(together).then(by_clock).otherwise(by_series)
        repeated = same.over(series).cum_sum().over([*series, *hour]) > 0
        second = stepped | repeated
        choice = pl.when(twice & second).then(pl.col("__late")).otherwise(pl.col("__early"))
    return frame.with_columns(choice.dt.convert_time_zone("UTC").alias(TIME)).drop("__early", "__late")
