"""Who asks: how the shares of clients differ from before, who is new, and whether one of them does it all.

The difference of two mixes is told as Jensen-Shannon divergence (in bits, 0 to 1), which says how large it is, beside a
G-test, which says whether chance would do it (Sokal & Rohlf, Biometry, chapter 17).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

HAMMERING_SHARE, HAMMERING_FACTOR, HAMMERING_LEAST = 0.5, 5.0, 200
_LEAST_OF_OTHERS = 20  # requests: fewer are no measure of what is usual
_LONE_FACTOR = 20.0  # of the other clients, where nothing is known of before: somebody always asks most


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How the mix of clients differs."""

    divergence: float  # bits
    p_value: float
    new: tuple[str, ...]  # not seen before, most requests first
    gone: tuple[str, ...]  # seen before and not now, most requests first


@dataclass(frozen=True, slots=True, kw_only=True)
class Hammering:
    """One client that asks far more than it did, or than all others together."""

    client: str
    requests: int
    share: float
    factor: float  # of its own former rate, or of the other clients' median rate if it is new


def compare_mix(now: Mapping[str, int], before: Mapping[str, int]) -> Mix | None:
    """None unless both hold requests."""
    names = sorted(set(now) | set(before))
    table = np.array([[now.get(name, 0) for name in names], [before.get(name, 0) for name in names]], dtype=np.float64)
    totals = table.sum(axis=1)
    if not totals.all():
        return None
    expected = np.outer(totals, table.sum(axis=0)) / table.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = 2 * float(np.nansum(np.where(table > 0, table * np.log(table / expected), 0.0)))
    return Mix(
        divergence=divergence(now, before),
        p_value=float(chi2.sf(statistic, len(names) - 1)) if len(names) > 1 else 1.0,
        new=tuple(sorted((name for name in now if not before.get(name)), key=lambda name: -now[name])),
        gone=tuple(sorted((name for name in before if not now.get(name)), key=lambda name: -before[name])),
    )


def divergence(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Jensen-Shannon divergence of two mixes in bits, from 0 (the same) to 1; 0 if either is empty."""
    names = sorted(set(one) | set(other))
    shares = np.array([[mix.get(name, 0) for name in names] for mix in (one, other)], dtype=np.float64)
    if not shares.sum(axis=1).all():
        return 0.0
    shares /= shares.sum(axis=1, keepdims=True)
    middle = shares.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(shares > 0, shares * np.log2(shares / middle), 0.0)
    return float(max(0.0, parts.sum() / 2))


def find_hammering(
    now: Mapping[str, int], before: Mapping[str, int], *, seconds: float, seconds_before: float
) -> Hammering | None:
    """The client that takes half of all requests, and several times what is usual for it; None if there is none."""
    total = sum(now.values())
    if not total:
        return None
    client = max(now, key=lambda name: now[name])
    share = now[client] / total
    others = [count / seconds for name, count in now.items() if name != client]
    usual = before.get(client, 0) / seconds_before if seconds_before > 0 else 0.0
    if not usual and sum(others) * seconds >= _LEAST_OF_OTHERS:
        usual = float(np.median(others))
    if not usual or now[client] < HAMMERING_LEAST or share < HAMMERING_SHARE:
        return None
    factor = now[client] / seconds / usual
    if factor < (HAMMERING_FACTOR if before else _LONE_FACTOR):
        return None
    return Hammering(client=client, requests=now[client], share=share, factor=factor)
