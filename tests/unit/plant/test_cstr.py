"""The stirred tank: steady, repeatable however it is cut, broken by each fault in its own way."""

from __future__ import annotations

from itertools import islice

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from setpoint.plant import DEFECTS, NORMAL, PLANTS, Cstr, FaultEvent, Scenario, dataset, iterate, lay_defects
from setpoint.plant.cstr import FAULTS, VARIABLES

COLUMN = {variable.name: index for index, variable in enumerate(VARIABLES)}
PLANT = Cstr()


def scenario(fault: str = "", *, seed: int = 5, start: float = 3600.0, end: float | None = None) -> Scenario:
    events = (FaultEvent(fault=fault, start_seconds=start, end_seconds=end),) if fault else ()
    return Scenario(seed=seed, schedule=events)


def test_normal_operation_stays_at_its_set_points() -> None:
    _, block = PLANT.advance(PLANT.start([scenario(seed=seed) for seed in range(4)]), 960)
    temperature = block.values[:, :, COLUMN["reactor_temperature"]]
    assert np.abs(temperature.mean(axis=1) - 76.85).max() < 0.2
    assert np.abs(temperature - 76.85).max() < 4.0
    assert np.abs(block.values[:, :, COLUMN["reactor_level"]] - 50.0).max() < 3.0
    assert not block.labels.any()


def test_without_noise_the_operating_point_is_a_steady_state() -> None:
    state = PLANT.start([scenario()])
    _, block = PLANT.advance(state, 200)
    # Mass balance over the whole run: what came in and did not stay went out.
    volume = block.values[0, :, COLUMN["reactor_level"]] * 2.0
    flows = block.values[0, :, COLUMN["feed_flow"]] - block.values[0, :, COLUMN["outlet_flow"]]
    assert abs(flows.sum() * 0.5 - (volume[-1] - volume[0])) < 15.0


def test_cutting_the_steps_changes_nothing_and_states_are_not_touched() -> None:
    runs = [scenario("coolant-valve"), scenario("feed-temperature", seed=8)]
    start = PLANT.start(runs)
    first, a = PLANT.advance(start, 70)
    kept = first.rows.copy()
    _, b = PLANT.advance(first, 130)
    _, again = PLANT.advance(first, 130)
    _, whole = PLANT.advance(PLANT.start(runs), 200)
    assert np.array_equal(np.concatenate((a.values, b.values), axis=1), whole.values)
    assert np.array_equal(np.concatenate((a.labels, b.labels), axis=1), whole.labels)
    assert np.array_equal(b.values, again.values)
    assert np.array_equal(first.rows, kept)


def test_a_run_does_not_depend_on_its_neighbours() -> None:
    _, alone = PLANT.advance(PLANT.start([scenario(seed=3)]), 50)
    _, beside = PLANT.advance(PLANT.start([scenario(seed=9), scenario(seed=3)]), 50)
    assert np.array_equal(alone.values[0], beside.values[1])


def test_iteration_goes_on_from_a_state() -> None:
    one = list(islice(iterate(PLANT, scenario("coolant-valve", start=60.0)), 6))
    rest = list(islice(iterate(PLANT, scenario("coolant-valve", start=60.0), state=one[2][0]), 3))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one[3:], rest, strict=True))
    assert [label for _, _, label in one] == [NORMAL, NORMAL, *["coolant-valve"] * 4]


@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS])
def test_labels_follow_the_schedule_exactly(fault: str) -> None:
    _, block = PLANT.advance(PLANT.start([scenario(fault, start=1800.0, end=3600.0)]), 200)
    number = [item.name for item in FAULTS].index(fault) + 1
    # Samples are taken at 30 s, 60 s, ...: number 60 (at 1800 s) is the last normal one, number 120 the last faulty.
    assert np.flatnonzero(block.labels[0] == number).tolist() == list(range(60, 120))


def test_each_fault_shows_where_it_should() -> None:
    runs = [scenario(), *(scenario(fault.name) for fault in FAULTS)]
    _, block = PLANT.advance(PLANT.start(runs), 960)
    late = block.values[:, 600:]
    feed, temperature, coolant, product = (
        late[:, :, COLUMN[name]]
        for name in ("feed_temperature", "reactor_temperature", "coolant_flow", "product_concentration")
    )
    assert feed[1].mean() - feed[0].mean() == pytest.approx(4.0, abs=0.1)
    assert temperature[2].std() > 2.5 * temperature[0].std()
    assert coolant[3].mean() < coolant[0].mean() - 1.5
    assert product[3].mean() > product[0].mean() + 0.05
    assert np.allclose(block.values[0, :120], block.values[1, :120])  # the same run until the fault begins


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="'leak' is not a fault of cstr"):
        PLANT.start([scenario("leak")])


def test_the_dataset_is_complete_and_grows_without_changing() -> None:
    small = dataset(PLANTS["cstr"], runs=1, hours=1.0)
    large = dataset(PLANTS["cstr"], runs=2, hours=1.0)
    assert small.columns == ["run", "time", "label", *COLUMN]
    assert small.height == 4 * 120
    assert small["run"].unique(maintain_order=True).to_list() == [
        f"{name}-1" for name in (NORMAL, *(f.name for f in FAULTS))
    ]
    shared = large.filter(pl.col("run").is_in(small["run"].unique().to_list()))
    assert_frame_equal(shared, small)
    assert (
        small.group_by("run").agg(pl.col("time").diff().drop_nulls().unique())["time"].list.len().to_list() == [1] * 4
    )
    assert_frame_equal(small, dataset(PLANTS["cstr"], runs=1, hours=1.0))
    assert not dataset(PLANTS["cstr"], runs=1, hours=1.0, seed=2).equals(small)


def test_defects_are_laid_over_and_repeatable() -> None:
    clean = dataset(PLANTS["cstr"], runs=2, hours=8.0)
    dirty = lay_defects(clean, VARIABLES, kinds=DEFECTS, seed=3)
    assert dirty.height == clean.height + 20
    assert_frame_equal(dirty, lay_defects(clean, VARIABLES, kinds=DEFECTS, seed=3))
    texts = [name for name in COLUMN if dirty[name].dtype == pl.String]
    assert texts and set(texts) <= {item.name for item in VARIABLES if item.kind == "measured"}
    assert dirty.select(pl.any_horizontal(pl.col(texts).is_in(["Bad", "I/O Timeout"])).sum()).item() > 0
    steps = dirty.select(pl.col("time").diff().dt.total_seconds().over("run")).to_series().drop_nulls()
    assert steps.min() == -30 and (steps == 0).any()
    for name in ("coolant_valve", "outlet_valve"):
        assert dirty[name].null_count() == 0
    only = lay_defects(clean, VARIABLES, kinds=["sentinel"], seed=3)
    changed = only.select((pl.col(name) == -9999.0).sum() for name in COLUMN).sum_horizontal().item()
    assert changed > 20
    assert only.select(pl.exclude(list(COLUMN))).equals(clean.select(pl.exclude(list(COLUMN))))
    with pytest.raises(ValueError, match="unknown defects rust"):
        lay_defects(clean, VARIABLES, kinds=["rust"])
