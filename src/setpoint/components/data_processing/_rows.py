"""The clean table as later stages see it: its keys at once, its features one at a time.

Decides nothing. Invariant: the row order of the keys is that of every column, and a column is handed out in one chunk,
so that what is computed from it does not depend on whether the table lies in memory or in the files of several parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from setpoint.components.data_processing._names import FILE, RUN, TARGET, TIME

_HELD = "__held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """`keys` has FILE, RUN as text, TIME and maybe TARGET; `table` has those and the features, in the same order."""

    keys: pl.DataFrame
    features: tuple[str, ...]
    table: pl.LazyFrame

    @property
    def height(self) -> int:
        """How many rows."""
        return self.keys.height

    @property
    def has_target(self) -> bool:
        """Whether rows bear a label."""
        return TARGET in self.keys.columns

    def column(self, name: str) -> pl.Series:
        """A feature, Float64, in one chunk."""
        return self.table.select(name).collect().to_series().rechunk()

    def part(self, mask: pl.Series) -> Rows:
        """The rows where the mask is true."""
        marked = pl.concat([self.table, mask.alias(_HELD).to_frame().lazy()], how="horizontal")
        return Rows(keys=self.keys.filter(mask), features=self.features, table=marked.filter(pl.col(_HELD)).drop(_HELD))

    def after(self, first: Rows) -> Rows:
        """All rows of the first, then these."""
        return Rows(
            keys=pl.concat([first.keys, self.keys]),
            features=self.features,
            table=pl.concat([first.table, self.table]),
        )


def rows_of(table: pl.DataFrame, features: tuple[str, ...]) -> Rows:
    """A table in memory as rows."""
    keys = table.select(key_columns(table.columns))
    return Rows(keys=keys, features=features, table=table.select(*keys.columns, *features).lazy())


def key_columns(columns: list[str]) -> list[str]:
    """Those of the working columns that a table has."""
    return [name for name in (FILE, RUN, TIME, TARGET) if name in columns]
