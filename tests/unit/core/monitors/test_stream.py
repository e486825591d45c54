"""A log unpacked is the stream that was replayed, whatever the requests were cut into."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.monitors.label import Label
from setpoint.core.monitors.stream import Stream, as_datetime, join, unpack
from tests.predictions import replayed, request, table, windows_of

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
PERIOD = timedelta(minutes=3)
CLASSES = ("normal", "fault 1", "fault 2")


def _records(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(count, 4))
    values[draw.random(size=values.shape) < 0.05] = np.nan
    return values, draw.dirichlet(np.ones(3), size=count)


def _unpack(log: pl.DataFrame, window: int) -> Stream:
    return unpack([log], window=window, columns=4, classes=3, period_seconds=PERIOD.total_seconds()).stream


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 9), st.booleans(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_stream_is_what_was_replayed(more: int, window: int, batch: int, told: bool, seed: int) -> None:
    values, _ = _records(window - 1 + more, seed)
    _, probabilities = _records(more, seed + 1)
    log = replayed(values, probabilities, CLASSES, window=window, batch=batch, begin=BEGIN, period=PERIOD, told=told)
    stream = _unpack(log, window)
    assert len(stream) == more
    np.testing.assert_array_equal(stream.rows, values[window - 1 :])
    np.testing.assert_array_equal(stream.probabilities, probabilities)
    assert [as_datetime(time) for time in stream.plant_times] == [
        BEGIN + PERIOD * (window - 1 + index) for index in range(more)
    ]
    assert stream.labels.tolist() == [CLASSES[code] for code in probabilities.argmax(axis=1)]


def test_what_comes_late_twice_or_does_not_fit_is_sorted_left_out_and_counted() -> None:
    values, probabilities = _records(6, 1)
    log = replayed(values, probabilities, CLASSES, window=1, batch=1, begin=BEGIN, period=PERIOD)
    rows = log.to_dicts()
    again = rows[2] | {"id": "again", "time": BEGIN + timedelta(hours=1)}
    late = rows.pop(1) | {"time": BEGIN + timedelta(hours=2)}
    other_shape = request(90, windows_of(values, 2), ["normal"] * 5, probabilities[:5], time=BEGIN)
    other_classes = request(91, windows_of(values, 1), ["normal"] * 6, np.ones((6, 2)), time=BEGIN)
    refused = request(92, windows_of(values, 1), [], None, time=BEGIN)
    unpacked = unpack(
        [table([*rows, again]), table([late, other_shape, other_classes, refused])],
        window=1,
        columns=4,
        classes=3,
        period_seconds=180.0,
    )
    np.testing.assert_array_equal(unpacked.stream.rows, values)
    assert unpacked.stream.ids.tolist() == [f"r{number}" for number in range(6)]
    assert (unpacked.requests, unpacked.unfit, unpacked.repeated, unpacked.timed) == (9, 2, 1, 6)


def test_an_empty_log_is_an_empty_stream() -> None:
    unpacked = unpack([table([])], window=3, columns=4, classes=3, period_seconds=180.0)
    assert len(unpacked.stream) == 0
    assert unpacked.stream.rows.shape == (0, 4)
    assert unpacked.stream.probabilities.shape == (0, 3)
    assert join(unpacked.stream, []).labels.tolist() == []


def _label(text: str, said: int, **key: object) -> Label:
    return Label(label=text, author="a", at=BEGIN + timedelta(days=1, minutes=said), **key)  # type: ignore[arg-type]  # the keys of the test


def test_labels_of_requests_go_before_intervals_and_later_ones_before_earlier() -> None:
    values, probabilities = _records(6, 1)
    log = replayed(values, probabilities, CLASSES, window=1, batch=2, begin=BEGIN, period=PERIOD)
    labels = [
        _label("fault 2", 5, asset="plant", begin=BEGIN + PERIOD, end=BEGIN + 5 * PERIOD),
        _label("fault 1", 2, asset="plant", begin=BEGIN, end=BEGIN + 3 * PERIOD),
        _label("normal", 1, inference_id="r1"),
        _label("normal", 9, asset="other", begin=BEGIN, end=BEGIN + 9 * PERIOD),
        _label("normal", 9, inference_id="nobody"),
    ]
    truth = join(_unpack(log, 1), labels)
    assert truth.labels.tolist() == ["fault 1", "fault 2", "normal", "normal", "fault 2", ""]
    assert truth.unknown == ("nobody",)
    minutes = [None if np.isnat(at) else (as_datetime(at) - BEGIN).total_seconds() / 60 - 1440 for at in truth.said_at]
    assert minutes == [2, 5, 1, 1, 5, None]


@pytest.mark.parametrize("assets", [("a", "b"), ("b", "a")])
def test_assets_are_streams_of_their_own(assets: tuple[str, str]) -> None:
    values, probabilities = _records(4, 3)
    logs = [
        replayed(values, probabilities, CLASSES, window=1, batch=4, begin=BEGIN, period=PERIOD, asset=asset)
        for asset in assets
    ]
    stream = _unpack(pl.concat(logs).sort("time"), 1)
    assert stream.assets.tolist() == ["a"] * 4 + ["b"] * 4
    np.testing.assert_array_equal(stream.rows, np.concatenate([values, values]))
