"""What processing did, counted as it happens: by column and kind, and by row.

Invariant: a count says how many raw values or records were changed or dropped for that one reason, so the counts of a
column add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import polars as pl

from setpoint.components.data_processing._names import RUN, TIME
from setpoint.components.data_processing._times import TimeNotes

CHANGES = ("text", "quality", "sentinel", "not_finite", "limits", "stuck", "spikes", "filled", "held", "stale")
CHANGE_WORDS = {
    "text": "status words and other text",
    "quality": "marked bad by the recorder",
    "sentinel": "codes instead of values",
    "not_finite": "not finite",
    "limits": "outside engineering limits",
    "stuck": "stuck sensor",
    "spikes": "spikes",
    "filled": "short gaps filled",
    "held": "held between records",
    "stale": "held value too old",
}

_MOST_POINTS = 500


@dataclass(slots=True)
class Texts:
    """Cells of a column that hold something, and those among them that are neither numbers nor status words."""

    filled: int = 0
    strange: int = 0
    example: str = ""

    def with_more(self, other: Texts) -> Texts:
        """Those of both."""
        return Texts(self.filled + other.filled, self.strange + other.strange, self.example or other.example)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """All of a ledger but the values taken away: what a part hands over as JSON."""

    rows_in: int
    unordered: int
    duplicates: int
    frozen: int
    without_target: int
    time: TimeNotes
    columns: dict[str, dict[str, int]]
    missing: dict[str, int]
    texts: dict[str, Texts]
    converted: dict[str, str]
    notes: list[str]


@dataclass(slots=True)
class Ledger:
    """The record of one run of data-processing."""

    rows_in: int = 0
    unordered: int = 0
    duplicates: int = 0
    frozen: int = 0
    without_target: int = 0
    time: TimeNotes = field(default_factory=TimeNotes)
    columns: dict[str, dict[str, int]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)  # as recorded
    texts: dict[str, Texts] = field(default_factory=dict)
    converted: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    removed: dict[str, pl.DataFrame] = field(default_factory=dict)

    def add(self, column: str, kind: str, count: int) -> None:
        """Count changes of one kind; zero leaves no entry."""
        if count:
            entry = self.columns.setdefault(column, {})
            entry[kind] = entry.get(kind, 0) + count

    def add_all(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Count changes of many columns."""
        for column, kinds in counts.items():
            for kind, count in kinds.items():
                self.add(column, kind, count)

    def keep_removed(self, column: str, raw: pl.DataFrame, clean: pl.DataFrame) -> None:
        """Remember where values were taken away, in the column's unit, for the plots."""
        gone = raw[column].is_not_null() & clean[column].is_null()
        if gone.any():
            points = raw.select(pl.col(RUN).cast(pl.String), TIME, pl.col(column).alias("value"))
            self.removed[column] = points.filter(gone)

    def thin_removed(self) -> None:
        """Keep at most a few hundred of the values taken away of each column: what a plot can show."""
        for column, points in self.removed.items():
            self.removed[column] = points.gather_every(max(1, points.height // _MOST_POINTS))

    def counts(self) -> Counts:
        """What this ledger counted."""
        return Counts(**{item.name: getattr(self, item.name) for item in fields(Counts)})

    def add_counts(self, other: Counts) -> None:
        """Count what another ledger did, of other records."""
        for name in ("rows_in", "unordered", "duplicates", "frozen", "without_target"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.time.add(other.time)
        self.add_all(other.columns)
        for column, count in other.missing.items():
            self.missing[column] = self.missing.get(column, 0) + count
        for column, texts in other.texts.items():
            self.texts[column] = self.texts.get(column, Texts()).with_more(texts)
        self.converted |= other.converted
        self.notes += [note for note in other.notes if note not in self.notes]

    @property
    def values_changed(self) -> int:
        """Values taken away, clipped or filled; a value held onto a grid is no change of a record."""
        return sum(n for kinds in self.columns.values() for kind, n in kinds.items() if kind not in ("held", "stale"))

    def rows(self) -> dict[str, int]:
        """Counts by record, in the order of the stages."""
        return {
            "in": self.rows_in,
            "without_time": self.time.missing,
            "ambiguous_local_time": self.time.ambiguous,
            "non_existent_local_time": self.time.non_existent,
            "unordered": self.unordered,
            "duplicate_time": self.duplicates,
            "frozen": self.frozen,
            "without_target": self.without_target,
        }
