"""What is replayed: rows of a data set, of a file, or of a plant that is simulated as it goes.

Decides which column is what. Invariant: rows come run by run in order of time, each with its asset (the run's name),
its moment, its values by the wanted columns, and its true label where the source knows it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import numpy.typing as npt
import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.model_training.dataset import DATA_FILE, SCHEMA_FILE
from setpoint.plant import PLANTS, Run, parse_schedule

Floats = npt.NDArray[np.float64]

START = datetime(2026, 1, 1, tzinfo=UTC)  # of records that only count
_TIMES, _RUNS, _LABELS = ("time", "timestamp", "time_h", "sample"), ("run",), ("label", "fault")
_OTHER = ("sensor_fault",)
_CHUNK = 20
_PLANT_SETTINGS = ("seed", "hours", "schedule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record: `values` has shape (d,), NaN where missing; `label` "" if it is not known."""

    asset: str
    time: datetime
    values: Floats
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Rows yet to be read; `count` None if they have no end, `period_seconds` 0 if the source does not say."""

    columns: tuple[str, ...]
    count: int | None
    period_seconds: float
    frames: Iterator[pl.DataFrame]
    time: str
    run: str = ""
    label: str = ""

    def rows(self, columns: Sequence[str], period_seconds: float) -> Iterator[Row]:
        """The rows with these columns.

        Raises:
            InvalidSpec: The source lacks one of them, or it is no number.
        """
        missing = [name for name in columns if name not in self.columns]
        if missing:
            raise InvalidSpec(
                f"the model's column {', '.join(missing[:5])} is not in the source", path="source", allowed=self.columns
            )
        counted = itertools.count()
        for frame in self.frames:
            values = _numbers(frame, columns)
            assets = frame[self.run].cast(pl.String).fill_null("").to_list() if self.run else ["replay"] * len(frame)
            labels = frame[self.label].cast(pl.String).fill_null("").to_list() if self.label else [""] * len(frame)
            times = _moments(frame[self.time], period_seconds, counted)
            for asset, time, row, label in zip(assets, times, values, labels, strict=True):
                yield Row(asset=asset, time=time, values=row, label=label)


def open_source(source: str, *, schedule: str = "") -> Source:
    """The source that a text means: a directory of data-processing, a .parquet or .csv file, or `plant://NAME?...`.

    Args:
        source: As above. A plant's settings are `seed`, `hours` and `schedule`.
        schedule: What happens in the plant, as `fault 4 from 2 h`; only with a plant.

    Raises:
        InvalidSpec: There is no such thing, or it cannot be read.
    """
    if source.startswith("plant://"):
        return _plant(source, schedule)
    if schedule:
        raise InvalidSpec("a schedule goes with plant://NAME: recorded data have happened", path="schedule")
    path = Path(source)
    if path.is_dir():
        return _dataset(path)
    if not path.is_file():
        raise InvalidSpec("there is no such file or directory; a plant is written plant://NAME", path=source)
    frame = _read(path)
    time, run, label = (_first(frame, names) for names in (_TIMES, _RUNS, _LABELS))
    if not time:
        raise InvalidSpec(f"there is no column of time, one of {', '.join(_TIMES)}", path=source)
    other = {time, run, label, *_TIMES, *_OTHER}
    columns = tuple(name for name in frame.columns if name not in other and frame.schema[name].is_numeric())
    return _source(frame, columns=columns, time=time, run=run, label=label)


def _dataset(directory: Path) -> Source:
    try:
        schema = json.loads((directory / SCHEMA_FILE).read_bytes())
        roles = {str(item["name"]): str(item.get("role", "feature")) for item in schema["columns"]}
        period = float(schema["sample_period_seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = (
            f"{directory / SCHEMA_FILE} cannot be read as a data set's schema ({error!r}); run data-processing first"
        )
        raise InvalidSpec(reason, path="source") from error
    frame = _read(directory / DATA_FILE)

    def named(role: str) -> str:
        name = schema.get(role) or next((name for name, given in roles.items() if given == role), "")
        return str(name) if name in frame.columns else ""

    if not named("time"):
        raise InvalidSpec(f"the data set {directory} has no time", path="source")
    columns = tuple(name for name, role in roles.items() if role == "feature" and name in frame.columns)
    return _source(
        frame, columns=columns, time=named("time"), run=named("run"), label=named("target"), period_seconds=period
    )


def _source(
    frame: pl.DataFrame, *, columns: tuple[str, ...], time: str, run: str, label: str, period_seconds: float = 0.0
) -> Source:
    if frame.is_empty():
        raise InvalidSpec("has no rows", path="source")
    return Source(
        columns=columns,
        count=frame.height,
        period_seconds=period_seconds,
        frames=iter((frame,)),
        time=time,
        run=run,
        label=label,
    )


def _plant(address: str, schedule: str) -> Source:
    url = urlsplit(address)
    plant = PLANTS.get(url.netloc)
    if plant is None:
        raise InvalidSpec(f"there is no plant {url.netloc!r}", path="source", allowed=tuple(PLANTS))
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    for name in query:
        if name not in _PLANT_SETTINGS:
            raise InvalidSpec(
                f"a plant that is replayed has no setting {name!r}", path="source", allowed=_PLANT_SETTINGS
            )
    if schedule and "schedule" in query:
        raise InvalidSpec("the schedule is given twice", path="schedule")
    try:
        seed, hours = int(query.get("seed", 1)), float(query["hours"]) if "hours" in query else None
        if seed < 0 or (hours is not None and not 0 < hours <= 1e5):
            raise ValueError("out of range")
    except ValueError as error:
        raise InvalidSpec(f"seed is an integer from 0, hours a number above 0: {error}", path="source") from None
    seconds = None if hours is None else hours * 3600.0
    period = plant.sample_period_seconds
    count = None if seconds is None else max(1, round(seconds / period))
    text = schedule or query.get("schedule", "")
    run = Run(plant=plant, seed=seed, schedule=parse_schedule(text, plant, duration_seconds=seconds))
    state = run.start()
    first = run.frame(run.advance(state, 1)[1])
    label = _first(first, _LABELS)
    return Source(
        columns=tuple(variable.name for variable in plant.variables),
        count=count,
        period_seconds=period,
        frames=_frames(run, state, count),
        time=_first(first, ("time", "sample")),
        run="run",
        label=label,
    )


def _frames(run: Run[Any], state: Any, count: int | None) -> Iterator[pl.DataFrame]:
    done = 0
    while count is None or done < count:
        steps = _CHUNK if count is None else min(_CHUNK, count - done)
        state, records = run.advance(state, steps)
        done += steps
        yield run.frame(records)


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".csv":
            return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidSpec(f"cannot be read: {str(error).splitlines()[0]}", path=str(path)) from error
    raise InvalidSpec("data come from a .parquet or .csv file", path=str(path))


def _first(frame: pl.DataFrame, names: Sequence[str]) -> str:
    return next((name for name in names if name in frame.columns), "")


def _numbers(frame: pl.DataFrame, columns: Sequence[str]) -> Floats:
    texts = [name for name in columns if not frame.schema[name].is_numeric() and frame.schema[name] != pl.Null()]
    if texts:
        raise InvalidSpec(f"column {texts[0]!r} is no number", path="source")
    values = frame.select(pl.col(list(columns)).cast(pl.Float64)).to_numpy().astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def _moments(column: pl.Series, period_seconds: float, counted: Iterator[int]) -> list[datetime]:
    """The moment of each row; a column of hours or of numbers counts from START, anything else by records."""
    if isinstance(column.dtype, pl.Datetime):
        stamps = column.dt.epoch("us").to_list()
        if None in stamps:
            raise InvalidSpec(f"column {column.name!r} has rows without a time", path="source")
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return [epoch + timedelta(microseconds=stamp) for stamp in stamps]
    if column.dtype.is_numeric() and not column.has_nulls():
        unit = 3600.0 if column.name == "time_h" else period_seconds
        try:
            return [START + timedelta(seconds=value * unit) for value in column.cast(pl.Float64).to_list()]
        except (OverflowError, ValueError) as error:
            raise InvalidSpec(f"column {column.name!r} holds no times: {error}", path="source") from error
    return [START + timedelta(seconds=next(counted) * period_seconds) for _ in range(len(column))]
