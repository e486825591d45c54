"""The moving-block bootstrap: sizes, seeds, and intervals that grow with dependence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.core import metrics


@given(st.lists(st.integers(1, 25), min_size=1, max_size=5), st.integers(1, 12), st.integers(0, 5))
def test_every_replicate_keeps_the_size_of_every_run(lengths: list[int], block: int, seed: int) -> None:
    runs = np.repeat(np.arange(len(lengths)), lengths)
    weights = metrics.block_weights(runs, block_length=block, replicates=4, seed=seed)
    for run, length in enumerate(lengths):
        assert (weights[:, runs == run].sum(axis=1) == length).all()
    assert (weights == metrics.block_weights(runs, block_length=block, replicates=4, seed=seed)).all()


def test_blocks_are_neighbours() -> None:
    weights = metrics.block_weights(np.zeros(50, dtype=np.int64), block_length=10, replicates=20, seed=0)
    for row in weights:
        held = np.flatnonzero(row)
        assert len(np.flatnonzero(np.diff(held) > 1)) + 1 <= 5  # five blocks at most


def test_the_interval_of_dependent_windows_is_wider_with_blocks_than_without() -> None:
    values = np.repeat(np.random.default_rng(0).random(40), 25)  # 1000 windows, 40 of them different
    runs = np.zeros(1000, dtype=np.int64)

    def width(block: int) -> float:
        weights = metrics.block_weights(runs, block_length=block, replicates=300, seed=1)
        found = metrics.intervals(lambda drawn: {"mean": float(np.average(values, weights=drawn))}, weights)["mean"]
        assert found.low < found.estimate < found.high
        return found.high - found.low

    assert width(50) > 3 * width(1)


def test_a_figure_without_meaning_has_no_interval() -> None:
    weights = metrics.block_weights(np.zeros(5, dtype=np.int64), block_length=2, replicates=3, seed=0)
    found = metrics.intervals(lambda drawn: {"x": float("nan")}, weights)["x"]
    assert np.isnan([found.estimate, found.low, found.high]).all()


@pytest.mark.parametrize(("block", "replicates"), [(0, 10), (3, 1)])
def test_senseless_settings_are_refused(block: int, replicates: int) -> None:
    with pytest.raises(InvalidSpec):
        metrics.block_weights(np.zeros(5, dtype=np.int64), block_length=block, replicates=replicates, seed=0)
