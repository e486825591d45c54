"""Tennessee Eastman as a plant: schedules, labels, set-points, shutdown, checkpoints, refusals, start-up cost."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice

import numpy as np
import polars as pl
import pytest

from setpoint.plant import (
    PLANTS,
    FaultEvent,
    Floats,
    Scenario,
    SetPointChange,
    TennesseeEastman,
    dataset,
    iterate,
)
from setpoint.plant.tep import Shutdown, TepState
from setpoint.plant.tep._constants import OVERRIDE, SETPOINT, SIZE, XMEAS, XMV
from setpoint.plant.tep._control import purge

pytestmark = pytest.mark.xdist_group("tep")  # one process compiles, the others need not
PLANT = TennesseeEastman()
COLUMN = {variable.name: index for index, variable in enumerate(PLANT.variables)}


def run(*events: FaultEvent, hours: float, seed: int = 3, setpoints: tuple[SetPointChange, ...] = ()) -> Floats:
    """Values (samples, 52) of one run."""
    scenario = Scenario(seed=seed, schedule=events, setpoints=setpoints)
    _, block = PLANT.advance(PLANT.start([scenario]), round(hours * 20))
    values: Floats = block.values[0]
    return values


def fault(number: int, start: float = 0.0, end: float | None = None, magnitude: float = 1.0) -> FaultEvent:
    return FaultEvent(fault=f"idv-{number}", start_seconds=start, end_seconds=end, magnitude=magnitude)


def test_52_variables_and_29_faults_in_the_literatures_order() -> None:
    assert PLANTS["tep"].name == "tep" and PLANT.sample_period_seconds == 180.0
    assert [variable.name for variable in PLANT.variables] == [
        *(f"xmeas_{number}" for number in range(1, 42)),
        *(f"xmv_{number}" for number in range(1, 12)),
    ]
    names = [item.name for item in PLANT.faults]
    assert names == [*(f"idv-{number}" for number in range(1, 22)), *(f"idv-{number}" for number in range(101, 109))]
    assert PLANT.variables[COLUMN["xmeas_33"]].description == "E in purge, every 6 min"


def test_the_plant_package_does_not_import_numba() -> None:
    code = "import sys, setpoint.plant; setpoint.plant.PLANTS['tep'].variables; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_interpreted_and_compiled_give_the_same_bytes() -> None:
    scenario = Scenario(seed=11, schedule=(fault(8, 60.0), fault(14, 200.0)))
    plain = TennesseeEastman(compiled=False)
    slow, fast = (plant.advance(plant.start([scenario]), 3) for plant in (plain, PLANT))
    assert slow[1].values.tobytes() == fast[1].values.tobytes()
    assert slow[0].rows.tobytes() == fast[0].rows.tobytes()


def test_a_sample_is_labelled_by_the_fault_in_its_measurements() -> None:
    # Sample k is taken at 180 k s and shows measurements one second old.
    events = (fault(4, 540.0, 1080.0), fault(101, 720.0, 900.0))
    _, block = PLANT.advance(PLANT.start([Scenario(seed=1, schedule=events)]), 8)
    assert block.labels[0].tolist() == [0, 0, 0, 4, 22, 4, 0, 0]


def test_a_fault_shifts_nothing_before_it_and_no_noise_of_what_it_does_not_touch() -> None:
    normal, faulty = run(hours=1.0), run(fault(4, 1800.0), hours=1.0)
    assert np.array_equal(normal[:10], faulty[:10]) and not np.array_equal(normal[10:], faulty[10:])
    # Fault 3 is hard to see because the plant hardly feels it: the noise around it is the same, number by number.
    assert np.abs(normal - run(fault(3, 1800.0), hours=1.0))[10:, COLUMN["xmeas_12"]].max() < 0.1


def test_a_fault_ends_and_the_plant_comes_back() -> None:
    step = run(fault(4, 3600.0, 7200.0), hours=6.0)[:, COLUMN["xmv_10"]]
    assert abs(step[15:20].mean() - 41.1) < 1.0
    assert abs(step[30:40].mean() - 45.0) < 1.0  # warmer cooling water asks for more of it
    assert abs(step[-20:].mean() - 41.1) < 1.0


@pytest.mark.parametrize(("magnitude", "least", "most"), [(0.5, 42.0, 44.0), (1.0, 44.0, 46.0), (-1.0, 37.0, 39.0)])
def test_magnitude_scales_a_step(magnitude: float, least: float, most: float) -> None:
    assert least < run(fault(4, 0.0, magnitude=magnitude), hours=2.0)[20:, COLUMN["xmv_10"]].mean() < most


def test_loss_of_a_feed_in_part() -> None:
    values = run(fault(6, 3600.0, magnitude=0.25), hours=3.0)
    per_valve = values[:, COLUMN["xmeas_1"]] / values[:, COLUMN["xmv_3"]]
    # One opening of the valve gives a quarter less; the valve itself lags by seconds and its loop is quick.
    assert abs(per_valve[20:].mean() / per_valve[:20].mean() - 0.75) < 0.02


def test_fault_21_holds_its_valve() -> None:
    valve = run(fault(21, 3600.0), hours=2.0)[:, COLUMN["xmv_4"]]
    # The overwrite of step 3600 is before its record: sample 20 shows it already.
    assert len(set(valve[:19])) == 19 and set(valve[19:]) == {61.302}


def test_a_sticking_valve_stands_still_between_its_moves() -> None:
    def temperature(values: Floats) -> float:
        return float(values[200:, COLUMN["xmeas_9"]].std())

    assert temperature(run(fault(14), hours=20.0)) > 5.0 * temperature(run(hours=20.0))


@pytest.mark.parametrize(
    ("number", "column"),
    [
        (101, "xmeas_1"),
        (103, "xmeas_1"),
        (104, "xmv_1"),
        (105, "xmv_2"),
        (106, "xmv_4"),
        (107, "xmv_10"),
        (108, "xmv_11"),
    ],
)
def test_the_eight_extra_disturbances_act(number: int, column: str) -> None:
    difference = run(fault(number), hours=4.0) - run(hours=4.0)
    assert not difference[0].any() and np.abs(difference[20:, COLUMN[column]]).max() > 1e-5


def test_set_points_move_what_they_name() -> None:
    change = (SetPointChange(variable="xmeas_8", time_seconds=3600.0, value=70.0),)
    level = run(hours=14.0, setpoints=change)[:, COLUMN["xmeas_8"]]
    assert abs(level[:20].mean() - 75.0) < 0.5 and abs(level[-60:].mean() - 70.0) < 0.5


def test_a_shutdown_freezes_the_process_but_not_analysers_and_controllers() -> None:
    state, block = PLANT.advance(PLANT.start([Scenario(seed=2, schedule=(fault(6),)), Scenario(seed=2)]), 200)
    stop, none = state.shutdowns()
    assert stop is not None and none is None
    assert stop.cause == "reactor pressure" and 5.0 < stop.hour < 7.0
    frozen = block.values[0, int(stop.hour * 20) + 2 :]
    assert not np.ptp(frozen[:, :22], axis=0).any()
    assert np.ptp(frozen[:, 22:36], axis=0).all() and np.ptp(frozen[:, 41:51], axis=0).any()
    assert frozen[0, COLUMN["xmeas_7"]] > 3000.0


def test_analysers_repeat_their_value_and_are_one_period_old() -> None:
    values = run(hours=3.0)
    feed, product = values[:, COLUMN["xmeas_23"]], values[:, COLUMN["xmeas_41"]]
    # Due at 360 s, published in step 361: the record of step 540 is the first to show it.
    assert [int(k) + 1 for k in np.flatnonzero(np.diff(feed)) + 1] == list(range(3, 61, 2))
    assert [int(k) + 1 for k in np.flatnonzero(np.diff(product)) + 1] == list(range(6, 61, 5))


def purge_state(pressure: float, mode: float) -> Floats:
    state = np.zeros(SIZE)
    state[XMEAS + 12], state[OVERRIDE], state[XMV + 5], state[SETPOINT + 5] = pressure, mode, 33.0, 0.5
    state[XMEAS + 9] = 0.5
    return state


@pytest.mark.parametrize(
    ("pressure", "mode", "valve", "after"),
    [
        (2700.0, 0.0, 33.0, 0.0),  # the normal law; no error, no move
        (2960.0, 0.0, 100.0, 1.0),
        (2700.0, 1.0, 100.0, 1.0),
        (2600.0, 1.0, 40.060, 0.0),
        (2290.0, 0.0, 0.0, 2.0),
        (2600.0, 2.0, 0.0, 2.0),
        (2640.0, 2.0, 40.060, 0.0),
        (2290.0, 1.0, 40.060, 0.0),
        (2960.0, 2.0, 100.0, 1.0),
    ],
)
def test_the_purge_override(pressure: float, mode: float, valve: float, after: float) -> None:
    state = purge_state(pressure, mode)
    purge(state)
    assert (state[XMV + 5], state[OVERRIDE]) == (valve, after)


def test_streaming_by_sample_is_the_run() -> None:
    scenario = Scenario(seed=9, schedule=(fault(12, 600.0),))
    pieces = list(islice(iterate(PLANT, scenario), 12))
    whole = run(*scenario.schedule, hours=0.6, seed=9)
    assert np.array_equal(np.stack([values for _, values, _ in pieces]), whole)
    assert [label for _, _, label in pieces][2:4] == ["normal", "idv-12"]


def test_a_data_set_of_this_plant() -> None:
    table = dataset(PLANT, runs=1, hours=0.5)
    assert table.height == 30 * 10 and table["label"].n_unique() == 30
    assert table.select(pl.col("xmeas_7").is_between(2600.0, 2800.0).all()).item()


def test_advance_leaves_its_state_alone_and_takes_no_runs() -> None:
    state = PLANT.start([Scenario(seed=1)])
    before = state.rows.copy()
    after, block = PLANT.advance(state, 2)
    assert np.array_equal(state.rows, before) and after.sample == 2 and block.values.shape == (1, 2, 52)
    assert PLANT.advance(PLANT.start([]), 2)[1].values.shape == (0, 2, 52)
    assert np.array_equal(PLANT.advance(state, 0)[0].rows, before)


def start(plant: TennesseeEastman = PLANT, *, seed: int = 1, **parts: object) -> TepState:
    return plant.start([Scenario(seed=seed, **parts)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (FaultEvent(fault="idv-22", start_seconds=0.0), "'idv-22' is not a fault of tep; it has idv-1, idv-2"),
        (fault(1, -1.0), "idv-1 begins at -1.0 s"),
        (fault(1, float("nan")), "idv-1 begins at nan s"),
        (fault(1, 60.0, 60.0), "idv-1 ends at 60.0 s, not after its start"),
        (fault(6, magnitude=1.5), "idv-6 has no magnitude 1.5; give 0.0 to 1.0"),
        (fault(21, magnitude=0.5), "idv-21 has no magnitude 0.5"),
        (fault(4, magnitude=0.0), "idv-4 has no magnitude 0.0"),
        (fault(4, magnitude=float("nan")), "idv-4 has no magnitude nan"),
    ],
)
def test_faults_that_cannot_be_are_refused(event: FaultEvent, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        start(schedule=(event,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (SetPointChange(variable="xmeas_7", time_seconds=0.0, value=2700.0), "'xmeas_7' has no set-point of its own"),
        (SetPointChange(variable="xmeas_8", time_seconds=-1.0, value=70.0), "xmeas_8 changes at -1.0 s"),
        (SetPointChange(variable="xmeas_8", time_seconds=0.0, value=700.0), "set-point 700.0 of xmeas_8 is outside"),
    ],
)
def test_set_points_that_cannot_be_are_refused(change: SetPointChange, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        start(setpoints=(change,))
    with pytest.raises(ValueError, match="cstr has no set-points"):
        PLANTS["cstr"].start([Scenario(seed=1, setpoints=(change,))])


def test_other_refusals() -> None:
    original = TennesseeEastman(generator="original")
    for plant, seed in ((PLANT, -1), (PLANT, 2**64), (original, 0), (original, 2**53)):
        with pytest.raises(ValueError, match=f"seed {seed}: "):
            start(plant, seed=seed)
    with pytest.raises(ValueError, match="idv-101 is not part of the original"):
        start(original, schedule=(fault(101),))
    with pytest.raises(ValueError, match="cannot advance by -1 samples"):
        PLANT.advance(start(), -1)
    with pytest.raises(ValueError, match="the state is of the default generator, this plant uses original"):
        original.advance(start(), 1)


def test_shutdowns_name_cause_and_hour() -> None:
    assert start().shutdowns() == (None,)
    assert Shutdown(cause="reactor pressure", hour=1.5) != Shutdown(cause="reactor level", hour=1.5)
