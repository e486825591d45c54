"""Speed of the simulated plants: hours of plant per second of machine.

One run of 48 h and the customary data set (22 runs of 25 h and 22 of 48 h) of the Tennessee Eastman process, compiled
and after compilation; the interpreted form of the same functions over a short stretch as what there was without it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from setpoint.plant import Cstr, FaultEvent, Plant, Scenario, TennesseeEastman

ROUNDS = 5
SAMPLES_PER_HOUR = 20
_FIRST = """
import time
from setpoint.plant import Scenario, TennesseeEastman
begin = time.perf_counter()
plant = TennesseeEastman()
plant.advance(plant.start([Scenario(seed=1)]), 1)
print(time.perf_counter() - begin)
"""


def run() -> dict[str, float]:
    """Seconds, plant hours per second, and the ratio of compiled to interpreted; medians over rounds."""
    compiled, plain = TennesseeEastman(), TennesseeEastman(compiled=False)
    original = TennesseeEastman(generator="original")
    for plant in (compiled, original):
        plant.advance(plant.start([Scenario(seed=1)]), 1)
    single = [_seconds(compiled, [_scenario(0, 8.0)], 48) for _ in range(ROUNDS)]
    interpreted = _seconds(plain, [_scenario(0, 8.0)], 0.5)
    sets = [
        _seconds(compiled, [_scenario(fault, 1.0) for fault in range(22)], 25)
        + _seconds(compiled, [_scenario(fault, 8.0) for fault in range(22)], 48)
        for _ in range(3)
    ]
    one = statistics.median(single)
    figures = {
        "cores": float(os.cpu_count() or 1),
        "tep_48_hours_seconds": one,
        "tep_hours_per_second": 48.0 / one,
        "tep_48_hours_original_generator_seconds": _seconds(original, [_scenario(0, 8.0)], 48),
        "tep_interpreted_hours_per_second": 0.5 / interpreted,
        "tep_compiled_over_interpreted": 48.0 / one / (0.5 / interpreted),
        "tep_22_training_and_22_test_runs_seconds": statistics.median(sets),
        "tep_first_use_with_code_on_disk_seconds": _first_use(),
        "tep_one_sample_milliseconds": 1e3 * _seconds(compiled, [_scenario(0, 8.0)], 5, pieces=100) / 100,
        "cstr_hours_per_second": 48.0 / statistics.median(_cstr() for _ in range(ROUNDS)),
    }
    return {name: round(value, 3) for name, value in figures.items()}


def _scenario(fault: int, onset: float) -> Scenario:
    schedule = (FaultEvent(fault=f"idv-{fault}", start_seconds=onset * 3600.0),) if fault else ()
    return Scenario(seed=1000 + fault, schedule=schedule)


def _seconds(plant: TennesseeEastman, scenarios: list[Scenario], hours: float, pieces: int = 1) -> float:
    begin = time.perf_counter()
    state = plant.start(scenarios)
    for _ in range(pieces):
        state, _ = plant.advance(state, round(hours * SAMPLES_PER_HOUR / pieces))
    return time.perf_counter() - begin


def _cstr() -> float:
    plant: Plant[object] = Cstr()  # type: ignore[assignment]  # any plant will do: its state is its own affair
    begin = time.perf_counter()
    plant.advance(plant.start([Scenario(seed=1)]), round(48 * 3600 / plant.sample_period_seconds))
    return time.perf_counter() - begin


def _first_use() -> float:
    """A new process: numba imported, compiled code loaded, one sample."""
    done = subprocess.run([sys.executable, "-c", _FIRST], check=True, capture_output=True, text=True)
    return float(done.stdout)


if __name__ == "__main__":
    print(run())
