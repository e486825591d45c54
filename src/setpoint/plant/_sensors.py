"""Faults of instruments, laid over what a plant shows: the process does not know of them.

Decides what a broken instrument shows from what a sound one would. Faults of one instrument act in the order of the
schedule, each on what the one before it shows. A sample at time t is touched if start < t <= end, as by the plant's own
faults. Invariant: state in, state out; a fault draws its numbers by (seed, place in the schedule, sample), so a run
handled in pieces equals the run in one go, and no fault changes the plant's own random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from setpoint.plant._plant import NORMAL, Floats, Variable

SensorKind = Literal["stuck", "ramp", "drop-out", "noise", "unit", "delay"]
KINDS: tuple[SensorKind, ...] = ("stuck", "ramp", "drop-out", "noise", "unit", "delay")
_STREAM = 0x5E7  # keeps these numbers apart from any other use of the same seed
_CHUNK = 256  # samples whose numbers are drawn together

# Own unit: {other unit: (a, b)}, shown = a * value + b. Source: NIST Special Publication 811, appendix B.
CONVERSIONS: dict[str, dict[str, tuple[float, float]]] = {
    "degC": {"degF": (1.8, 32.0), "K": (1.0, 273.15)},
    "kPa gauge": {"bar gauge": (0.01, 0.0), "psi gauge": (1.0 / 6.894757293168361, 0.0)},
    "%": {"ratio": (0.01, 0.0)},
    "mole %": {"ratio": (0.01, 0.0)},
    "kg/h": {"lb/h": (1.0 / 0.45359237, 0.0), "t/h": (0.001, 0.0)},
    "m3/h": {"L/min": (1000.0 / 60.0, 0.0), "ft3/h": (1.0 / 0.028316846592, 0.0)},
    "L/min": {"m3/h": (0.06, 0.0), "gal/min": (1.0 / 3.785411784, 0.0)},
    "kscmh": {"scmh": (1000.0, 0.0), "kscfh": (1.0 / 0.028316846592, 0.0)},
    "kW": {"hp": (1.0 / 0.745699871582, 0.0), "W": (1000.0, 0.0)},
    "mol/L": {"mmol/L": (1000.0, 0.0)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFault:
    """One broken instrument for a while.

    `value` is, by kind: stuck: unused; ramp: drift in the variable's unit per hour; drop-out: ratio of samples lost,
    0 to 1; noise: factor on the instrument's noise, from 1; unit: the factor a of a * value + `offset`; delay: seconds.
    """

    variable: str
    kind: SensorKind
    start_seconds: float
    end_seconds: float | None = None
    value: float = 0.0
    offset: float = 0.0

    @property
    def label(self) -> str:
        """As it stands in the column of sensor faults."""
        return f"{self.variable} {self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorState:
    """Samples so far; per fault the past readings it needs, oldest first (stuck 1, delay n), or running sums."""

    sample: int
    memory: tuple[Floats, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """The instruments of one run and what breaks among them."""

    variables: tuple[Variable, ...]
    period_seconds: float
    faults: tuple[SensorFault, ...] = ()
    seed: int = 0

    def start(self) -> SensorState:
        """Before the first sample."""
        return SensorState(sample=0, memory=tuple(np.empty(0) for _ in self.faults))

    def advance(self, state: SensorState, values: Floats) -> tuple[SensorState, Floats, list[str]]:
        """Lay the faults over the next samples.

        Args:
            state: Where the run is.
            values: (steps, variables), as the plant showed them; not changed.

        Returns:
            State after them, values shown (lost ones NaN), and per sample the active faults (`normal` if none).
        """
        if not self.faults:
            after = SensorState(sample=state.sample + len(values), memory=())
            return after, values, [NORMAL] * len(values)
        shown = values.copy()
        times: Floats = (
            np.arange(state.sample + 1, state.sample + len(values) + 1, dtype=np.float64) * self.period_seconds
        )
        columns = {variable.name: index for index, variable in enumerate(self.variables)}
        memory, active_labels = [], [list[str]() for _ in range(len(values))]
        for order, (fault, past) in enumerate(zip(self.faults, state.memory, strict=True)):
            column = columns[fault.variable]
            end = math.inf if fault.end_seconds is None else fault.end_seconds
            active = (times > fault.start_seconds) & (times <= end)
            readings = shown[:, column].copy()
            broken, kept = self._broken(order, fault, readings, active, times, past, state.sample)
            shown[:, column] = np.where(active, broken, readings)
            memory.append(kept)
            for row in np.flatnonzero(active):
                active_labels[row].append(fault.label)
        labels = ["; ".join(found) or NORMAL for found in active_labels]
        return SensorState(sample=state.sample + len(values), memory=tuple(memory)), shown, labels

    def _broken(
        self,
        order: int,
        fault: SensorFault,
        readings: Floats,
        active: NDArray[np.bool_],
        times: Floats,
        past: Floats,
        sample: int,
    ) -> tuple[Floats, Floats]:
        """(what the fault makes of the readings, the past to keep)."""
        variable = next(item for item in self.variables if item.name == fault.variable)
        match fault.kind:
            case "stuck":
                return _stuck(readings, active, past)
            case "delay":
                samples = max(1, round(fault.value / self.period_seconds))
                line = np.concatenate((past, readings))
                if not len(line):
                    return readings, past
                # Before the line is full it shows its oldest reading.
                at = np.maximum(np.arange(len(past), len(line)) - samples, 0)
                return line[at], line[-samples:]
            case "ramp":
                drifted = readings + fault.value * (times - fault.start_seconds) / 3600.0
                return _within(drifted, readings, variable), past
            case "noise":
                # Independent noise adds in squares: with this much more the whole has `value` times the deviation.
                deviation, kept = _deviation(variable, readings, past)
                extra = math.sqrt(max(fault.value**2 - 1.0, 0.0)) * deviation
                draws = _normals(self.seed, order, sample, len(readings))
                return _within(readings + extra * draws, readings, variable), kept
            case "drop-out":
                lost = _uniforms(self.seed, order, sample, len(readings)) < fault.value
                return np.where(lost, np.nan, readings), past
            case "unit":
                return fault.value * readings + fault.offset, past


def _deviation(variable: Variable, readings: Floats, past: Floats) -> tuple[Floats | float, Floats]:
    """(standard deviation of the instrument's noise, per reading; what to remember).

    As the plant says; else from the differences between successive readings so far, whose variance is twice that of
    the noise where the process moves slowly (von Neumann 1941). Repeated values of an analyser are no new readings.
    """
    if variable.noise > 0.0 or not len(readings):
        return variable.noise, past
    last, total, count = past if len(past) else (readings[0], 0.0, 0.0)
    squares = np.diff(readings, prepend=last) ** 2
    known = np.nan_to_num(squares)
    totals = np.cumsum(np.concatenate(([total], known)))[1:]
    counts = count + np.cumsum(known > 0.0)
    estimate: Floats = np.sqrt(totals / np.maximum(counts, 1.0) / 2.0)
    return estimate, np.array([readings[-1], totals[-1], counts[-1]])


def _stuck(readings: Floats, active: NDArray[np.bool_], past: Floats) -> tuple[Floats, Floats]:
    """The last reading before the fault; from the first sample on, that one."""
    if not len(readings):
        return readings, past
    line = np.concatenate((past if len(past) else readings[:1], readings))
    # Index of the latest sound reading: 0 is the past, a sound sample k is k + 1.
    latest = np.maximum.accumulate(np.where(active, 0, np.arange(1, len(line))))
    held: Floats = line[latest]
    return held, held[-1:].copy()


def _within(broken: Floats, readings: Floats, variable: Variable) -> Floats:
    """An instrument saturates at the ends of its range; readings that were outside already may stay there."""
    low, high = np.minimum(variable.low, readings), np.maximum(variable.high, readings)
    limited: Floats = np.clip(broken, low, high)
    return limited


def _chunks(seed: int, order: int, sample: int, count: int) -> list[np.random.Generator]:
    """One generator per chunk of samples that the request touches."""
    first, last = sample // _CHUNK, (sample + max(count, 1) - 1) // _CHUNK
    return [np.random.default_rng([_STREAM, seed, order, chunk]) for chunk in range(first, last + 1)]


def _normals(seed: int, order: int, sample: int, count: int) -> Floats:
    drawn = [source.standard_normal(_CHUNK) for source in _chunks(seed, order, sample, count)]
    return _cut(drawn, sample, count)


def _uniforms(seed: int, order: int, sample: int, count: int) -> Floats:
    drawn = [source.random(_CHUNK) for source in _chunks(seed, order, sample, count)]
    return _cut(drawn, sample, count)


def _cut(drawn: Sequence[Floats], sample: int, count: int) -> Floats:
    begin = sample % _CHUNK
    return np.concatenate(drawn)[begin : begin + count]
