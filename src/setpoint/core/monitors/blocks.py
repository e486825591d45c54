"""Records in blocks that are judged as one, since neighbouring records of a plant say almost the same.

A block is a stretch of the plant's clock on a fixed grid, not of what happened to be looked at. So who looks every
quarter of an hour at the last day sees the same blocks again, and one that looks once sees no others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LEAST_SHARE = 0.8  # of a block's records that must be there


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """b blocks of `size` slots, in order of group and time."""

    records: Indexes  # which record is in each slot, -1 where none is, (b, size)
    groups: Indexes  # (b,)
    numbers: Indexes  # of the block on the grid, (b,)
    follows: Mask  # whether the block before it on the grid comes before it here, (b,)

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self.numbers)

    def of(self, values: Floats) -> Floats:
        """The records' values, (n, d) or (n,), in blocks, (b, size, d) or (b, size); NaN where there is none."""
        taken: Floats = values[self.records].astype(np.float64)
        taken[self.records < 0] = np.nan
        return taken

    def means(self, values: Floats) -> Floats:
        """Mean of the known values, (n,), in each block, (b,); NaN without one."""
        taken = self.of(values)
        known = ~np.isnan(taken)
        count = known.sum(axis=1)
        total = np.where(known, taken, 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def take(self, chosen: Mask | Indexes) -> Blocks:
        """The chosen blocks."""
        return Blocks(**{name: getattr(self, name)[chosen] for name in self.__slots__})


def cut(groups: Indexes, slots: Indexes, size: int, *, least: float = LEAST_SHARE) -> Blocks:
    """Blocks of records.

    Args:
        groups: Of each record, (n,): an asset, or a stretch of a data set. No block crosses one.
        slots: Place of each record on the group's clock, in periods, (n,); one record in each slot, else the first.
        size: Slots of a block.
        least: Share of a block that must be there; others are left out.
    """
    if not len(groups):
        none = np.zeros(0, dtype=np.int64)
        return Blocks(
            records=np.zeros((0, size), dtype=np.int64), groups=none, numbers=none, follows=np.zeros(0, dtype=bool)
        )
    keys = np.stack([groups, slots // size], axis=1)
    found, inverse = np.unique(keys, axis=0, return_inverse=True)
    records = np.full((len(found), size), -1, dtype=np.int64)
    backwards = np.arange(len(groups))[::-1]  # the first of a slot is written last
    records[inverse.reshape(-1)[backwards], slots[backwards] % size] = backwards
    whole = (records >= 0).mean(axis=1) >= least
    found, records = found[whole], records[whole]
    follows = np.zeros(len(found), dtype=bool)
    follows[1:] = (np.diff(found[:, 0]) == 0) & (np.diff(found[:, 1]) == 1)
    return Blocks(records=records, groups=found[:, 0], numbers=found[:, 1], follows=follows)


def within(codes: Indexes) -> Indexes:
    """0, 1, 2 ... within each stretch of equal codes, (n,)."""
    if not len(codes):
        return codes
    starts = np.flatnonzero(np.concatenate([[True], np.diff(codes) != 0]))
    lengths = np.diff(np.append(starts, len(codes)))
    return np.arange(len(codes), dtype=np.int64) - np.repeat(starts, lengths)
