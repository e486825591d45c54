"""What each feature is, by hand; and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.core import features
from setpoint.core.features import FeatureSpec, MissingPolicy, Statistic


def _raw(spec: FeatureSpec, window: Any) -> dict[str, float]:
    """Features of one window with centre 0 and scale 1."""
    fitted = features.fit(spec, np.random.default_rng(0).normal(size=(20, spec.window, len(spec.columns))))
    count = len(spec.columns)
    plain = fitted.replace(center=(0.0,) * count, scale=(1.0,) * count)
    return dict(zip(spec.names(), plain.prepare().raw(np.array([window], dtype=float))[0].tolist(), strict=True))


def test_statistics_of_a_ramp() -> None:
    spec = FeatureSpec(columns=("x",), window=5, lags=(2,), differences=(4,))
    found = _raw(spec, [[0.0], [2.0], [4.0], [6.0], [8.0]])
    assert found == pytest.approx(
        {
            "mean(x)": 4.0,
            "std(x)": np.sqrt(8.0),
            "min(x)": 0.0,
            "max(x)": 8.0,
            "slope(x)": 10.0,  # 2 a row over a window of 5 rows
            "last(x)": 8.0,
            "roughness(x)": 0.0,
            "lag2(x)": 4.0,
            "diff4(x)": 8.0,
        }
    )


def test_roughness_sees_noise_and_not_trend() -> None:
    spec = FeatureSpec(columns=("x",), window=5, statistics=(Statistic.ROUGHNESS,))
    assert _raw(spec, [[0.0], [1.0], [0.0], [1.0], [0.0]])["roughness(x)"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("policy", "last", "smallest"), [(MissingPolicy.HOLD, 3.0, 0.0), (MissingPolicy.MEAN, 0.0, 0.0)]
)
def test_a_missing_value_is_held_or_becomes_the_mean(policy: MissingPolicy, last: float, smallest: float) -> None:
    nan = float("nan")
    spec = FeatureSpec(columns=("x",), window=4, statistics=(Statistic.LAST, Statistic.MIN), missing=policy)
    found = _raw(spec, [[nan], [3.0], [nan], [nan]])
    assert found == {"last(x)": last, "min(x)": smallest}


def test_a_missing_value_is_refused_where_the_policy_says_so() -> None:
    spec = FeatureSpec(columns=("x",), window=2, missing=MissingPolicy.REFUSE)
    with pytest.raises(InvalidSpec, match="missing value"):
        _raw(spec, [[1.0], [float("nan")]])


def test_training_windows_come_out_standardised() -> None:
    rng = np.random.default_rng(0)
    windows = rng.normal([100.0, -3.0], [20.0, 0.1], size=(200, 6, 2))
    fitted = features.fit(FeatureSpec(columns=("a", "b"), window=6, residuals=True), windows)
    found = fitted.prepare()(windows)
    assert found.mean(axis=0) == pytest.approx(np.zeros(found.shape[1]), abs=1e-9)
    assert found.std(axis=0) == pytest.approx(np.ones(found.shape[1]), abs=1e-6)


def test_a_residual_shows_a_broken_tie_that_no_column_shows() -> None:
    """b follows a; a window in which it does not has ordinary values of both."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(400, 8))
    windows = np.stack([a, a + 0.05 * rng.normal(size=a.shape)], axis=2)
    spec = FeatureSpec(columns=("a", "b"), window=8, statistics=(Statistic.MEAN,), residuals=True)
    transform = features.fit(spec, windows).prepare()
    broken = np.stack([np.full(8, 0.7), np.full(8, -0.7)], axis=1)[None]
    found = dict(zip(spec.names(), np.abs(transform(broken))[0].tolist(), strict=True))
    assert found["mean(a)"] < 3 and found["mean(b)"] < 3
    assert found["mean(residual(a))"] > 10 and found["mean(residual(b))"] > 10


def test_near_normal_rows_are_those_of_groups_that_look_normal() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 4))
    groups = np.repeat(np.arange(3), 200)
    rows[400:] += 3.0
    chosen = features.near_normal(rows, groups, groups == 0)
    assert chosen[:400].all() and not chosen[400:].any()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"columns": ()}, "columns"),
        ({"columns": ("x", "x")}, "columns"),
        ({"window": 1}, "window"),
        ({"statistics": ()}, "statistics"),
        ({"lags": (5,)}, "lags"),
        ({"differences": (0,)}, "differences"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(changes: dict[str, Any], path: str) -> None:
    spec = FeatureSpec(columns=("x",), window=5).replace(**changes)
    with pytest.raises(InvalidSpec) as caught:
        features.check_spec(spec)
    assert caught.value.path == path


@pytest.mark.parametrize("windows", [np.zeros((3, 4, 1)), np.zeros((5, 1)), np.full((3, 5, 1), np.inf)])
def test_windows_of_another_shape_or_infinite_are_refused(windows: Any) -> None:
    transform = features.fit(FeatureSpec(columns=("x",), window=5), np.random.default_rng(0).normal(size=(9, 5, 1)))
    with pytest.raises(InvalidSpec):
        transform.prepare()(windows)


def test_a_column_without_any_value_is_refused() -> None:
    windows = np.random.default_rng(0).normal(size=(9, 5, 2))
    windows[:, :, 1] = np.nan
    with pytest.raises(InvalidSpec, match="b"):
        features.fit(FeatureSpec(columns=("a", "b"), window=5), windows)
