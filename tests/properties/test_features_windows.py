"""Windows and splits: for any runs, no window crosses a hole and no two parts of a split share a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.core import features

Indexes = npt.NDArray[np.int64]


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Indexes, npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Runs of different lengths, with missing records and unusable rows."""
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=5))
    runs = np.repeat(np.arange(len(lengths)), lengths)
    steps = np.array(
        draw(st.lists(st.sampled_from([1.0, 1.0, 1.0, 1.4, 2.0, 7.0]), min_size=len(runs), max_size=len(runs)))
    )
    usable = np.array(draw(st.lists(st.booleans(), min_size=len(runs), max_size=len(runs))), dtype=bool)
    return runs.astype(np.int64), np.cumsum(steps), usable


@given(recordings(), st.integers(1, 6), st.integers(1, 4))
def test_a_window_lies_in_one_run_without_a_hole(
    recording: tuple[Indexes, npt.NDArray[np.float64], npt.NDArray[np.bool_]], window: int, stride: int
) -> None:
    runs, seconds, usable = recording
    stretch = features.stretches(runs, seconds, usable, 1.0)
    ends = features.window_ends(stretch, window, stride)
    for end in ends.tolist():
        rows = slice(end - window + 1, end + 1)
        assert len(set(runs[rows].tolist())) == 1
        assert usable[rows].all()
        assert (np.diff(seconds[rows]) <= 1.5).all()
    if stride == 1:  # and none that could be cut is left out
        legal = [
            end
            for end in range(window - 1, len(runs))
            if usable[end - window + 1 : end + 1].all()
            and (runs[end - window + 1 : end + 1] == runs[end]).all()
            and (np.diff(seconds[end - window + 1 : end + 1]) <= 1.5).all()
        ]
        assert ends.tolist() == legal


@given(st.integers(1, 5), st.integers(1, 20), st.data())
def test_taken_windows_are_the_rows_before_their_end(window: int, count: int, data: st.DataObject) -> None:
    values = np.arange(3.0 * (window + count)).reshape(-1, 3)
    ends = np.array(data.draw(st.lists(st.integers(window - 1, window + count - 1), max_size=8)), dtype=np.int64)
    taken = features.take_windows(values, ends, window)
    assert taken.shape == (len(ends), window, 3)
    for index, end in enumerate(ends.tolist()):
        assert (taken[index] == values[end - window + 1 : end + 1]).all()


@st.composite
def labelled_runs(draw: st.DrawFn) -> tuple[Indexes, Indexes]:
    """Runs that each hold one to three stretches of labels."""
    runs: list[int] = []
    labels: list[int] = []
    for run in range(draw(st.integers(1, 6))):
        for _ in range(draw(st.integers(1, 3))):
            length = draw(st.integers(5, 80))
            runs += [run] * length
            labels += [draw(st.integers(0, 2))] * length
    return np.array(runs), np.array(labels)


@settings(deadline=None)
@given(labelled_runs(), st.integers(2, 5), st.integers(2, 4), st.integers(1, 5))
def test_no_training_window_comes_within_the_gap_of_a_judging_one(
    rows: tuple[Indexes, Indexes], window: int, folds: int, extra: int
) -> None:
    runs, labels = rows
    try:
        split = features.split_blocks(runs, runs, labels, window=window, folds=folds, gap=window + extra)
    except InvalidSpec:
        assume(False)
    for fold in range(folds):
        training = _rows(split.training_parts(fold), window)
        judging = _rows(split.validation_parts(fold), window)
        assert training and judging
        for row in judging:
            near = [other for other in training if abs(other - row) <= split.gap and runs[other] == runs[row]]
            assert not near, f"rows {near} train beside row {row} that judges"
        if split.by_run:
            assert not {runs[row] for row in training} & {runs[row] for row in judging}


@settings(deadline=None)
@given(labelled_runs(), st.integers(2, 4))
def test_every_row_judges_exactly_once(rows: tuple[Indexes, Indexes], folds: int) -> None:
    runs, labels = rows
    try:
        split = features.split_blocks(runs, runs, labels, window=2, folds=folds)
    except InvalidSpec:
        assume(False)
    judged = np.stack([split.validation_parts(fold) >= 0 for fold in range(folds)])
    assert (judged.sum(axis=0) == 1).all()


@settings(deadline=None)
@given(st.integers(2, 4), st.integers(2, 4), st.integers(40, 60), st.booleans())
def test_every_class_is_in_both_parts(folds: int, kinds: int, length: int, many_runs: bool) -> None:
    """With blocks (one run per class) and with runs (as many per class as folds)."""
    per_class = folds if many_runs else 1
    labels = np.repeat(np.arange(kinds), per_class * length * folds)
    runs = np.repeat(np.arange(kinds * per_class), length * folds)
    split = features.split_blocks(runs, runs, labels, window=4, folds=folds)
    assert split.by_run == many_runs
    for fold in range(folds):
        assert {labels[row] for row in _rows(split.validation_parts(fold), 4)} == set(range(kinds))
        assert {labels[row] for row in _rows(split.training_parts(fold), 4)} == set(range(kinds))


def test_a_gap_that_is_not_longer_than_the_window_is_refused() -> None:
    rows = np.zeros(100, dtype=np.int64)
    with pytest.raises(InvalidSpec, match="leaks"):
        features.split_blocks(rows, rows, rows, window=5, folds=2, gap=5)


def test_runs_too_short_for_the_window_are_refused() -> None:
    rows = np.zeros(20, dtype=np.int64)
    with pytest.raises(InvalidSpec, match="too short"):
        features.split_blocks(rows, rows, rows, window=15, folds=3)


def _rows(parts: Any, window: int) -> set[int]:
    """All rows of all windows of the parts."""
    return {int(row) for end in features.window_ends(parts, window) for row in range(end - window + 1, end + 1)}
