"""A run of a plant with its schedule, and its records as tables with names, units and labels.

Decides how samples become columns. Plants whose faults are numbered (`idv-4`) get the columns that their benchmark has
had for decades: run, sample, time_h, fault (0 is normal); the others run, time, label. Where instruments break, the
column sensor_fault says which, beside the process fault. Invariant: state in, state out; the records of a run do not
depend on how it is cut into calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from setpoint.apis.errors import InvalidSpec
from setpoint.plant._plant import NORMAL, Floats, Plant, Variable
from setpoint.plant._schedule import Schedule
from setpoint.plant._sensors import Sensors, SensorState

S = TypeVar("S")
START = np.datetime64("2026-01-01", "us")
SENSOR_FAULT = "sensor_fault"
EMPTY = Schedule()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState(Generic[S]):
    """Where one run is: samples so far, the plant's state, its instruments' state."""

    sample: int
    plant: S
    sensors: SensorState


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Samples of one run from number `first` (from 0): values (steps, variables), labels (steps,), sensor faults."""

    first: int
    values: Floats
    labels: NDArray[np.int64]
    sensor_faults: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Generic[S]):
    """One run to be simulated: which plant, from which seed, under which schedule, under which name."""

    plant: Plant[S]
    seed: int
    schedule: Schedule = EMPTY
    name: str = ""

    def start(self) -> RunState[S]:
        """The state before the first sample.

        Raises:
            InvalidSpec: The plant does not have such a seed.
        """
        try:
            state = self.plant.start([self.schedule.scenario(self.seed)])
        except ValueError as error:
            raise InvalidSpec(str(error), path=self.plant.name) from None
        return RunState(sample=0, plant=state, sensors=self._sensors.start())

    def advance(self, state: RunState[S], steps: int) -> tuple[RunState[S], Records]:
        """The next samples and the state after them."""
        after, block = self.plant.advance(state.plant, steps)
        sensors, values, faults = self._sensors.advance(state.sensors, block.values[0])
        records = Records(first=state.sample, values=values, labels=block.labels[0], sensor_faults=faults)
        return RunState(sample=state.sample + steps, plant=after, sensors=sensors), records

    def frame(self, records: Records) -> pl.DataFrame:
        """The records as a table, lost values null."""
        faults = records.sensor_faults if self.schedule.sensors else None
        name = self.name or f"{self.plant.name}-{self.seed}"
        return frame_of(self.plant, name, records.values, records.labels, first=records.first, sensor_faults=faults)

    @property
    def _sensors(self) -> Sensors:
        return self.schedule.instruments(self.plant, self.seed)


def frame_of(
    plant: Plant[Any],
    run: str,
    values: Floats,
    labels: NDArray[np.int64],
    *,
    first: int = 0,
    sensor_faults: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Samples (steps, variables) of one run as a table; `first` is the number of the first, from 0."""
    names = (NORMAL, *(fault.name for fault in plant.faults))
    numbers = fault_numbers(plant)
    columns = [pl.Series(_label(plant), np.array((0, *numbers) if numbers else names)[labels])]
    if sensor_faults is not None:
        columns.append(pl.Series(SENSOR_FAULT, sensor_faults, dtype=pl.String))
    for column, variable in enumerate(plant.variables):
        columns.append(pl.Series(variable.name, values[:, column]).fill_nan(None))
    return outline_of(plant, run, len(values), first=first).with_columns(columns)


def outline_of(plant: Plant[Any], run: str, steps: int, *, first: int = 0) -> pl.DataFrame:
    """The columns of `frame_of` that say when, and need no simulation."""
    samples = first + np.arange(1, steps + 1)
    columns: dict[str, Any] = {"run": pl.Series([run] * steps, dtype=pl.String)}
    if fault_numbers(plant):
        columns["sample"] = samples
        columns["time_h"] = samples * plant.sample_period_seconds / 3600.0
    else:
        period = np.timedelta64(round(plant.sample_period_seconds * 1e6), "us")
        columns["time"] = pl.Series(START + samples * period, dtype=pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.DataFrame(columns)


def kinds_of(plant: Plant[Any], *, sensor_faults: bool = False) -> dict[str, pl.DataType]:
    """The columns of `frame_of` that `outline_of` has not."""
    kinds: dict[str, pl.DataType] = {_label(plant): pl.Int64() if fault_numbers(plant) else pl.String()}
    if sensor_faults:
        kinds[SENSOR_FAULT] = pl.String()
    return kinds | {variable.name: pl.Float64() for variable in plant.variables}


def _label(plant: Plant[Any]) -> str:
    return "fault" if fault_numbers(plant) else "label"


def fault_numbers(plant: Plant[Any]) -> tuple[int, ...]:
    """The numbers of the plant's faults if all have one (`idv-4`), else nothing."""
    found = [re.search(r"-(\d+)$", fault.name) for fault in plant.faults]
    return tuple(int(match.group(1)) for match in found if match) if all(found) else ()


def describe(plant: Plant[Any], **facts: object) -> dict[str, str]:
    """Metadata for a Parquet file: plant, sample period, variables and faults as JSON, and what else is known."""
    variables = [_described(variable) for variable in plant.variables]
    faults = [
        {"name": fault.name, "label": label, "description": fault.description}
        for fault, label in zip(plant.faults, fault_numbers(plant) or [f.name for f in plant.faults], strict=True)
    ]
    told = {"plant": plant.name, "sample_period_seconds": plant.sample_period_seconds, **facts}
    return {
        "setpoint.run": json.dumps(told),
        "setpoint.variables": json.dumps(variables),
        "setpoint.faults": json.dumps(faults),
    }


def _described(variable: Variable) -> dict[str, str | float]:
    return {
        "name": variable.name,
        "unit": variable.unit,
        "description": variable.description,
        "kind": variable.kind,
        "low": variable.low,
        "high": variable.high,
    }


def write_frame(frame: pl.DataFrame, path: Path, metadata: dict[str, str]) -> None:
    """Write a table by the end of its name: .parquet (with the metadata) or .csv.

    Raises:
        InvalidSpec: Another end.
    """
    check_format(path)
    part = path.with_name(f".{path.name}.part")
    try:
        if path.suffix == ".csv":
            frame.write_csv(part)
        else:
            frame.write_parquet(part, metadata=metadata)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_format(path: Path) -> None:
    """Refuse a file that cannot be written, before the work is done.

    Raises:
        InvalidSpec: Neither .parquet nor .csv, or the folder is not there.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise InvalidSpec("write to a file that ends in .parquet or .csv", path=str(path))
    if not path.parent.is_dir():
        raise InvalidSpec("there is no such folder", path=str(path.parent))
