"""What a service saw and said, as one stream of plant records: out of the prediction log, joined with labels.

A request holds windows that overlap those before it; monitors look at records. So each window counts with its last
row, at the plant's time of that row. Invariant: rows are in order of their plant's time within an asset, and a record
that was asked about twice (a client that tried again, two models beside each other) is there once, with its first
answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from setpoint.core.monitors.label import Label
from setpoint.core.predictions import PROBE_CLIENT

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]  # UTC, microseconds
Texts = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Records that were answered, n of them, d columns, k classes."""

    ids: Texts  # inference id, (n,); windows of one request share it
    times: Times  # when it was asked, (n,)
    plant_times: Times  # when it was measured, (n,); that of asking if the client did not say
    assets: Texts  # (n,)
    versions: Texts  # of the model that answered, (n,)
    rows: Floats  # (n, d), NaN where missing
    labels: Texts  # answered, (n,)
    probabilities: Floats  # (n, k)

    def __len__(self) -> int:
        """Number of records."""
        return len(self.ids)

    def take(self, chosen: Mask | npt.NDArray[np.int64]) -> Stream:
        """The chosen records."""
        return Stream(**{name: getattr(self, name)[chosen] for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A stream, and what of the log is not in it."""

    stream: Stream
    requests: int  # that were answered
    unfit: int  # answered, of another shape or other classes than the model's
    repeated: int  # records that were there before
    timed: int  # records whose plant's time the client told


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Labels by record: the empty text where none has come."""

    labels: Texts  # (n,)
    said_at: Times  # when the label in force was said, (n,); NaT where none has come
    unknown: tuple[str, ...]  # inference ids of labels that no record has


def unpack(
    tables: Iterable[pl.DataFrame], *, window: int, columns: int, classes: int, period_seconds: float
) -> Unpacked:
    """Records out of the log.

    Args:
        tables: Of `PredictionLog.read`, all columns, one after another in order of time: a window is a hundred times
            its last row, so that a long stretch is better read in parts.
        window: Rows of the model's window.
        columns: Columns of the window.
        classes: Classes of the model.
        period_seconds: Time between two rows; the windows of one request end one period after another.
    """
    parts, told, requests, unfit = [_no_records(columns, classes)], [np.zeros(0, dtype=bool)], 0, 0
    for table in tables:
        answered = table.filter(
            pl.col("labels").is_not_null() & pl.col("inputs").is_not_null() & (pl.col("client") != PROBE_CLIENT)
        )
        rows = pl.col("labels").list.len()
        fits = (
            (pl.col("inputs").list.len() == rows * (window * columns))
            & (pl.col("probabilities").list.len() == rows * classes)
            & (pl.col("shape").list.get(-1, null_on_oob=True) == columns)
            & (rows > 0)
        )
        fit = answered.filter(fits.fill_null(value=False))
        requests, unfit = requests + answered.height, unfit + answered.height - fit.height
        if fit.height:
            stream, mask = _records(fit, window, columns, classes, period_seconds)
            parts.append(stream)
            told.append(mask)
    stream = Stream(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in Stream.__dataclass_fields__}
    )
    known = np.concatenate(told)
    chosen = _first_of_each(stream, known)
    return Unpacked(
        stream=stream.take(chosen),
        requests=requests,
        unfit=unfit,
        repeated=len(stream) - len(chosen),
        timed=int(known[chosen].sum()),
    )


def _records(fit: pl.DataFrame, window: int, columns: int, classes: int, period_seconds: float) -> tuple[Stream, Mask]:
    """The records of requests that fit the model, and whether the client told the plant's time."""
    counts = fit["labels"].list.len().to_numpy().astype(np.int64)
    total = int(counts.sum())
    values = _flat(fit["inputs"]).reshape(total, window, columns)[:, -1, :]
    asked = np.repeat(_times(fit["time"]), counts)
    told = np.repeat(_times(fit["event_time"]), counts)
    behind = (np.repeat(counts, counts) - 1 - _within(counts)) * np.timedelta64(round(period_seconds * 1e6), "us")
    plant: Times = (np.where(np.isnat(told), asked, told) - behind).astype("datetime64[us]")
    stream = Stream(
        ids=np.repeat(_texts(fit["id"]), counts),
        times=asked,
        plant_times=plant,
        assets=np.repeat(_texts(fit["asset"]), counts),
        versions=np.repeat(_texts(fit["version"]), counts),
        rows=np.ascontiguousarray(values),
        labels=_texts(fit["labels"].explode()),
        probabilities=_flat(fit["probabilities"]).reshape(total, classes),
    )
    return stream, ~np.isnat(told)


def _no_records(columns: int, classes: int) -> Stream:
    times, texts = np.zeros(0, dtype="datetime64[us]"), np.zeros(0, dtype=np.str_)
    return Stream(
        ids=texts,
        times=times,
        plant_times=times,
        assets=texts,
        versions=texts,
        rows=np.zeros((0, columns)),
        labels=texts,
        probabilities=np.zeros((0, classes)),
    )


def join(stream: Stream, labels: Sequence[Label]) -> Truth:
    """What was true of each record, as far as it has been said.

    A label of an inference id speaks of all records of that request, and goes before one of an interval; of several
    intervals the one said last is in force.
    """
    found = np.full(len(stream), "", dtype=object)
    said = np.full(len(stream), np.datetime64("NaT", "us"))
    for label in sorted((one for one in labels if not one.inference_id), key=lambda one: one.at):
        begin, end = _moment(label.begin), _moment(label.end)
        covered = (stream.assets == label.asset) & (stream.plant_times >= begin) & (stream.plant_times < end)
        found[covered] = label.label
        said[covered] = _moment(label.at)
    by_id = {one.inference_id: one for one in labels if one.inference_id}
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(stream.ids.tolist() if by_id else ()):
        if name in by_id:
            positions.setdefault(name, []).append(position)
    for name, where in positions.items():
        found[where] = by_id[name].label
        said[where] = _moment(by_id[name].at)
    return Truth(
        labels=found.astype(np.str_) if len(found) else np.zeros(0, dtype=np.str_),
        said_at=said,
        unknown=tuple(name for name in by_id if name not in positions),
    )


def _first_of_each(stream: Stream, told: Mask) -> npt.NDArray[np.int64]:
    """Records in order of asset and plant's time; of those at one moment the one that was asked about first.

    Without the plant's time two records are the same only if asset, row and answer are: then it is left as it is.
    """
    order: npt.NDArray[np.int64] = np.lexsort((np.arange(len(stream)), stream.plant_times, stream.assets))
    if not len(order):
        return order
    assets, times = stream.assets[order], stream.plant_times[order]
    same = (assets[1:] == assets[:-1]) & (times[1:] == times[:-1]) & told[order][1:] & told[order][:-1]
    first: npt.NDArray[np.int64] = order[np.concatenate([[True], ~same])]
    return first


def _within(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0, 1, 2 ... within each group."""
    starts = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) - np.repeat(starts, counts)


def _flat(lists: pl.Series) -> Floats:
    if not len(lists):
        return np.zeros(0)
    return lists.explode().cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _texts(series: pl.Series) -> Texts:
    return np.array(series.fill_null("").to_list(), dtype=np.str_)


def _times(series: pl.Series) -> Times:
    return series.dt.replace_time_zone(None).cast(pl.Datetime("us")).to_numpy().astype("datetime64[us]")


def _moment(moment: datetime | None) -> np.datetime64:
    if moment is None:
        return np.datetime64("NaT", "us")
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def as_datetime(moment: np.datetime64) -> datetime:
    """The moment with its time zone, which is UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(moment.astype("datetime64[us]").astype(int)))
