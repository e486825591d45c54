"""A plant as a source: what `plant://NAME?...` means, and the tables it stands for.

Decides which runs are simulated. A plant with a customary benchmark gives it as two tables, one for training and one
for testing, whose names the recipe's split looks at; any other gives one table of whole runs. Invariant: one address,
one set of values, whatever the machine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars as pl

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.components._component import nearest
from setpoint.plant import (
    DEFECTS,
    PARTS,
    PLANTS,
    Benchmark,
    Part,
    Plant,
    Schedule,
    benchmark_of,
    content_key,
    dataset,
    dataset_outline,
    fault_numbers,
    kinds_of,
    lay_defects,
    outline,
    parse_schedule,
    tables,
)
from setpoint.ports.tables import TableCache

SETTINGS = ("runs", "seed", "hours", "defects", "schedule", "split")
SPLITS = ("train-test", "none")
_HOURS = 8.0  # of each run of the plain data set


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What an address stands for: the tables by name, each made from some or all of its runs.

    `what` is None for the plain data set of whole runs. `kinds` are the defects that are laid over a whole table.
    """

    plant: Plant[Any]
    parts: Mapping[str, Part]  # by name of the table
    what: Benchmark | None
    schedule: Schedule | None
    runs: int
    seed: int
    hours: float | None
    kinds: tuple[str, ...]
    key: Mapping[str, object]  # tells one simulation from another

    def table(self, name: str, cache: TableCache | None = None, runs: Collection[str] | None = None) -> pl.DataFrame:
        """One table.

        Args:
            name: One of `parts`.
            cache: Where tables are kept; those made by the same version and settings are not simulated again.
            runs: Only these; None for all. Without defects only: those are drawn over the whole table.

        Raises:
            InvalidSpec: Unknown defects.
        """
        if cache is None:
            made = self._make(name, runs)
        else:
            some = {} if runs is None else {"only": sorted(runs)}
            key = content_key({**self.key, **some})
            made = cache.table(f"{name}-{key}", lambda: self._make(name, runs))
        return _damaged(made, self.plant, self.kinds, self.seed)

    def outline(self, name: str) -> pl.LazyFrame:
        """The table with null for everything that would have to be simulated: runs and times are known without."""
        if self.what is None:
            known = dataset_outline(self.plant, runs=self.runs, seed=self.seed, hours=self.hours or _HOURS)
        else:
            known = outline(self.plant, self.what, self.parts[name], schedule=self.schedule or Schedule())
        broken = self.schedule is not None and bool(self.schedule.sensors)
        kinds = kinds_of(self.plant, sensor_faults=broken)
        return known.lazy().with_columns(pl.lit(None, kind).alias(column) for column, kind in kinds.items())

    def _make(self, name: str, runs: Collection[str] | None) -> pl.DataFrame:
        if self.what is None:
            hours = self.hours or _HOURS
            return dataset(self.plant, runs=self.runs, seed=self.seed, hours=hours, wanted=runs)
        part, schedule = self.parts[name], self.schedule or Schedule()
        return tables(self.plant, self.what, schedule=schedule, parts=(part,), runs=runs)[part]


def simulated(address: str, cache: TableCache | None = None) -> list[tuple[str, pl.DataFrame]]:
    """Names and tables of an address; see `simulation`."""
    found = simulation(address)
    return [(name, found.table(name, cache)) for name in found.parts]


def simulation(address: str) -> Simulation:
    """What `plant://cstr?runs=6&seed=1&hours=8&defects=all&schedule=...&split=none` means.

    runs: of each fault and of normal operation (with a schedule: runs in all), in each part; hours: of each run;
    defects: of recordings, by name; schedule: what happens in every run, in place of one fault each; split:
    `train-test` for two tables by the customary benchmark (the default of plants that have one), `none` for one table.

    Raises:
        InvalidSpec: An unknown plant or setting, or a value out of range.
    """
    url = urlsplit(address)
    plant = PLANTS.get(url.netloc)
    if plant is None:
        raise InvalidSpec(f"there is no plant {url.netloc!r}", path="source", allowed=tuple(PLANTS))
    query = _query(url.query)
    numbered = bool(fault_numbers(plant))
    split = query.get("split", SPLITS[0] if numbered else SPLITS[1])
    if split not in SPLITS:
        raise InvalidSpec(f"{split!r} is no split of simulated runs", path="source", allowed=SPLITS)
    two = split == SPLITS[0]
    runs, seed, hours = _numbers(query, runs=2 if two else 6)
    schedule = _schedule(query, plant, hours)
    what = None
    if two or numbered or schedule is not None:
        what = benchmark_of(plant, runs=runs, seed=seed, hours=hours, faults=None if schedule is None else ())
    elif hours is None:
        hours = _HOURS
    parts: tuple[Part, ...] = PARTS if two else ("train",)
    wanted = query.get("defects", "none")
    kinds = {"all": DEFECTS, "none": (), "": ()}.get(wanted, tuple(wanted.split(",")))
    settings = {"runs": runs, "seed": seed, "hours": hours, "schedule": query.get("schedule"), "split": split}
    return Simulation(
        plant=plant,
        parts={f"{plant.name}-{part}" if two else plant.name: part for part in parts},
        what=what,
        schedule=schedule,
        runs=runs,
        seed=seed,
        hours=hours,
        kinds=tuple(kinds),
        key={"plant": plant.name, **settings},
    )


def _query(text: str) -> dict[str, str]:
    query = dict(parse_qsl(text, keep_blank_values=True))
    for key in query:
        if key not in SETTINGS:
            near = nearest(key, SETTINGS)
            hint = f"; did you mean {near}?" if near else ""
            raise InvalidSpec(f"a plant has no setting {key!r}{hint}", path="source", allowed=SETTINGS)
    return query


def _numbers(query: Mapping[str, str], *, runs: int) -> tuple[int, int, float | None]:
    try:
        hours = float(query["hours"]) if "hours" in query else None
        found = int(query.get("runs", runs)), int(query.get("seed", 1)), hours
    except ValueError as error:
        raise InvalidSpec(f"runs and seed are integers, hours a number: {error}", path="source") from None
    if not (1 <= found[0] <= 1000 and found[1] >= 0 and (hours is None or 0.1 <= hours <= 1000.0)):
        raise InvalidSpec("runs 1 to 1000, seed from 0, hours 0.1 to 1000", path="source")
    return found


def _schedule(query: Mapping[str, str], plant: Plant[Any], hours: float | None) -> Schedule | None:
    """None if the address has none: then every fault has its runs."""
    if "schedule" not in query:
        return None
    if hours is None:
        raise InvalidSpec("a schedule goes with `hours`, the length of the runs", path="source")
    try:
        return parse_schedule(query["schedule"], plant, duration_seconds=hours * 3600.0)
    except InvalidSpec as error:
        place = error.location or Location(file="schedule")
        raise InvalidSpec(f"{place}: {error.reason}", path="source", allowed=error.allowed) from None


def _damaged(table: pl.DataFrame, plant: Plant[Any], kinds: Sequence[str], seed: int) -> pl.DataFrame:
    if not kinds:
        return table
    try:
        return lay_defects(table, plant.variables, kinds=kinds, seed=seed)
    except ValueError as error:
        raise InvalidSpec(str(error), path="source") from None
