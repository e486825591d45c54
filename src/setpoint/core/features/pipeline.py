"""From a window of raw measurements to one row of features; the same code in training and in the model server.

Decides what a feature is and how missing values are treated. Invariant: the features of a window depend on that
window and on what was fitted, on nothing else, so a batch gives bit for bit what its windows give one by one.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire
from setpoint.core.features.windows import Floats, Indexes, take_windows

_CHUNK = 512  # windows per step: bounds memory to some tens of megabytes whatever the batch
_RIDGE = 1e-3  # variance added to each standardised column


class Statistic(StrEnum):
    """What is computed of each column over the window."""

    MEAN = "mean"
    STD = "std"
    MIN = "min"
    MAX = "max"
    SLOPE = "slope"  # least squares, per window length: the rise of the fitted line over the window
    LAST = "last"
    ROUGHNESS = "roughness"  # standard deviation of first differences: noise and oscillation without the trend


class MissingPolicy(StrEnum):
    """What happens to a value that is missing (NaN) in a window."""

    HOLD = "hold"  # the last value of the window before it; at the window's start the training mean
    MEAN = "mean"  # the training mean
    REFUSE = "refuse"  # InvalidSpec


class FeatureSpec(Wire, frozen=True, kw_only=True):
    """The declared features. `columns` are the inputs in order; lags and differences count in rows."""

    columns: tuple[str, ...]
    window: int
    statistics: tuple[Statistic, ...] = tuple(Statistic)
    lags: tuple[int, ...] = ()  # the value so many rows before the last
    differences: tuple[int, ...] = ()  # the last value minus that of so many rows before
    residuals: bool = False  # statistics also of what each column deviates from its estimate by all others
    missing: MissingPolicy = MissingPolicy.HOLD

    def names(self) -> tuple[str, ...]:
        """Name of every feature, in the order of `transform`."""
        sources = (*self.columns, *(f"residual({name})" for name in self.columns if self.residuals))
        of_all = [f"{statistic.value}({name})" for statistic in self.statistics for name in sources]
        lagged = [f"lag{lag}({name})" for lag in self.lags for name in self.columns]
        changes = [f"diff{step}({name})" for step in self.differences for name in self.columns]
        return (*of_all, *lagged, *changes)


class FittedFeatures(Wire, frozen=True, kw_only=True):
    """A spec with what was learnt from training windows; plain numbers, so that it is stored as JSON.

    `center`, `scale`: mean and standard deviation of each column (d,). `relations`: row i turns the standardised
    columns into the residual of column i, (d, d) or empty. `feature_center`, `feature_scale`: of each feature (f,).
    """

    spec: FeatureSpec
    center: tuple[float, ...]
    scale: tuple[float, ...]
    feature_center: tuple[float, ...]
    feature_scale: tuple[float, ...]
    relations: tuple[tuple[float, ...], ...] = ()

    def prepare(self) -> Transform:
        """The arrays behind the numbers; build it once and keep it."""
        return Transform(self)


class Transform:
    """Applies fitted features; immutable, safe to share between threads."""

    def __init__(self, fitted: FittedFeatures) -> None:
        self.fitted = fitted
        self._spec = fitted.spec
        self._center = np.asarray(fitted.center)
        self._scale = np.asarray(fitted.scale)
        self._relations = np.asarray(fitted.relations)
        self._feature_center = np.asarray(fitted.feature_center)
        self._feature_scale = np.asarray(fitted.feature_scale)

    def __call__(self, windows: npt.ArrayLike) -> Floats:
        """Standardised features of each window.

        Args:
            windows: Raw values, shape (n, window, d); NaN is a missing value.

        Returns:
            Features, shape (n, f), each with mean 0 and standard deviation 1 over the training windows.

        Raises:
            InvalidSpec: Wrong shape, an infinite value, or a missing one where the policy refuses it.
        """
        standard: Floats = (self.raw(windows) - self._feature_center) / self._feature_scale
        return standard

    def rows(self, values: Floats, ends: Indexes) -> Floats:
        """As calling with `take_windows(values, ends)`, in bounded memory."""
        parts = [
            self(take_windows(values, ends[start : start + _CHUNK], self._spec.window))
            for start in range(0, len(ends), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._feature_center)))

    def raw(self, windows: npt.ArrayLike) -> Floats:
        """Features before their own standardisation, shape (n, f)."""
        checked = _checked(windows, self._spec)
        parts = [self._chunk(checked[start : start + _CHUNK]) for start in range(0, len(checked), _CHUNK)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self._spec.names())))

    def _chunk(self, windows: Floats) -> Floats:
        standard = (windows - self._center) / self._scale
        filled = _fill(standard, self._spec.missing)
        sources = filled
        if self._spec.residuals:
            sources = np.concatenate([filled, filled @ self._relations.T], axis=2)
        last = self._spec.window - 1
        found = [_statistic(sources, statistic) for statistic in self._spec.statistics]
        found += [filled[:, last - lag] for lag in self._spec.lags]
        found += [filled[:, last] - filled[:, last - step] for step in self._spec.differences]
        return np.concatenate(found, axis=1)


def fit(spec: FeatureSpec, windows: npt.ArrayLike, *, reference: Floats | None = None) -> FittedFeatures:
    """Learn centres, scales and relations from training windows.

    Args:
        spec: What to compute.
        windows: Raw training windows, shape (n, window, d), n at least 2.
        reference: Rows of normal operation, shape (m, d), that centre, scale and relations are learnt from; None
            takes the rows of the windows.

    Raises:
        InvalidSpec: The spec contradicts itself, too few windows, or a column without any value.
    """
    check_spec(spec)
    checked = _checked(windows, spec.replace(missing=MissingPolicy.HOLD))
    if len(checked) < 2:
        raise InvalidSpec(f"{len(checked)} training windows of {spec.window} rows are too few: give longer runs")
    rows = checked.reshape(-1, len(spec.columns)) if reference is None else np.asarray(reference, dtype=np.float64)
    empty = [name for name, column in zip(spec.columns, rows.T, strict=True) if np.isnan(column).all()]
    if empty:
        raise InvalidSpec(f"column has no value in the training rows: {', '.join(empty)}; leave it out", path="columns")
    center = np.nanmean(rows, axis=0)
    scale = _positive(np.nanstd(rows, axis=0))
    relations = _relations((rows - center) / scale) if spec.residuals else np.zeros((0, 0))
    count = len(spec.names())
    draft = FittedFeatures(
        spec=spec,
        center=tuple(center.tolist()),
        scale=tuple(scale.tolist()),
        feature_center=(0.0,) * count,
        feature_scale=(1.0,) * count,
        relations=tuple(tuple(row) for row in relations.tolist()),
    )
    raw = draft.prepare().raw(checked)
    return draft.replace(
        feature_center=tuple(raw.mean(axis=0).tolist()), feature_scale=tuple(_positive(raw.std(axis=0)).tolist())
    )


def check_spec(spec: FeatureSpec) -> None:
    """Refuse a spec that contradicts itself.

    Raises:
        InvalidSpec: With the field's path.
    """
    if not spec.columns or len(set(spec.columns)) != len(spec.columns):
        raise InvalidSpec("at least one column, each named once", path="columns")
    if spec.window < 2:
        raise InvalidSpec(f"a window of {spec.window} rows is too short: at least 2", path="window")
    if not spec.statistics and not spec.lags and not spec.differences:
        raise InvalidSpec("no feature is declared", path="statistics")
    for path, steps in (("lags", spec.lags), ("differences", spec.differences)):
        if any(not 1 <= step < spec.window for step in steps):
            raise InvalidSpec(f"{path} lie between 1 and the window less one ({spec.window - 1})", path=path)


def _checked(windows: npt.ArrayLike, spec: FeatureSpec) -> Floats:
    array = np.ascontiguousarray(windows, dtype=np.float64)
    wanted = (spec.window, len(spec.columns))
    if array.ndim != 3 or array.shape[1:] != wanted:
        raise InvalidSpec(f"windows have shape {array.shape}, wanted (n, {wanted[0]}, {wanted[1]})", path="window")
    if np.isinf(array).any():
        raise InvalidSpec("a window holds an infinite value", path="window")
    if spec.missing is MissingPolicy.REFUSE and np.isnan(array).any():
        raise InvalidSpec("a window holds a missing value and the model's policy is `refuse`", path="window")
    return array


def _fill(standard: Floats, policy: MissingPolicy) -> Floats:
    """Without NaN; 0 is the training mean, since the values are standardised."""
    missing = np.isnan(standard)
    if not missing.any():
        return standard
    if policy is MissingPolicy.HOLD:
        rows = np.arange(standard.shape[1])[None, :, None]
        source = np.maximum.accumulate(np.where(missing, 0, rows), axis=1)
        standard = np.take_along_axis(standard, source, axis=1)
    return np.nan_to_num(standard, nan=0.0)


def _statistic(windows: Floats, statistic: Statistic) -> Floats:
    """One statistic of each column, (n, w, d) -> (n, d)."""
    found: Floats
    match statistic:
        case Statistic.MEAN:
            found = windows.mean(axis=1)
        case Statistic.STD:
            found = windows.std(axis=1)
        case Statistic.MIN:
            found = windows.min(axis=1)
        case Statistic.MAX:
            found = windows.max(axis=1)
        case Statistic.LAST:
            found = windows[:, -1]
        case Statistic.ROUGHNESS:
            found = np.diff(windows, axis=1).std(axis=1)
        case Statistic.SLOPE:
            width = windows.shape[1]
            centred = np.arange(width) - (width - 1) / 2
            weights = centred * (width / np.square(centred).sum())
            found = (windows * weights[None, :, None]).sum(axis=1)
    return found


def _relations(standard: Floats) -> Floats:
    """What each column deviates from its linear estimate by all others, in standard deviations of that, (d, d).

    Row i is row i of the inverse covariance over the root of its diagonal (Lauritzen 1996, Graphical Models, section
    5.1: the residual of the regression of column i on the rest). Balances and control loops tie the columns of a
    plant to each other; a fault that leaves every column within its range still breaks a tie.
    """
    inverse = precision_matrix(standard)
    residual: Floats = inverse / np.sqrt(np.diag(inverse))[:, None]
    return residual


def precision_matrix(standard: Floats) -> Floats:
    """Inverse covariance of standardised rows, (n, d) with NaN where missing, as (d, d)."""
    covariance = np.atleast_2d(np.cov(np.nan_to_num(standard, nan=0.0).T))
    # The ridge keeps a tie that holds exactly from turning rounding into a feature.
    inverse: Floats = np.linalg.inv(covariance + _RIDGE * np.eye(len(covariance))).astype(np.float64)
    return inverse


def _positive(scale: Floats) -> Floats:
    """A constant column or feature keeps its value: its scale is 1."""
    return np.where(scale > 1e-12, scale, 1.0)
