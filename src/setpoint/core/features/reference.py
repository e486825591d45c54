"""Which training rows describe normal operation, when the labelled normal ones are few.

Decides from the rows alone. Invariant: the labelled normal rows are always among the answer.
"""

from __future__ import annotations

import numpy as np

from setpoint.core.features.windows import Floats, Indexes, Mask

RATIO = 1.5
_RIDGE = 1e-3


def near_normal(rows: Floats, groups: Indexes, normal: Mask, *, ratio: float = RATIO) -> Mask:
    """Rows of the groups that cannot be told from normal operation, beside the normal rows themselves.

    A covariance learnt from one short normal run fits that very run better than any other normal operation, so that
    features built on it would separate "this run" from the rest and not normal from faulty. Groups as close to it as
    normal operation is to itself are therefore taken in: one concentration step of the minimum covariance
    determinant (Rousseeuw & Van Driessen 1999, Technometrics 41, 212), on whole groups because their rows are
    autocorrelated.

    Args:
        rows: Values, shape (n, d), NaN where missing.
        groups: Group (a stretch of one label within a run) of each row, shape (n,).
        normal: Rows labelled normal, shape (n,), some of them true.
        ratio: A group is taken if its median squared Mahalanobis distance is at most this many times the normal one.

    Returns:
        Rows to learn from, shape (n,).
    """
    center = np.nanmean(rows[normal], axis=0)
    scale = np.nanstd(rows[normal], axis=0)
    standard = np.nan_to_num((rows - center) / np.where(scale > 1e-12, scale, 1.0), nan=0.0)
    covariance = np.atleast_2d(np.cov(standard[normal].T)) + _RIDGE * np.eye(rows.shape[1])
    distance = np.einsum("nd,nd->n", standard, np.linalg.solve(covariance, standard.T).T)
    limit = ratio * np.median(distance[normal])
    chosen = normal.copy()
    for group in np.unique(groups).tolist():
        members = groups == group
        if np.median(distance[members]) <= limit:
            chosen |= members
    return chosen
