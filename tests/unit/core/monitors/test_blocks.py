"""Blocks lie on the plant's clock: what is looked at decides which are seen, and never what is in one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from setpoint.core.monitors.blocks import cut


@given(st.integers(1, 9), st.lists(st.booleans(), min_size=1, max_size=120), st.integers(0, 50), st.data())
def test_a_part_shows_the_same_blocks(size: int, there: list[bool], first: int, data: st.DataObject) -> None:
    slots = np.flatnonzero(there) + first
    groups = np.zeros(len(slots), dtype=np.int64)
    whole = cut(groups, slots, size)
    begin = data.draw(st.integers(0, len(slots)))
    part = cut(groups[begin:], slots[begin:], size)
    seen = {
        int(number): slots[row[row >= 0]].tolist() for number, row in zip(whole.numbers, whole.records, strict=True)
    }
    for number, row in zip(part.numbers[1:], part.records[1:], strict=True):  # the first may be cut off
        assert slots[begin:][row[row >= 0]].tolist() == seen[int(number)]
    for row in whole.records:
        assert (row >= 0).sum() >= 0.8 * size


def test_none_crosses_an_asset_and_the_first_of_a_slot_counts() -> None:
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    slots = np.array([4, 5, 5, 6, 4, 5, 6, 7])
    blocks = cut(groups, slots, 4, least=0.75)
    assert blocks.records.tolist() == [[0, 1, 3, -1], [4, 5, 6, 7]]
    assert blocks.follows.tolist() == [False, False]
    means = blocks.means(np.array([1.0, 2.0, 99.0, 3.0, np.nan, np.nan, np.nan, 8.0]))
    assert means.tolist() == [2.0, 8.0]


def test_what_follows_what() -> None:
    slots = np.array([0, 1, 2, 3, 6, 7, 8, 9])
    blocks = cut(np.zeros(8, dtype=np.int64), slots, 2)
    assert blocks.numbers.tolist() == [0, 1, 3, 4]
    assert blocks.follows.tolist() == [False, True, False, True]
    assert len(cut(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 3)) == 0
