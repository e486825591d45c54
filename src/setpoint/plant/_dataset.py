"""Runs of a plant as one table, and the defects that real recordings have, laid over on request.

Decides which runs a data set has and when their faults begin; the numbers come from the plant. Invariant: a run
depends on (seed, class, index) only, so asking for more runs changes none of those there were.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from setpoint.plant._plant import NORMAL, FaultEvent, Floats, Plant, Scenario, Variable

START = np.datetime64("2026-01-01", "us")
DEFECTS = ("stuck", "spikes", "missing", "sentinel", "text", "duplicates", "unordered")
SENTINEL = -9999.0
TEXTS = ("Bad", "I/O Timeout")


def dataset(
    plant: Plant[Any],
    *,
    runs: int = 6,
    seed: int = 1,
    hours: float = 8.0,
    wanted: Collection[str] | None = None,
) -> pl.DataFrame:
    """`runs` normal runs and `runs` runs of every fault, each `hours` long, as one table.

    A fault begins at a random moment between a quarter and 45 % of its run. Runs start a whole number of days apart.

    Args:
        plant: Any.
        runs: Of each class.
        seed: From 0.
        hours: Of each run.
        wanted: Names of the runs that are wanted; None for all. A run is the same whichever others are asked for.

    Returns:
        Columns run (text), time (UTC), label (text, `normal` until the fault begins), then the plant's variables.
    """
    plan = [item for item in _plan(plant, runs, seed, hours) if wanted is None or item.name in wanted]
    _, block = plant.advance(plant.start([item.scenario for item in plan]), _steps(plant, hours))
    groups = (NORMAL, *(fault.name for fault in plant.faults))
    columns = [pl.Series("label", np.array(groups)[block.labels].ravel())]
    for column, variable in enumerate(plant.variables):
        columns.append(pl.Series(variable.name, block.values[:, :, column].ravel()))
    return _outline(plant, plan, hours).with_columns(columns)


def dataset_outline(plant: Plant[Any], *, runs: int = 6, seed: int = 1, hours: float = 8.0) -> pl.DataFrame:
    """Which runs `dataset` has and when their records are, without simulating any: its columns run and time."""
    return _outline(plant, _plan(plant, runs, seed, hours), hours)


@dataclass(frozen=True, slots=True)
class _Planned:
    name: str
    slot: int  # which start, counted from the first
    scenario: Scenario


def _plan(plant: Plant[Any], runs: int, seed: int, hours: float) -> list[_Planned]:
    plan = []
    groups = (NORMAL, *(fault.name for fault in plant.faults))
    for group, fault in enumerate(groups):
        for index in range(runs):
            key, onset = np.random.SeedSequence([seed, group, index]).generate_state(2, np.uint64)
            begin = hours * 3600.0 * (0.25 + 0.2 * float(onset) / 2.0**64)
            schedule = () if fault == NORMAL else (FaultEvent(fault=fault, start_seconds=begin),)
            scenario = Scenario(seed=int(key), schedule=schedule)
            plan.append(_Planned(f"{fault}-{index + 1}", index * len(groups) + group, scenario))
    return plan


def _steps(plant: Plant[Any], hours: float) -> int:
    return max(1, round(hours * 3600.0 / plant.sample_period_seconds))


def _outline(plant: Plant[Any], plan: list[_Planned], hours: float) -> pl.DataFrame:
    steps = _steps(plant, hours)
    days = int(np.ceil(hours / 24.0 + 1e-9)) * np.array([item.slot for item in plan])
    period = np.timedelta64(round(plant.sample_period_seconds * 1e6), "us")
    times = (START + days.astype("timedelta64[D]"))[:, None] + np.arange(steps) * period
    return pl.DataFrame(
        {
            "run": np.repeat(np.array([item.name for item in plan]), steps),
            "time": pl.Series(times.ravel()).dt.replace_time_zone("UTC"),
        }
    )


def lay_defects(
    frame: pl.DataFrame, variables: Collection[Variable], *, kinds: Collection[str], seed: int = 1
) -> pl.DataFrame:
    """The table as a historian would have given it: some values stuck, spiked, missing, coded or texts.

    Args:
        frame: As `dataset` makes it.
        variables: The plant's; spikes are sized by their ranges, actuator demands are left alone.
        kinds: Out of `DEFECTS`.
        seed: Same seed, same defects; each kind draws from its own stream.

    Raises:
        ValueError: An unknown kind.
    """
    unknown = sorted(set(kinds) - set(DEFECTS))
    if unknown:
        raise ValueError(f"unknown defects {', '.join(unknown)}; there are {', '.join(DEFECTS)}")
    measured = [variable for variable in variables if variable.kind == "measured"]
    values = frame.select(variable.name for variable in measured).to_numpy().copy()
    sources = {kind: np.random.default_rng([seed, 1 + order]) for order, kind in enumerate(DEFECTS)}
    if "stuck" in kinds:
        _stick(values, frame["run"].to_numpy(), sources["stuck"])
    if "spikes" in kinds:
        span = np.array([variable.high - variable.low for variable in measured])
        hit = sources["spikes"].random(values.shape) < 0.0005
        size = sources["spikes"].uniform(0.15, 0.3, values.shape) * sources["spikes"].choice((-1.0, 1.0), values.shape)
        values = np.where(hit, values + size * span, values)
    if "missing" in kinds:
        values[sources["missing"].random(values.shape) < 0.002] = np.nan
    if "sentinel" in kinds:
        values[sources["sentinel"].random(values.shape) < 0.0005] = SENTINEL
    series = [pl.Series(variable.name, values[:, column]).fill_nan(None) for column, variable in enumerate(measured)]
    if "text" in kinds:
        series = [_with_texts(column, sources["text"]) for column in series]
    damaged = frame.with_columns(series)
    order = np.arange(damaged.height)
    if "duplicates" in kinds:
        order = np.sort(np.concatenate((order, sources["duplicates"].integers(0, damaged.height, 20))))
    if "unordered" in kinds:
        for at in sources["unordered"].integers(0, len(order) - 1, 20):
            order[at], order[at + 1] = order[at + 1], order[at]
    return damaged[order]


def _stick(values: Floats, runs: Any, source: np.random.Generator) -> None:
    """In a third of the runs one signal repeats its value for 30 to 60 samples, in place; analysers are spared."""
    for run in np.unique(runs):
        rows = np.flatnonzero(runs == run)
        column = int(source.integers(0, values.shape[1] - 1))
        length = int(source.integers(30, 61))
        if source.random() < 1.0 / 3.0 and len(rows) > length:
            begin = int(rows[0] + source.integers(0, len(rows) - length))
            values[begin : begin + length, column] = values[begin, column]


def _with_texts(column: pl.Series, source: np.random.Generator) -> pl.Series:
    """The column as text with a few status words, or as it was where none falls."""
    hits = np.flatnonzero(source.random(len(column)) < 0.0002)
    if not len(hits):
        return column
    words = [TEXTS[int(choice)] for choice in source.integers(0, len(TEXTS), len(hits))]
    return column.cast(pl.String).scatter(hits, words)
