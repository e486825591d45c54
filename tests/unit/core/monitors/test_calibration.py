"""Scores that remember the one before do not break the promise, and what is far out is known as far out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.core.monitors.calibration import calibrate, p_values
from setpoint.core.monitors.sequential import Detector, conformal_p_values, watch

Floats = npt.NDArray[np.float64]


def remembering(draw: np.random.Generator, count: int, carry: float) -> Floats:
    """An autoregressive score of variance 1, (n, 1)."""
    noise = draw.normal(size=count) * np.sqrt(1 - carry**2)
    found = np.empty(count)
    last = draw.normal()
    for index in range(count):
        last = carry * last + noise[index]
        found[index] = last
    return found[:, None]


def follows(count: int) -> npt.NDArray[np.bool_]:
    return np.arange(count) > 0


def test_the_promise_holds_for_scores_that_remember() -> None:
    """Ranked as they are they break it; ranked by what is new in them they keep it."""
    horizon, plain, ours = 500.0, 0, 0
    for seed in range(10):
        draw = np.random.default_rng(seed)
        held, live = remembering(draw, 600, 0.7), remembering(draw, 5000, 0.7)
        plain += len(watch(conformal_p_values(live[:, 0], held[:, 0]), Detector(horizon=horizon)).alarms)
        found = p_values(calibrate(held, follows(600)), live, follows(5000))
        ours += len(watch(found, Detector(horizon=horizon)).alarms)
    assert ours <= 10 * 5000 / horizon
    assert plain > 1.5 * 10 * 5000 / horizon


def test_a_strange_stretch_does_not_excuse_itself() -> None:
    draw = np.random.default_rng(3)
    calibration = calibrate(remembering(draw, 600, 0.7), follows(600))
    live = np.concatenate([remembering(draw, 50, 0.7), 4.0 + remembering(draw, 50, 0.7)])
    found = p_values(calibration, live, follows(100))
    assert np.median(found[51:, 0]) < 0.02
    alarms = watch(found, Detector(horizon=500.0)).alarms
    assert 50 <= alarms[0] <= 56


def test_far_beyond_is_rarer_than_just_beyond_and_one_block_is_no_proof() -> None:
    draw = np.random.default_rng(4)
    calibration = calibrate(draw.normal(size=(60, 1)), follows(60))
    found = p_values(calibration, np.array([[3.0], [5.0], [50.0], [np.nan]]), np.zeros(4, dtype=bool))[:, 0]
    assert found[0] > found[1] > found[2] == 1e-5
    assert found[3] == 1.0
    assert calibration.blocks == 59  # the first had none before it


def test_too_little_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="7 blocks of normal operation are too few"):
        calibrate(np.zeros((7, 2)), follows(7))
