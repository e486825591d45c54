"""What a plant is to the rest: variables, faults, and a state that is handed in and out.

A plant holds no run of its own: `start` makes the state of several runs at once, `advance` returns the next state
beside what the instruments showed. Invariant: the same scenarios give the same samples, however the steps are cut
into calls, and a state that was passed in is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NORMAL = "normal"
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One recorded signal; `low` and `high` are the range of the instrument, in `unit`.

    `noise` is the standard deviation of the instrument's noise in `unit`; 0 if the plant does not say.
    """

    name: str
    unit: str
    description: str
    kind: Literal["measured", "manipulated"]
    low: float
    high: float
    noise: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that can break; `name` is its label in the data."""

    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEvent:
    """A fault in a schedule; `end_seconds` None means to the end of the run; magnitude 1 is the plant's own size."""

    fault: str
    start_seconds: float
    end_seconds: float | None = None
    magnitude: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPointChange:
    """A controlled variable gets another set-point, in its unit, from a moment on."""

    variable: str
    time_seconds: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run: its seed, what breaks when, what operators change when."""

    seed: int
    schedule: tuple[FaultEvent, ...] = ()
    setpoints: tuple[SetPointChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Samples of all runs: values (runs, steps, variables); labels (runs, steps), 0 normal, else 1 + fault's index."""

    values: Floats
    labels: NDArray[np.int64]


class Plant(Protocol[S]):
    """A simulated plant with its controllers. ValueError for a fault or a set-point that it does not have."""

    @property
    def name(self) -> str:
        """Its name in `plant://` addresses."""
        ...

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The recorded signals, in the order of `Block.values`."""
        ...

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What can break."""
        ...

    @property
    def sample_period_seconds(self) -> float:
        """Time between two samples."""
        ...

    def start(self, scenarios: Sequence[Scenario]) -> S:
        """The state before the first sample: at the operating point, one run per scenario."""
        ...

    def advance(self, state: S, steps: int) -> tuple[S, Block]:
        """The next `steps` samples of every run, and the state after them."""
        ...


def iterate(plant: Plant[S], scenario: Scenario, *, state: S | None = None) -> Iterator[tuple[S, Floats, str]]:
    """One run sample by sample without end: (state after it, values (variables,), label).

    Passing back a state goes on from there with the same samples as without the break.
    """
    current = plant.start([scenario]) if state is None else state
    names = (NORMAL, *(fault.name for fault in plant.faults))
    while True:
        current, block = plant.advance(current, 1)
        yield current, block.values[0, 0], names[int(block.labels[0, 0])]
