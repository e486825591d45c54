"""Broken instruments: each kind does what it says, and pieces equal the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.plant import Floats, SensorFault, Variable
from setpoint.plant._sensors import KINDS, Sensors, SensorState

VARIABLES = tuple(
    Variable(name=name, unit="degC", description="", kind="measured", low=0.0, high=100.0, noise=0.5)
    for name in ("a", "b", "c")
)
TRUTH = np.random.default_rng(1).normal(50.0, 2.0, (600, 3))


def sensors(*faults: SensorFault, seed: int = 4) -> Sensors:
    return Sensors(variables=VARIABLES, period_seconds=60.0, faults=faults, seed=seed)


def shown(*faults: SensorFault, seed: int = 4) -> tuple[Floats, list[str]]:
    instruments = sensors(*faults, seed=seed)
    _, values, labels = instruments.advance(instruments.start(), TRUTH)
    return values, labels


def fault(
    kind: str, *, value: float = 0.0, offset: float = 0.0, start: float = 3600.0, end: float | None = 7200.0
) -> SensorFault:
    return SensorFault(variable="b", kind=kind, start_seconds=start, end_seconds=end, value=value, offset=offset)  # type: ignore[arg-type]


# Samples 61 to 120 (rows 60 to 119) are later than 1 h and not later than 2 h.
DURING, OUTSIDE = slice(60, 120), np.r_[0:60, 120:600]


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_named_instrument_is_touched_and_only_in_its_time(kind: str) -> None:
    values, labels = shown(fault(kind, value=600.0 if kind == "delay" else 1.0 if kind == "drop-out" else 2.0))
    assert np.array_equal(values[:, [0, 2]], TRUTH[:, [0, 2]])
    assert np.array_equal(values[OUTSIDE], TRUTH[OUTSIDE])
    assert not np.array_equal(values[DURING, 1], TRUTH[DURING, 1])
    assert [row for row, label in enumerate(labels) if label == f"b {kind}"] == list(range(60, 120))
    assert set(labels) == {"normal", f"b {kind}"}


def test_stuck_holds_the_last_sound_reading() -> None:
    assert (shown(fault("stuck"))[0][DURING, 1] == TRUTH[59, 1]).all()
    assert (shown(fault("stuck", start=0.0))[0][:120, 1] == TRUTH[0, 1]).all()


def test_a_ramp_grows_by_its_rate_and_ends_at_the_range() -> None:
    drift = shown(fault("ramp", value=6.0))[0][DURING, 1] - TRUTH[DURING, 1]
    assert np.allclose(drift, 0.1 * np.arange(1, 61))
    assert shown(fault("ramp", value=1e6))[0][DURING, 1].max() == 100.0


def test_a_drop_out_loses_its_ratio() -> None:
    lost = np.isnan(shown(fault("drop-out", value=0.3, end=None))[0][60:, 1])
    assert lost.mean() == pytest.approx(0.3, abs=0.06)
    assert np.isnan(shown(fault("drop-out", value=1.0))[0][DURING, 1]).all()


def test_noise_becomes_the_factor_of_what_it_was() -> None:
    added = shown(fault("noise", value=3.0, end=None))[0][60:, 1] - TRUTH[60:, 1]
    assert added.std() == pytest.approx(0.5 * np.sqrt(8.0), rel=0.1)
    assert (shown(fault("noise", value=1.0))[0] == TRUTH).all()


def test_noise_of_a_plant_that_does_not_say_is_taken_from_the_readings() -> None:
    silent = Variable(name="b", unit="degC", description="", kind="measured", low=0.0, high=1000.0)
    drifting = np.random.default_rng(2).normal(500.0, 2.0, (3000, 1)) + np.linspace(0.0, 100.0, 3000)[:, None]
    one = Sensors(variables=(silent,), period_seconds=60.0, faults=(fault("noise", value=3.0, end=None),))
    state, first, _ = one.advance(one.start(), drifting[:777])
    _, second, _ = one.advance(state, drifting[777:])
    added = np.concatenate((first, second)) - drifting
    assert added[60:].std() == pytest.approx(2.0 * np.sqrt(8.0), rel=0.08)
    _, whole, _ = one.advance(one.start(), drifting)
    assert np.array_equal(whole - drifting, added)


def test_another_unit_and_a_delay() -> None:
    assert np.allclose(shown(fault("unit", value=1.8, offset=32.0))[0][DURING, 1], TRUTH[DURING, 1] * 1.8 + 32.0)
    assert np.array_equal(shown(fault("delay", value=600.0))[0][DURING, 1], TRUTH[50:110, 1])
    early = shown(fault("delay", value=600.0, start=0.0))[0]
    assert (early[:11, 1] == TRUTH[0, 1]).all() and np.array_equal(early[11:120, 1], TRUTH[1:110, 1])


def test_faults_of_one_instrument_act_one_after_the_other() -> None:
    values, labels = shown(fault("stuck"), fault("unit", value=2.0))
    assert (values[DURING, 1] == 2.0 * TRUTH[59, 1]).all()
    assert labels[60] == "b stuck; b unit"


def test_each_run_and_each_fault_has_numbers_of_its_own() -> None:
    noise = fault("noise", value=3.0, end=None)
    one, same, other = (shown(noise, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    both, _ = shown(SensorFault(variable="a", kind="noise", start_seconds=3600.0, value=3.0), noise, seed=1)
    added = both - TRUTH
    assert abs(np.corrcoef(added[60:, 0], added[60:, 1])[0, 1]) < 0.2


FAULTS = st.builds(
    SensorFault,
    variable=st.sampled_from(["a", "b", "c"]),
    kind=st.sampled_from(KINDS),
    start_seconds=st.sampled_from([0.0, 30.0, 600.0, 5000.0, 40_000.0]),
    end_seconds=st.sampled_from([None, 9000.0, 30_000.0]),
    value=st.sampled_from([0.5, 1.0, 1.8, 130.0, 1000.0]),
    offset=st.sampled_from([0.0, 32.0]),
)


@settings(max_examples=60, deadline=None)
@given(faults=st.lists(FAULTS, max_size=4), cuts=st.lists(st.integers(0, 600), max_size=6))
def test_pieces_equal_the_whole(faults: list[SensorFault], cuts: list[int]) -> None:
    instruments = sensors(*faults)
    whole_state, whole, whole_labels = instruments.advance(instruments.start(), TRUTH)
    state: SensorState = instruments.start()
    parts, labels = [], []
    edges = [0, *sorted(cuts), 600]
    for begin, end in pairwise(edges):
        state, values, said = instruments.advance(state, TRUTH[begin:end])
        parts.append(values)
        labels += said
    assert np.array_equal(np.concatenate(parts), whole, equal_nan=True)
    assert labels == whole_labels and state.sample == whole_state.sample
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(state.memory, whole_state.memory, strict=True))
