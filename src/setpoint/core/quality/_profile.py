"""The reference profile: what each feature looked like in training, for monitors to compare with.

Pure, and one column at a time, so that a table larger than memory can be described. Invariant: histogram edges come
from the data itself, strictly rising, and the counts of a feature plus its missing values add up to the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
BINS = 20


def starts(runs: pl.Series) -> pl.Series:
    """True in the first row of each run; the rows of a run are contiguous."""
    return (runs != runs.shift(1)).fill_null(True)


def describe(values: pl.Series, first: pl.Series) -> dict[str, Any]:
    """Statistics of one feature.

    Args:
        values: Float64, rows of a run contiguous and equally spaced; at least one row.
        first: True where a run begins, as `starts` says.

    Returns:
        rows, missing (ratio), mean, std (sample), quantiles by probability, histogram edges (21 values, or 2 for a
        constant) and counts, autocorrelation at lag 1 within runs (None without variation).
    """
    # In one piece: sums of floats depend on where a column is cut, and the same rows shall give the same figures.
    values = values.rechunk()
    known = values.drop_nulls().to_numpy()
    entry: dict[str, Any] = {"rows": len(values), "missing": (len(values) - len(known)) / len(values)}
    if not len(known):
        return entry | {"mean": None, "std": None, "quantiles": {}, "histogram": None, "autocorrelation": None}
    low, high = float(known.min()), float(known.max())
    edges = np.linspace(low, high, BINS + 1)
    if low == high or not (np.diff(edges) > 0.0).all():
        edges = np.array([low, np.nextafter(high, np.inf)])
    counts, _ = np.histogram(known, bins=edges)
    quantiles = np.quantile(known, QUANTILES)
    return entry | {
        "mean": float(known.mean()),
        "std": float(known.std(ddof=1)) if len(known) > 1 else 0.0,
        "quantiles": {repr(at): float(value) for at, value in zip(QUANTILES, quantiles, strict=True)},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "autocorrelation": _autocorrelation(values, first),
    }


def _autocorrelation(values: pl.Series, first: pl.Series) -> float | None:
    before = values.shift(1)
    both = values.is_not_null() & before.is_not_null() & ~first
    a, b = values.filter(both).to_numpy(), before.filter(both).to_numpy()
    if len(a) < 3:
        return None
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale > 0.0 else None
