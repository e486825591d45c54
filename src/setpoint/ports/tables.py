"""A cache of tables that can be made anew: simulated data sets, by the content they were made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl


class TableCache(Protocol):
    """Losing it loses time and nothing else. Synchronous: components use it."""

    def table(self, key: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The table of a key; made and kept if it is not there or damaged. A cache that cannot be written is no error.

        Args:
            key: Letters, digits and hyphens: equal keys stand for equal tables.
            make: Makes the table.
        """
        ...
