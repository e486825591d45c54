"""How fast an error budget is being used up, over a long and a short window at once.

A burn rate of 1 uses the budget exactly. An alert needs both windows above its factor: the long one so that it matters,
the short one so that it is still so. Source: Google, The Site Reliability Workbook, chapter 5, table 5-8; its windows
are meant for a budget of 30 days and are cut to what there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indexes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SHORT_SHARE = 1 / 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRule:
    """Above `factor` over `seconds` and over a twelfth of it; `page`: somebody should look now."""

    seconds: float
    factor: float
    page: bool


RULES = (
    BurnRule(seconds=3600.0, factor=14.4, page=True),
    BurnRule(seconds=6 * 3600.0, factor=6.0, page=True),
    BurnRule(seconds=3 * 86400.0, factor=1.0, page=False),
)
LEAST_REQUESTS, LEAST_BAD = 20, 5  # in the long window: one bad request in a quiet night is no alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """The first rule that fired, and when; rates are those of that moment."""

    rule: BurnRule
    at: float  # seconds, on the clock of the times given
    long_rate: float
    short_rate: float
    requests: int
    bad: int


def burn(times: Floats, bad: Mask, *, budget: float, begin: float, end: float) -> Burn | None:
    """The gravest alert over the requests; None if there is none.

    Args:
        times: Seconds, ascending, shape (n,).
        bad: Whether the request counts against the budget, shape (n,).
        budget: Share of requests that may be bad, above 0.
        begin: Where the observation begins: windows do not reach further back.
        end: Where it ends.
    """
    if not len(times) or not bad.any():
        return None
    total = np.concatenate([[0], np.cumsum(bad)]).astype(np.int64)
    moments = times[bad]  # a rate can rise only there
    for rule in RULES:
        seconds = min(rule.seconds, end - begin)
        long_all, long_bad = _counts(times, total, moments, seconds)
        short_all, short_bad = _counts(times, total, moments, seconds * SHORT_SHARE)
        long_rate, short_rate = long_bad / long_all / budget, short_bad / short_all / budget
        enough = (long_all >= LEAST_REQUESTS) & (long_bad >= LEAST_BAD)
        fired = np.flatnonzero(enough & (long_rate > rule.factor) & (short_rate > rule.factor))
        if len(fired):
            first = int(fired[0])
            return Burn(
                rule=rule,
                at=float(moments[first]),
                long_rate=float(long_rate[fired].max()),
                short_rate=float(short_rate[fired].max()),
                requests=int(long_all[first]),
                bad=int(long_bad[first]),
            )
    return None


def _counts(times: Floats, total: Indexes, moments: Floats, seconds: float) -> tuple[Indexes, Indexes]:
    """Requests, and bad ones, of the window that ends at each moment, that one included."""
    last = np.searchsorted(times, moments, side="right")
    first = np.searchsorted(times, moments - seconds, side="left")
    return (last - first).astype(np.int64), total[last] - total[first]
