"""Streaming peaks over threshold: how large a value must be to be that rare, without assuming its distribution.

Source: Siffer, Fouque, Termier & Largouet, "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017 (SPOT,
DSPOT); the excesses are fitted by probability-weighted moments (Hosking & Wallis 1987, Technometrics 29, 339), which
need no iteration and are sound for the few dozen excesses that a window has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec

Floats = npt.NDArray[np.float64]

LEVEL = 0.98
LEAST = 50  # values to learn from; fewer have no excess to speak of
_SHAPES = (-1.0, 0.5)  # from the uniform distribution to where the weighted moments no longer exist


@dataclass(frozen=True, slots=True)
class Tail:
    """The upper tail of what was seen: `excesses` of `seen` values lay above `threshold`."""

    threshold: float
    shape: float
    scale: float
    excesses: int
    seen: int

    def quantile(self, risk: float, *, caution: float = 0.0) -> float:
        """The value that is exceeded with probability `risk`, at least the threshold (paper, equation 1).

        Far beyond what was seen the shape decides, and a few dozen excesses do not know it well: `caution` standard
        errors of it, (1 + shape) / sqrt(excesses), are added, so that a promise is kept for most samples and not for
        the average one.
        """
        ratio = risk * self.seen / max(self.excesses, 1)
        if ratio >= 1:
            return self.threshold
        shape = self.shape + caution * (1 + self.shape) / max(self.excesses, 1) ** 0.5
        if abs(shape) < 1e-9:
            return float(self.threshold - self.scale * np.log(ratio))
        return float(self.threshold + self.scale / shape * (ratio**-shape - 1))


def fit_tail(values: Floats, *, level: float = LEVEL) -> Tail:
    """The tail of the values, NaN left out.

    Raises:
        InvalidSpec: Fewer than `LEAST` values.
    """
    known = np.sort(values[np.isfinite(values)])
    if len(known) < LEAST:
        raise InvalidSpec(f"{len(known)} values are too few to learn a tail from: at least {LEAST}")
    threshold = float(np.quantile(known, level))
    excess = known[known > threshold] - threshold
    if len(excess) < 2 or excess[-1] <= 0:
        return Tail(threshold, 0.0, 0.0, len(excess), len(known))
    count = len(excess)
    first = float(excess.mean())
    # Weighted by the share of excesses that are larger.
    second = float((excess * (count - 1 - np.arange(count))).sum() / (count * (count - 1)))
    shape = float(np.clip(2 - first / max(first - 2 * second, 1e-12), *_SHAPES))
    return Tail(threshold, shape, max(first * (1 - shape), 0.0), count, len(known))


def spot(
    values: Floats, reference: Floats, *, risk: float, level: float = LEVEL
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Which values are rarer than `risk` on either side, judged by the reference; it learns from those that are not.

    Args:
        values: A stream, shape (n,); NaN is never rare.
        reference: What went before it, at least `LEAST` values.
        risk: Probability that one value of the same distribution is called rare.
        level: Quantile above which the tail is fitted.

    Returns:
        The limits in force at each value, shape (n, 2), and whether it lies outside, shape (n,).

    Raises:
        InvalidSpec: The reference is too small.
    """
    upper, lower = fit_tail(reference, level=level), fit_tail(-reference, level=level)
    limits = np.array([-lower.quantile(risk / 2), upper.quantile(risk / 2)])
    outside = (values < limits[0]) | (values > limits[1])
    return np.broadcast_to(limits, (len(values), 2)).copy(), outside
