"""Where a sequence of runs is cut into parts that are worked on side by side.

Decides from weights alone; knows neither files nor pods. Invariants: parts are contiguous, none is empty, together they
hold every item once and in order, and items that must stay together do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from setpoint.apis.errors import InvalidSpec

MOST = 1000  # a pod each; beyond it a plan is a slip of the hand


def check_count(wanted: int) -> None:
    """Refuse a number of partitions that nobody can mean.

    Raises:
        InvalidSpec: Below 1 or above `MOST`.
    """
    if not 1 <= wanted <= MOST:
        raise InvalidSpec(f"{wanted} partitions: give 1 to {MOST}", path="partitions")


def check_number(number: int, count: int, reason: str) -> None:
    """Refuse the number of a partition that a plan does not have.

    Args:
        number: From 0.
        count: How many the plan has.
        reason: Why it has none, if it has none.

    Raises:
        InvalidSpec: There is no such partition.
    """
    if not 0 <= number < count:
        has = f"numbered 0 to {count - 1}" if count else f"and there is none: {reason}"
        raise InvalidSpec(f"{number} is no partition of this plan ({has})", path="partition")


def cut(
    weights: Sequence[int], wanted: int, *, together: Iterable[tuple[int, int]] = ()
) -> tuple[tuple[int, int], ...]:
    """Cut items into at most `wanted` parts of about equal weight.

    >>> cut([5, 5, 5, 5], 2)
    ((0, 2), (2, 4))
    >>> cut([1, 1, 1, 9], 2)
    ((0, 3), (3, 4))
    >>> cut([1, 1, 1, 1], 4, together=[(0, 2)])
    ((0, 3), (3, 4))

    Args:
        weights: Of each item, in order, not negative.
        wanted: How many parts; fewer are made where there are fewer items that may be parted.
        together: First and last item of stretches that are never cut; they may overlap.

    Returns:
        (first item, item after the last) of each part; empty without items.

    Raises:
        InvalidSpec: `wanted` is no legal number.
    """
    check_count(wanted)
    ends = _possible_ends(len(weights), together)
    done, heavy = 0, []
    for begin, end in zip([0, *ends], ends, strict=False):
        done += sum(weights[begin:end])
        heavy.append(done)
    count = min(wanted, len(ends))
    chosen: list[int] = []
    first = 0
    for part in range(1, count):
        goal = part * done / count
        last = len(ends) - (count - part)  # leave a place for each cut that is still to come
        best = min(range(first, last), key=lambda place: abs(heavy[place] - goal))
        chosen.append(ends[best])
        first = best + 1
    edges = [0, *chosen, len(weights)]
    return tuple(itertools.pairwise(edges)) if weights else ()


def _possible_ends(count: int, together: Iterable[tuple[int, int]]) -> list[int]:
    """Places before which a cut may be made, the end of all included."""
    free = [True] * (count + 1)
    for begin, end in together:
        for place in range(begin + 1, end + 1):
            free[place] = False
    return [place for place in range(1, count + 1) if free[place]]
