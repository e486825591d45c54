"""Runs are cut into contiguous parts of about equal weight, whatever the weights."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.core.partitions import MOST, cut

WEIGHTS = st.lists(st.integers(0, 50), max_size=40)


@given(WEIGHTS, st.integers(1, 12), st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=4))
def test_every_item_once_in_order_and_what_belongs_together_stays(
    weights: list[int], wanted: int, pairs: list[tuple[int, int]]
) -> None:
    together = [(min(pair), max(pair)) for pair in pairs if max(pair) < len(weights)]
    parts = cut(weights, wanted, together=together)
    assert list(itertools.chain.from_iterable(range(*part) for part in parts)) == list(range(len(weights)))
    assert all(begin < end for begin, end in parts)
    assert len(parts) <= wanted
    for begin, end in together:
        assert len([part for part in parts if part[0] <= begin < part[1] or part[0] <= end < part[1]]) == 1


@given(WEIGHTS, st.integers(1, 12))
def test_free_items_give_as_many_parts_as_are_wanted(weights: list[int], wanted: int) -> None:
    assert len(cut(weights, wanted)) == min(wanted, len(weights))


@given(st.integers(1, 200), st.integers(1, 12))
def test_equal_items_give_parts_that_differ_by_one(count: int, wanted: int) -> None:
    sizes = [end - begin for begin, end in cut([3] * count, wanted)]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("wanted", [0, -1, MOST + 1])
def test_a_number_that_nobody_means_is_refused(wanted: int) -> None:
    with pytest.raises(InvalidSpec, match=f"partitions: {wanted} partitions: give 1 to {MOST}"):
        cut([1, 2], wanted)
