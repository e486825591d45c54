"""A plant as a source: what `plant://NAME?...` means, and the tables it stands for.

Decides which runs are simulated. A plant with a customary benchmark gives it as two tables, one for training and one
for testing, whose names the recipe's split looks at; any other gives one table of whole runs. Invariant: one address,
one set of values, whatever the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
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
    fault_numbers,
    lay_defects,
    parse_schedule,
    tables,
)
from setpoint.ports.tables import TableCache

SETTINGS = ("runs", "seed", "hours", "defects", "schedule", "split")
SPLITS = ("train-test", "none")


def simulated(address: str, cache: TableCache | None = None) -> list[tuple[str, pl.DataFrame]]:
    """Names and tables of `plant://cstr?runs=6&seed=1&hours=8&defects=all&schedule=...&split=none`.

    runs: of each fault and of normal operation (with a schedule: runs in all), in each part; hours: of each run;
    defects: of recordings, by name; schedule: what happens in every run, in place of one fault each; split:
    `train-test` for two tables by the customary benchmark (the default of plants that have one), `none` for one table.
    With a cache, tables made before by the same version and settings are not simulated again.

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
    makers: dict[str, Callable[[], pl.DataFrame]]
    if two or numbered or schedule is not None:
        what = benchmark_of(plant, runs=runs, seed=seed, hours=hours, faults=None if schedule is None else ())
        parts: tuple[Part, ...] = PARTS if two else ("train",)
        makers = {
            f"{plant.name}-{part}" if two else plant.name: partial(_part, plant, what, schedule or Schedule(), part)
            for part in parts
        }
    else:
        hours = 8.0 if hours is None else hours
        makers = {plant.name: partial(dataset, plant, runs=runs, seed=seed, hours=hours)}
    settings = {"runs": runs, "seed": seed, "hours": hours, "schedule": query.get("schedule"), "split": split}
    key = content_key({"plant": plant.name, **settings}) if cache is not None else ""
    made = {name: make() if cache is None else cache.table(f"{name}-{key}", make) for name, make in makers.items()}
    wanted = query.get("defects", "none")
    kinds = {"all": list(DEFECTS), "none": [], "": []}.get(wanted, wanted.split(","))
    return [(name, _damaged(table, plant, kinds, seed)) for name, table in made.items()]


def _part(plant: Plant[Any], what: Benchmark, schedule: Schedule, part: Part) -> pl.DataFrame:
    return tables(plant, what, schedule=schedule, parts=(part,))[part]


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


def _damaged(table: pl.DataFrame, plant: Plant[Any], kinds: list[str], seed: int) -> pl.DataFrame:
    if not kinds:
        return table
    try:
        return lay_defects(table, plant.variables, kinds=kinds, seed=seed)
    except ValueError as error:
        raise InvalidSpec(str(error), path="source") from None
