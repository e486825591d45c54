"""Fits features and classifiers to windows; every draw comes from a seed and every thread count is fixed.

Decides how windows are collected and how LightGBM and the linear baseline are asked to learn. Invariant: equal data,
parameters and seed give equal bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from setpoint.components.model_training.dataset import Dataset
from setpoint.core import features
from setpoint.core.features import FeatureSpec, FittedFeatures
from setpoint.core.models import LinearWeights

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_THREADS = 1  # fixed; several threads of one fit wait for each other at every split of these small trees
_LINEAR_ITERATIONS = 60
_FIXED: Mapping[str, Any] = {
    "objective": "multiclass",
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": _THREADS,
    "max_bin": 63,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Windows of training rows and the features fitted on them."""

    fitted: FittedFeatures
    features: Floats  # (n, f)
    labels: Indexes  # (n,)


def collect(
    data: Dataset, parts: Indexes, spec: FeatureSpec, *, stride: int, onset_windows: bool, seed: int
) -> TrainingSet:
    """Windows that lie in the parts, features fitted on them and on near-normal rows of the parts.

    Args:
        data: The whole data set.
        parts: Part of each row, negative for rows that may not be seen.
        spec: The declared features.
        stride: Rows from one window to the next.
        onset_windows: Also compose windows over the onset of a fault, see `onsets`.
        seed: For the choice of normal rows in composed windows.
    """
    ends = features.window_ends(parts, spec.window, stride)
    windows = features.take_windows(data.values, ends, spec.window)
    labels = data.labels[ends]
    if onset_windows:
        composed, composed_labels = onsets(data, parts, spec.window, stride=stride, seed=seed)
        windows = np.concatenate([windows, composed])
        labels = np.concatenate([labels, composed_labels])
    normal = normal_rows(data, parts)
    fitted = features.fit(spec, windows, reference=None if normal is None else data.values[normal])
    return TrainingSet(fitted=fitted, features=fitted.prepare()(windows), labels=labels)


def onsets(data: Dataset, parts: Indexes, window: int, *, stride: int, seed: int) -> tuple[Floats, Indexes]:
    """Windows over the onset of faults whose recording begins with the fault.

    Such a recording has no window with normal rows before faulty ones, which is what a running plant shows in the
    first records of a fault. Each is composed of the last rows of a normal window and the first rows of the run, and
    bears the fault's label, as every window bears that of its last row. Training rows only.

    Returns:
        Windows, shape (m, window, d), and their label codes, shape (m,).
    """
    rng = np.random.default_rng(seed)
    calm = features.window_ends(np.where(data.labels == data.normal, parts, features.HOLE), window)
    windows: list[Floats] = []
    labels: list[int] = []
    first_of_run = {int(run): index for index, run in reversed(list(enumerate(data.runs)))}
    for start, stop in features.spans(parts):
        begins = first_of_run[int(data.runs[start])] == start
        if parts[start] < 0 or data.labels[start] == data.normal or not begins or not len(calm):
            continue
        for count in range(1, min(window, stop - start + 1), stride):
            end = int(calm[rng.integers(len(calm))])
            before = data.values[end - (window - count) + 1 : end + 1]
            windows.append(np.concatenate([before, data.values[start : start + count]]))
            labels.append(int(data.labels[start + count - 1]))
    stacked = np.stack(windows) if windows else np.zeros((0, window, data.values.shape[1]))
    return stacked, np.array(labels, dtype=np.int64)


def fit_boosted(
    train: TrainingSet, classes: int, parameters: Mapping[str, Any], *, rounds: int, seed: int
) -> lightgbm.Booster:
    """A LightGBM ensemble of `rounds` rounds of one tree per class."""
    settings = {**_FIXED, "num_class": classes, "seed": seed, **parameters}
    table = lightgbm.Dataset(train.features, train.labels, free_raw_data=True)
    return lightgbm.train(settings, table, num_boost_round=rounds)


def fit_linear(train: TrainingSet, classes: int, *, inverse_penalty: float, seed: int) -> LinearWeights:
    """Multinomial logistic regression with an L2 penalty, as plain numbers.

    A class without a training window gets an intercept that no score reaches.
    """
    model = LogisticRegression(C=inverse_penalty, max_iter=_LINEAR_ITERATIONS, tol=1e-3, random_state=seed)
    with warnings.catch_warnings():
        # Stopped early on purpose: the last digits of the likelihood cost minutes and change no answer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train.features, train.labels)
    coefficients = np.zeros((classes, train.features.shape[1]))
    intercepts = np.full(classes, -1e9)
    rows = np.asarray(model.coef_, dtype=np.float64)
    offsets = np.asarray(model.intercept_, dtype=np.float64)
    if len(model.classes_) == 2 and len(rows) == 1:
        rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
    coefficients[model.classes_] = rows
    intercepts[model.classes_] = offsets
    return LinearWeights(
        coefficients=tuple(tuple(row) for row in coefficients.tolist()), intercepts=tuple(intercepts.tolist())
    )


def normal_rows(data: Dataset, parts: Indexes) -> Mask | None:
    """Which rows of the parts are normal operation or cannot be told from it, shape (n,); None if they are too few."""
    seen = np.flatnonzero(parts >= 0)
    normal = data.labels[seen] == data.normal
    if normal.sum() < 2 * data.values.shape[1]:
        return None  # too few for a covariance
    groups = np.zeros(len(seen), dtype=np.int64)
    pair = np.stack([data.runs[seen], data.labels[seen]], axis=1)
    groups[1:] = (np.diff(pair, axis=0) != 0).any(axis=1).cumsum()
    chosen = np.zeros(len(parts), dtype=bool)
    chosen[seen] = features.near_normal(data.values[seen], groups, normal)
    return chosen
