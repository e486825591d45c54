"""Tables of simulated plants are kept in the state directory and not simulated again."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from setpoint.adapters.table_cache import DirectoryTableCache
from setpoint.components.data_processing._plants import simulated

ADDRESS = "plant://tep?runs=1&hours=0.5&split=train-test"


class Counting(DirectoryTableCache):
    """A cache that counts the tables it had to have made."""

    made = 0

    def _keep(self, key: str, made: pl.DataFrame) -> None:
        self.made += 1
        super()._keep(key, made)


def test_a_second_look_simulates_nothing_and_gives_the_same(tmp_path: Path) -> None:
    cache = Counting(tmp_path)
    plain, first, second = simulated(ADDRESS), simulated(ADDRESS, cache), simulated(ADDRESS, cache)
    assert cache.made == 2
    assert [name for name, _ in plain] == [name for name, _ in first] == [name for name, _ in second]
    for (_, a), (_, b), (_, c) in zip(plain, first, second, strict=True):
        assert_frame_equal(a, b)
        assert_frame_equal(a, c)


@pytest.mark.parametrize("other", [f"{ADDRESS}&seed=2", "plant://tep?runs=1&hours=0.6", "plant://cstr?runs=1&hours=1"])
def test_other_settings_are_other_tables(tmp_path: Path, other: str) -> None:
    cache = Counting(tmp_path)
    simulated(ADDRESS, cache)
    before = cache.made
    simulated(other, cache)
    assert cache.made > before


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    cache = Counting(tmp_path)
    simulated(ADDRESS, cache)
    damaged = next(iter(tmp_path.glob("tep-train-*.parquet")))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    (_, table), _ = simulated(ADDRESS, cache)
    assert cache.made == 3
    assert_frame_equal(table, simulated(ADDRESS)[0][1])


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    tables = simulated(ADDRESS, DirectoryTableCache(blocked / "below"))
    assert [table.height for _, table in tables] > [0, 0]
    assert list(tmp_path.iterdir()) == [blocked]
