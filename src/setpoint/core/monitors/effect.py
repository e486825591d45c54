"""How far the values of features have moved from a reference: an effect size for each, and no test.

Both figures compare shares in the bins of the reference; missing values are a bin of their own. A test of each feature
would raise an alarm by chance with enough features and windows; these say how large a change is where one was found.
Source: population stability index, Siddiqi 2006, Credit Risk Scorecards; Jensen-Shannon divergence, Lin 1991, IEEE
Trans. Inf. Theory 37, 145.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.apis.meta import Wire

Floats = npt.NDArray[np.float64]

BINS = 10
PSI_MOVED, PSI_SHIFTED = 0.1, 0.25  # customary: below the first nothing has moved, above the second it has shifted
_PRIOR = 0.5  # added to each bin: an empty one is rare, not impossible


class FeatureReference(Wire, frozen=True, kw_only=True):
    """What a feature looked like: inner edges of its bins, rising, and counts, of missing values last."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]  # len(edges) + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Effect sizes by feature, shape (d,)."""

    names: tuple[str, ...]
    psi: Floats
    divergence: Floats  # bits, 0 to 1


def describe(rows: Floats, names: tuple[str, ...], *, bins: int = BINS) -> tuple[FeatureReference, ...]:
    """References of the features, in bins of about equally many values.

    Args:
        rows: Values, shape (n, d), NaN where missing.
        names: Of the features, d of them.
        bins: At most so many for each; a feature of few values has fewer.
    """
    found = []
    for name, column in zip(names, rows.T, strict=True):
        known = column[~np.isnan(column)]
        inner = np.quantile(known, np.arange(1, bins) / bins) if len(known) else np.zeros(0)
        edges = np.unique(inner)
        found.append(
            FeatureReference(name=name, edges=tuple(edges.tolist()), counts=tuple(_count(column, edges).tolist()))
        )
    return tuple(found)


def measure_effects(rows: Floats, references: tuple[FeatureReference, ...]) -> Effects:
    """Effect sizes of the rows, shape (n, d), against the references."""
    psi, divergence = np.zeros(len(references)), np.zeros(len(references))
    for index, reference in enumerate(references):
        now = _count(rows[:, index], np.array(reference.edges))
        psi[index], divergence[index] = _compare(now.astype(np.float64), np.array(reference.counts, dtype=np.float64))
    return Effects(names=tuple(reference.name for reference in references), psi=psi, divergence=divergence)


def _count(column: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    missing = np.isnan(column)
    places = np.searchsorted(edges, column[~missing], side="right")
    counts = np.bincount(places, minlength=len(edges) + 1)
    return np.append(counts, missing.sum()).astype(np.int64)


def _compare(now: Floats, then: Floats) -> tuple[float, float]:
    """PSI and divergence of two counts; 0 if either is empty."""
    if not now.sum() or not then.sum():
        return 0.0, 0.0
    used = (now + then) > 0
    p, q = now[used] + _PRIOR, then[used] * now.sum() / then.sum() + _PRIOR
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = float((p * np.log2(p / middle) + q * np.log2(q / middle)).sum() / 2)
    return float(((p - q) * np.log(p / q)).sum()), max(0.0, divergence)
