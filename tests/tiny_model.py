"""A real but tiny model directory: a classifier over two columns, for tests of what serves models."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np

from setpoint.core.features import FeatureSpec, fit
from setpoint.core.features.windows import Floats
from setpoint.core.models import (
    InputColumn,
    LinearWeights,
    ModelDocument,
    ModelKind,
    golden_of,
    load,
    model_files,
)

WINDOW, COLUMNS, CLASSES = 4, ("temperature", "level"), ("0", "1", "2")


def tiny_windows(count: int, *, seed: int = 3) -> Floats:
    """Windows, shape (count, 4, 2)."""
    windows: Floats = np.random.default_rng(seed).normal(loc=(350.0, 1.5), scale=(5.0, 0.2), size=(count, WINDOW, 2))
    return windows


def _boosted(features: Floats, *, seed: int) -> str:
    """A LightGBM model of a made-up rule."""
    labels = np.digitize(features[:, 0], (-0.4, 0.4))
    parameters = {"objective": "multiclass", "num_class": 3, "verbose": -1, "seed": seed, "min_data_in_leaf": 2}
    booster = lightgbm.train(parameters, lightgbm.Dataset(features, label=labels), num_boost_round=5)
    text: str = booster.model_to_string()
    return text


def write_tiny_model(directory: Path, *, seed: int = 1, broken_golden: bool = False, boosted: bool = False) -> Path:
    """Write the model directory; another seed gives another model, `broken_golden` one that contradicts itself."""
    random = np.random.default_rng(seed)
    features = fit(FeatureSpec(columns=COLUMNS, window=WINDOW), tiny_windows(50))
    width = len(features.feature_center)
    weights: str | LinearWeights = LinearWeights(
        coefficients=tuple(tuple(row) for row in random.normal(size=(len(CLASSES), width)).tolist()),
        intercepts=tuple(random.normal(size=len(CLASSES)).tolist()),
    )
    if boosted:
        weights = _boosted(features.prepare()(tiny_windows(80)), seed=seed)
    document = ModelDocument(
        kind=ModelKind.LIGHTGBM if boosted else ModelKind.LINEAR,
        classes=CLASSES,
        normal_label="0",
        target="fault",
        features=features,
        columns=tuple(InputColumn(name=name) for name in COLUMNS),
        sample_period_seconds=180.0,
        data_checksum=f"seed-{seed}",
        seed=seed,
    )
    rows = tiny_windows(3, seed=seed + 100)
    rows[1, 2, 0] = np.nan  # golden rows know missing values
    empty = golden_of(rows, (), np.zeros((0, 3)))
    model = load(model_files(document, weights, empty))
    labels, probabilities = model.predict(rows)
    if broken_golden:
        probabilities = np.roll(probabilities, 1, axis=1)
    golden = golden_of(rows, tuple(labels), probabilities)
    directory.mkdir(parents=True)
    for name, content in model_files(document, weights, golden).items():
        (directory / name).write_bytes(content)
    return directory
