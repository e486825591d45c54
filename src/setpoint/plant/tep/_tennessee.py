"""The Tennessee Eastman process as a `Plant`: scenarios checked, kernel chosen, runs side by side.

Decides how a scenario becomes rows for the kernel and how runs are spread over cores. Invariant: a run depends on its
scenario only, neither on the runs beside it nor on how the samples are cut into calls; it goes on after a shutdown as
the original does, with process and continuous measurements frozen.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from setpoint.plant._plant import Block, FaultEvent, Floats, Scenario
from setpoint.plant.tep._compile import kernel
from setpoint.plant.tep._constants import GENERATOR, SIZE, STEPS_PER_SAMPLE, TRIP, TRIP_HOUR
from setpoint.plant.tep._random import Draws
from setpoint.plant.tep._variables import (
    FAULT_INDEX,
    FAULTS,
    MAGNITUDES,
    ORIGINAL_FAULTS,
    SETPOINT_LOOPS,
    SHUTDOWNS,
    VARIABLES,
)

Generator = Literal["default", "original"]
_CHUNK = 16  # samples whose noise is held at a time: half a megabyte per run under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """The plant stopped itself: which limit was passed, and when."""

    cause: str
    hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TepState:
    """State of several runs: samples so far, one row of numbers per run (runs, 305), their scenarios and generator."""

    sample: int
    rows: Floats
    scenarios: tuple[Scenario, ...]
    generator: Generator

    def shutdowns(self) -> tuple[Shutdown | None, ...]:
        """Per run, the shutdown that has happened."""
        return tuple(
            Shutdown(cause=SHUTDOWNS[int(row[TRIP]) - 1], hour=float(row[TRIP_HOUR])) if row[TRIP] else None
            for row in self.rows
        )


class TennesseeEastman:
    """The benchmark plant with its base control; one sample is 3 min. It has no state of its own.

    Args:
        generator: `default` draws independent numbers for each run and purpose; `original` repeats published files
            row by row from their seeds, with the original's number generator, clock and roundings.
        compiled: False runs the same functions without numba, some hundred times slower.
        threads: How many runs at a time; None takes the cores there are.
    """

    name = "tep"
    variables = VARIABLES
    faults = FAULTS
    sample_period_seconds = float(STEPS_PER_SAMPLE)

    def __init__(self, *, generator: Generator = "default", compiled: bool = True, threads: int | None = None) -> None:
        self._generator: Generator = generator
        self._compiled = compiled
        self._threads = threads if compiled else 1

    def start(self, scenarios: Sequence[Scenario]) -> TepState:
        """The base case (mode 1) at time zero.

        Raises:
            ValueError: A seed, fault, time, magnitude or set-point that this plant does not have.
        """
        for scenario in scenarios:
            _check_seed(scenario.seed, self._generator)
            for event in scenario.schedule:
                _check_event(event, self._generator)
            _check_setpoints(scenario)
        begin = np.zeros(SIZE)
        # Always interpreted: one evaluation is not worth compiling, and all runs share it as it draws no numbers.
        kernel(original=self._generator == "original", compiled=False).initialise(begin)
        rows = np.tile(begin, (len(scenarios), 1))
        if self._generator == "original":
            rows[:, GENERATOR] = [float(scenario.seed) for scenario in scenarios]
        return TepState(sample=0, rows=rows, scenarios=tuple(scenarios), generator=self._generator)

    def advance(self, state: TepState, steps: int) -> tuple[TepState, Block]:
        """The next `steps` samples of every run; sample k, counted from 1, is taken k times 3 min after the start.

        Raises:
            ValueError: A negative number of steps, or a state of another generator.
        """
        if steps < 0:
            raise ValueError(f"cannot advance by {steps} samples; give 0 or more")
        if state.generator != self._generator:
            raise ValueError(f"the state is of the {state.generator} generator, this plant uses {self._generator}")
        rows = state.rows.copy()
        values = np.empty((len(rows), steps, len(VARIABLES)))

        def run(index: int) -> None:
            self._simulate(rows[index], state.scenarios[index], state.sample, values[index])

        threads = min(len(rows), self._threads or len(os.sched_getaffinity(0)))
        if threads > 1:
            kernel(original=self._generator == "original", compiled=True)  # built before threads ask for it
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(run, range(len(rows))))
        else:
            for index in range(len(rows)):
                run(index)
        labels = np.zeros((len(rows), steps), dtype=np.int64)
        for row, scenario in zip(labels, state.scenarios, strict=True):
            _label(row, scenario, state.sample)
        after = TepState(sample=state.sample + steps, rows=rows, scenarios=state.scenarios, generator=state.generator)
        return after, Block(values=values, labels=labels)

    def _simulate(self, row: Floats, scenario: Scenario, sample: int, values: Floats) -> None:
        """One run, chunk by chunk, in place; lets go of the interpreter's lock while it computes."""
        original = self._generator == "original"
        entry = kernel(original=original, compiled=self._compiled)
        schedule, changes = _schedule(scenario), _changes(scenario)
        draws = Draws(min(_CHUNK, max(len(values), 1)))
        for begin in range(0, len(values), _CHUNK):
            part = values[begin : begin + _CHUNK]
            if not original:
                draws.fill(scenario.seed, sample + begin, len(part))
            first = (sample + begin) * STEPS_PER_SAMPLE + 1
            entry.simulate(row, first, schedule, changes, draws.noise, draws.analyser, draws.pieces, part)


def _check_seed(seed: int, generator: Generator) -> None:
    if generator == "original" and not 0 < seed < 2**53:
        raise ValueError(f"seed {seed}: the original generator takes 1 to 2**53 - 1")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed {seed}: give 0 to 2**64 - 1")


def _check_event(event: FaultEvent, generator: Generator) -> None:
    if event.fault not in FAULT_INDEX:
        raise ValueError(f"{event.fault!r} is not a fault of tep; it has {', '.join(FAULT_INDEX)}")
    if generator == "original" and FAULT_INDEX[event.fault] >= ORIGINAL_FAULTS:
        raise ValueError(f"{event.fault} is not part of the original; use the default generator")
    if not (math.isfinite(event.start_seconds) and event.start_seconds >= 0.0):
        raise ValueError(f"{event.fault} begins at {event.start_seconds} s; give 0 or later")
    if event.end_seconds is not None and not event.end_seconds > event.start_seconds:
        raise ValueError(f"{event.fault} ends at {event.end_seconds} s, not after its start at {event.start_seconds} s")
    low, high = MAGNITUDES[event.fault]
    if not (low <= event.magnitude <= high and event.magnitude != 0.0):
        raise ValueError(f"{event.fault} has no magnitude {event.magnitude}; give {low} to {high}, and not 0")


def _check_setpoints(scenario: Scenario) -> None:
    ranges = {variable.name: (variable.low, variable.high) for variable in VARIABLES}
    for change in scenario.setpoints:
        if change.variable not in SETPOINT_LOOPS:
            known = ", ".join(SETPOINT_LOOPS)
            raise ValueError(f"{change.variable!r} has no set-point of its own in tep; those that have: {known}")
        if not (math.isfinite(change.time_seconds) and change.time_seconds >= 0.0):
            raise ValueError(f"set-point of {change.variable} changes at {change.time_seconds} s; give 0 or later")
        low, high = ranges[change.variable]
        if not low <= change.value <= high:
            raise ValueError(f"set-point {change.value} of {change.variable} is outside {low} to {high}")


def _schedule(scenario: Scenario) -> Floats:
    """(faults, 4): index, first step, first step after, strength. Step n works at the moment n - 1 s."""
    rows = [
        (FAULT_INDEX[event.fault], event.start_seconds, _end(event), event.magnitude) for event in scenario.schedule
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _changes(scenario: Scenario) -> Floats:
    """(changes, 3): loop, step, value."""
    rows = [
        (SETPOINT_LOOPS[change.variable], max(1.0, math.ceil(change.time_seconds)), change.value)
        for change in scenario.setpoints
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _label(labels: NDArray[np.int64], scenario: Scenario, sample: int) -> None:
    """Fill in, per sample, the fault that began last among those in its measurements, which are one step old."""
    last = (sample + np.arange(1, len(labels) + 1)) * STEPS_PER_SAMPLE - 1
    for event in sorted(scenario.schedule, key=lambda event: event.start_seconds):
        labels[(event.start_seconds <= last) & (last < _end(event))] = 1 + FAULT_INDEX[event.fault]


def _end(event: FaultEvent) -> float:
    return math.inf if event.end_seconds is None else event.end_seconds
