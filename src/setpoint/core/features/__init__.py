"""Windows, features and splits: pure, used by training and by the model server alike."""

from setpoint.core.features.pipeline import (
    FeatureSpec,
    FittedFeatures,
    MissingPolicy,
    Statistic,
    Transform,
    check_spec,
    fit,
    precision_matrix,
)
from setpoint.core.features.reference import near_normal
from setpoint.core.features.split import BlockSplit, split_blocks
from setpoint.core.features.windows import HOLE, spans, stretches, take_windows, window_ends

__all__ = [
    "HOLE",
    "BlockSplit",
    "FeatureSpec",
    "FittedFeatures",
    "MissingPolicy",
    "Statistic",
    "Transform",
    "check_spec",
    "fit",
    "near_normal",
    "precision_matrix",
    "spans",
    "split_blocks",
    "stretches",
    "take_windows",
    "window_ends",
]
