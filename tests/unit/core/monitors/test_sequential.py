"""A detector keeps its promise however often it is looked at, finds changes soon, and can be carried on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.core.monitors.sequential import POWERS, Detector, conformal_p_values, watch


def test_alarms_by_chance_are_rarer_than_promised() -> None:
    """Uniform p-values: a horizon of h rows means at most one alarm in h rows on average."""
    draw = np.random.default_rng(1)
    for horizon in (50.0, 500.0):
        rows = 200_000
        alarms = len(watch(draw.uniform(size=rows), Detector(horizon=horizon)).alarms)
        assert alarms <= rows / horizon


def test_a_fixed_calibration_set_keeps_the_promise_too() -> None:
    """With 500 held-out scores the plain rank would break it for some sets; the cautious one does not for most."""
    broken = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        p_values = conformal_p_values(draw.normal(size=5000), draw.normal(size=500))
        broken += len(watch(p_values, Detector(horizon=5000.0)).alarms) > 1
    assert broken <= 2


@pytest.mark.parametrize(("shift", "most"), [(0.5, 900), (1.0, 120), (2.0, 30)])
def test_a_shift_is_found_soon_and_its_begin_is_near(shift: float, most: int) -> None:
    delays, errors = [], []
    for seed in range(20):
        draw = np.random.default_rng(seed)
        scores = draw.normal(size=4000)
        scores[2000:] += shift
        found = watch(conformal_p_values(scores, draw.normal(size=3000)), Detector(horizon=10_000.0))
        late = found.alarms >= 2000
        assert late.any()
        delays.append(int(found.alarms[late][0]) - 2000)
        errors.append(abs(int(found.onsets[late][0]) - 2000))
    assert np.median(delays) <= most
    assert np.median(errors) <= most


@given(st.integers(0, 999), st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=50, deadline=None)
def test_in_pieces_as_in_one_go(seed: int, sizes: list[int]) -> None:
    draw = np.random.default_rng(seed)
    p_values = draw.beta(0.5, 1.0, size=sum(sizes))
    whole = watch(p_values, Detector(horizon=20.0))
    detector, values, alarms, begin = Detector(horizon=20.0), [], [], 0
    for size in sizes:
        part = watch(p_values[begin : begin + size], detector)
        detector, begin = part.detector, begin + size
        values.append(part.values)
        alarms += [begin - size + row for row in part.alarms.tolist()]
    np.testing.assert_allclose(np.concatenate([*values, np.zeros(0)]), whole.values, atol=1e-9)
    assert alarms == whole.alarms.tolist()
    assert detector.rows == whole.detector.rows == len(p_values)
    np.testing.assert_allclose(detector.wealth, whole.detector.wealth, atol=1e-9)


@given(st.lists(st.floats(1e-6, 1), max_size=40))
def test_it_is_the_recursion(p_values: list[float]) -> None:
    """Value by value: what is lost below 1 is forgiven, the gain of each bet is added, the bets are averaged."""
    wealth, alarms, values = [0.0] * len(POWERS), [], []
    for row, p in enumerate(p_values):
        wealth = [max(0.0, w) + np.log(k) + (k - 1) * np.log(p) for w, k in zip(wealth, POWERS, strict=True)]
        values.append(float(np.log(np.mean(np.exp(wealth)))))
        if values[-1] >= np.log(100.0):
            alarms.append(row)
            wealth = [0.0] * len(POWERS)
    found = watch(np.array(p_values), Detector(horizon=100.0))
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    assert found.alarms.tolist() == alarms


@given(st.integers(1, 60), st.integers(0, 99))
def test_p_values_are_cautious_ranks(count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    calibration = draw.normal(size=count)
    scores = np.append(draw.normal(size=20), np.nan)
    found = conformal_p_values(scores, calibration)
    ranks = np.array([np.mean(calibration >= score) for score in scores[:-1]])
    assert (found[:-1] >= ranks).all()
    assert (found > 0).all()
    assert (found <= 1).all()
    assert found[-1] == 1.0
    order = np.argsort(scores[:-1])
    assert (np.diff(found[:-1][order]) <= 1e-12).all()


def test_what_promises_nothing_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="promises nothing"):
        watch(np.ones(3), Detector(horizon=1.0))
    with pytest.raises(InvalidSpec, match="no held-out score"):
        conformal_p_values(np.ones(3), np.array([np.nan]))
