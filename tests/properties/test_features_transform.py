"""Features: a batch gives bit for bit what its windows give one by one, whatever else is in the batch."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from setpoint.core import features
from setpoint.core.features import FeatureSpec, FittedFeatures, MissingPolicy, Statistic

VALUES = st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")))


def _fitted(columns: int, window: int, policy: MissingPolicy) -> FittedFeatures:
    spec = FeatureSpec(
        columns=tuple(f"x{index}" for index in range(columns)),
        window=window,
        lags=(1,),
        differences=(1, window - 1),
        residuals=True,
        missing=policy,
    )
    rng = np.random.default_rng(columns * 100 + window)
    return features.fit(spec, rng.normal(5.0, 3.0, size=(30, window, columns)))


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(2, 9), st.sampled_from([MissingPolicy.HOLD, MissingPolicy.MEAN]), st.data())
def test_batch_equals_one_by_one(columns: int, window: int, policy: MissingPolicy, data: st.DataObject) -> None:
    transform = _fitted(columns, window, policy).prepare()
    count = data.draw(st.integers(1, 7))
    windows = data.draw(arrays.arrays(np.float64, (count, window, columns), elements=VALUES))
    batch = transform(windows)
    single = np.concatenate([transform(windows[index : index + 1]) for index in range(count)])
    assert np.isfinite(batch).all()
    assert (batch == single).all()


@settings(deadline=None)
@given(st.data())
def test_other_windows_do_not_matter(data: st.DataObject) -> None:
    transform = _fitted(3, 5, MissingPolicy.HOLD).prepare()
    windows = data.draw(arrays.arrays(np.float64, (4, 5, 3), elements=VALUES))
    others = data.draw(arrays.arrays(np.float64, (4, 5, 3), elements=VALUES))
    index = data.draw(st.integers(0, 3))
    others[index] = windows[index]
    assert (transform(windows)[index] == transform(others)[index]).all()


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(2, 9))
def test_stored_features_come_back_equal(columns: int, window: int) -> None:
    fitted = _fitted(columns, window, MissingPolicy.HOLD)
    again = msgspec.json.decode(msgspec.json.encode(fitted), type=FittedFeatures)
    assert again == fitted
    windows = np.random.default_rng(0).normal(size=(3, window, columns))
    assert (again.prepare()(windows) == fitted.prepare()(windows)).all()


@pytest.mark.parametrize("count", [1, 511, 512, 1300])
def test_chunks_do_not_show(count: int) -> None:
    """The transform works in chunks; the answer must not depend on where one ends."""
    transform = _fitted(2, 4, MissingPolicy.HOLD).prepare()
    values: npt.NDArray[np.float64] = np.random.default_rng(1).normal(size=(count + 3, 2))
    ends = np.arange(3, count + 3)
    whole = transform(features.take_windows(values, ends, 4))
    assert (transform.rows(values, ends) == whole).all()
    assert (transform(features.take_windows(values, ends[-1:], 4))[0] == whole[-1]).all()


def test_every_statistic_has_a_name_and_a_column() -> None:
    fitted = _fitted(2, 4, MissingPolicy.HOLD)
    names = fitted.spec.names()
    assert len(set(names)) == len(names) == len(fitted.feature_center)
    assert len(names) == len(Statistic) * 4 + 2 + 4
