"""Tennessee Eastman against numbers: published runs row by row, our own golden rows, statistics of the base case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from setpoint.plant import FaultEvent, Floats, Scenario, TennesseeEastman
from setpoint.plant.tep import Generator

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / ".." / "shared" / "data" / "tep"
PUBLISHED = pytest.mark.skipif(not DATA.is_dir(), reason="reference data is not here")
GOLDEN: list[dict[str, Any]] = json.loads((HERE / "tep_golden.json").read_text())
BASE: list[list[Any]] = json.loads((HERE / "tep_base_case.json").read_text())["rows"]
NAMES = [variable.name for variable in TennesseeEastman.variables]
ONSET = 8 * 3600.0
pytestmark = pytest.mark.xdist_group("tep")


def simulate(generator: Generator, seeds: list[int], fault: int, start: float, samples: int) -> Floats:
    """Values (runs, samples, 52)."""
    plant = TennesseeEastman(generator=generator)
    schedule = (FaultEvent(fault=f"idv-{fault}", start_seconds=start),) if fault else ()
    _, block = plant.advance(plant.start([Scenario(seed=seed, schedule=schedule) for seed in seeds]), samples)
    return block.values


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["generator"])
def test_rows_of_our_own(case: dict[str, Any]) -> None:
    # The original's case was compared with the published test file 1 when it was written; see docs/benchmarks/plant.md.
    rows = {int(number): np.array(values) for number, values in case["rows"].items()}
    fault = int(case["fault"].removeprefix("idv-"))
    values = simulate(case["generator"], [case["seed"]], fault, case["start_seconds"], max(rows))[0]
    for number, expected in rows.items():
        np.testing.assert_allclose(values[number - 1], expected, rtol=1e-5, atol=1e-7)


def test_the_first_hour_interpreted() -> None:
    case = GOLDEN[0]
    plant = TennesseeEastman(generator="original", compiled=False)
    _, block = plant.advance(plant.start([Scenario(seed=case["seed"])]), 20)
    for number in ("1", "2", "20"):
        np.testing.assert_allclose(block.values[0, int(number) - 1], case["rows"][number], rtol=1e-6, atol=1e-9)


def agreement(values: Floats, published: Floats) -> float:
    """Share of entries equal to the five digits that are stored, with a fifth of slack for the rounding."""
    unit = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(published), 1e-12))) - 4.0)
    return float((np.abs(values - published) <= 0.6 * unit).mean())


# File, fault, seed: the longest common stretch of test and training files, with step, random, sticking and held valves.
RUNS = [
    ("test", 1, 2994833239),
    ("test", 8, 8943242344),
    ("test", 17, 4342232344),
    ("test", 19, 9445382439),
    ("test", 21, 7654534567),
    ("train", 0, 4243534565),
    ("train", 6, 6678322168),
    ("train", 12, 2589274931),
    ("train", 20, 9902234324),
]


@pytest.mark.shared
@PUBLISHED
@pytest.mark.parametrize(("file", "fault", "seed"), RUNS)
def test_published_runs_row_by_row(file: str, fault: int, seed: int) -> None:
    table = pl.read_parquet(DATA / f"tep_{file}.parquet").filter(pl.col("run") == fault).sort("sample")
    published = table.select(NAMES).to_numpy()
    start, samples = (ONSET, 960) if file == "test" else (3600.0, 500)
    values = simulate("original", [seed], fault, start, samples)[0, -len(published) :]
    if (file, fault) == ("test", 1):
        first = [0.25025, 3657.2, 4520.1, 9.3965, 26.715, 42.191, 2704.5, 74.593, 120.42, 0.33701, 80.050, 48.281]
        assert agreement(values[0, :12], np.array(first)) == 1.0 and agreement(values[0], published[0]) == 1.0
    assert agreement(values, published) > 0.995
    deviation = np.array([row[3] for row in BASE])
    assert (np.abs(values - published) / deviation).max() < 0.3


def test_base_case_statistics() -> None:
    table = np.array([row[1:] for row in BASE])
    published, mean, deviation, tolerance, least, greatest = table.T
    assert [row[0] for row in BASE] == NAMES
    values = simulate("default", list(range(1, 21)), 0, 0.0, 960)
    means, deviations = values.mean(axis=1), values.std(axis=1)
    off = np.abs(means - published) / tolerance
    middle, half = (greatest + least) / 2.0, (greatest - least) / 2.0
    wide = np.abs(deviations - middle) / half
    misses = (off > 1.0).sum(axis=1) + (wide > 1.0).sum(axis=1)
    assert off.max() < 1.5 and wide.max() < 1.5 and misses.max() <= 5
    assert (misses == 0).sum() >= 14
    # All runs together are far tighter than one.
    assert (np.abs(means.mean(axis=0) - mean) < 0.3 * tolerance).all()
    assert (np.abs(deviations.mean(axis=0) / deviation - 1.0) < 0.05).all()


# Fault, variable, mean and standard deviation after the onset; the last column: by how many base-case standard
# deviations the mean of all runs may differ. Random faults differ by several between single runs.
EFFECTS = [
    (1, "xmeas_1", 0.7597, 0.095, 0.1),
    (1, "xmv_3", 74.74, 9.33, 0.1),
    (1, "xmeas_4", 8.796, 0.209, 0.1),
    (2, "xmeas_10", 0.6846, 0.0708, 0.1),
    (2, "xmeas_34", 1.508, 0.251, 0.1),
    (2, "xmv_6", 81.43, 8.50, 0.1),
    (5, "xmv_11", 20.83, 1.49, 0.1),
    (5, "xmeas_19", 230.1, 26.7, 0.2),
    (7, "xmv_4", 76.61, 2.39, 0.1),
    (8, "xmeas_10", 0.3400, 0.079, 3.0),
    (10, "xmeas_18", 65.87, 1.17, 0.4),
    (12, "xmeas_19", 260.8, 66.7, 2.0),
    (13, "xmeas_7", 2714.0, 79.0, 5.0),
    (16, "xmv_9", 48.5, 4.9, 0.5),
    (17, "xmeas_21", 90.83, 3.91, 1.0),
    (17, "xmv_10", 44.11, 3.65, 0.5),
    (19, "xmeas_19", 232.9, 11.3, 0.4),
]


STEPS = (1, 2, 5, 7)


@pytest.mark.parametrize(
    "number",
    [
        *STEPS,
        *(
            pytest.param(number, marks=pytest.mark.slow)
            for number in sorted({effect[0] for effect in EFFECTS} - set(STEPS))
        ),
    ],
)
def test_fault_effects(number: int) -> None:
    base = {row[0]: row[3] for row in BASE}
    runs = 4 if number in STEPS else 8
    values = simulate("default", [1000 * number + seed for seed in range(runs)], number, ONSET, 960)[:, 160:]
    for fault, name, mean, deviation, slack in EFFECTS:
        if fault == number:
            column = values[:, :, NAMES.index(name)]
            assert abs(column.mean() - mean) < slack * base[name]
            assert 0.7 < column.std(axis=1).mean() / deviation < 1.4


def test_loss_of_the_a_feed_always_ends_in_a_shutdown() -> None:
    plant = TennesseeEastman()
    schedule = (FaultEvent(fault="idv-6", start_seconds=ONSET),)
    state, _ = plant.advance(plant.start([Scenario(seed=seed, schedule=schedule) for seed in range(60, 72)]), 300)
    for stop in state.shutdowns():
        assert stop is not None and stop.cause == "reactor pressure" and 13.65 < stop.hour < 14.15
