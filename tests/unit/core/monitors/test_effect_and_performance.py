"""Effect sizes are distances; intervals of performance hold at all times; cohorts count what is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.monitors.effect import PSI_MOVED, PSI_SHIFTED, describe, measure_effects
from setpoint.core.monitors.performance import cohorts, confidence_sequence, estimate_mean

NAMES = ("a", "b", "c")


def _rows(seed: int, count: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    rows = np.stack([draw.normal(size=count), draw.integers(0, 3, count), np.full(count, 7.0)], axis=1)
    rows[draw.random(rows.shape) < 0.1] = np.nan
    return rows


@given(st.integers(0, 99), st.integers(1, 400), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_effects_are_distances_from_the_reference(seed: int, then: int, now: int) -> None:
    reference = describe(_rows(seed, then), NAMES)
    assert all(sum(one.counts) == then and len(one.counts) == len(one.edges) + 2 for one in reference)
    same = measure_effects(_rows(seed, then), reference)
    np.testing.assert_allclose(same.psi, 0, atol=1e-12)
    np.testing.assert_allclose(same.divergence, 0, atol=1e-12)
    other = measure_effects(_rows(seed + 1, now), reference)
    assert (other.psi >= 0).all()
    assert ((other.divergence >= 0) & (other.divergence <= 1)).all()


def test_sizes_mean_what_is_customary() -> None:
    draw = np.random.default_rng(1)
    reference = describe(draw.normal(size=(5000, 2)), ("still", "moved"))
    rows = np.stack([draw.normal(size=2000), draw.normal(0.6, 1, 2000)], axis=1)
    effects = measure_effects(rows, reference)
    assert effects.psi[0] < PSI_MOVED
    assert effects.psi[1] > PSI_SHIFTED
    rows[:600, 0] = np.nan  # a sensor that drops out has moved although its other values have not
    assert measure_effects(rows, reference).psi[0] > PSI_SHIFTED


@given(st.integers(0, 99), st.floats(0.02, 0.98))
@settings(max_examples=30, deadline=None)
def test_an_interval_holds_its_running_mean_and_narrows(seed: int, mean: float) -> None:
    values = (np.random.default_rng(seed).random(400) < mean).astype(float)
    ends = confidence_sequence(values)
    running = np.cumsum(values) / np.arange(1, 401)
    assert ((ends[:, 0] <= running) & (running <= ends[:, 1])).all()
    assert ends[-1, 1] - ends[-1, 0] < ends[50, 1] - ends[50, 0]


def test_the_true_mean_is_hardly_ever_outside_at_any_time() -> None:
    draw = np.random.default_rng(1)
    left = 0
    for _ in range(300):
        ends = confidence_sequence((draw.random(2000) < 0.9).astype(float))
        left += bool(((ends[:, 0] > 0.9) | (ends[:, 1] < 0.9)).any())
    assert left <= 15  # 5 %


def test_hits_are_averaged_over_blocks() -> None:
    hits = np.array([1.0, 1, 0, 0, 1, 1, 1])
    found = estimate_mean(hits, block=2)
    assert found.value == pytest.approx(2 / 3)
    assert found.blocks == 3
    assert found.low <= found.value <= found.high
    nothing = estimate_mean(hits, block=8)
    assert np.isnan(nothing.value)
    assert (nothing.low, nothing.high, nothing.blocks) == (0.0, 1.0, 0)


def test_cohorts_say_how_much_is_known_and_how_late() -> None:
    asked = np.datetime64("2026-03-01T00:00", "us") + np.arange(6) * np.timedelta64(40, "m")
    said = asked + np.timedelta64(2, "h")
    said[[1, 4]] = np.datetime64("NaT")
    truth = ["a", "", "b", "a", "", "b"]
    found = cohorts(asked, ["a"] * 6, truth, said, length=np.timedelta64(1, "h"))
    assert [(one.answers, one.labelled, one.coverage) for one in found] == [
        (2, 1, 0.5),
        (1, 1, 1.0),
        (2, 1, 0.5),
        (1, 1, 1.0),
    ]
    assert [one.accuracy for one in found] == [1.0, 0.0, 1.0, 0.0]
    assert {one.median_lag_seconds for one in found} == {7200.0}
    assert found[1].begin == np.datetime64("2026-03-01T01:00", "us")
    nobody = cohorts(asked, ["a"] * 6, [""] * 6, np.full(6, np.datetime64("NaT", "us")), length=np.timedelta64(1, "D"))
    assert (nobody[0].coverage, np.isnan(nobody[0].accuracy)) == (0.0, True)
