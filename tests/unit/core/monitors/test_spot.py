"""Rare is as rare as promised, whatever the distribution; bursts and mixes of clients are told from chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.core.monitors.burn_rate import burn
from setpoint.core.monitors.clients import compare_mix, divergence, find_hammering
from setpoint.core.monitors.spot import fit_tail, spot

_DRAWS = {
    "normal": lambda draw, size: draw.normal(size=size),
    "exponential": lambda draw, size: draw.exponential(size=size),
    "lognormal": lambda draw, size: draw.lognormal(0, 0.5, size),
    "student": lambda draw, size: draw.standard_t(5, size),
    "uniform": lambda draw, size: draw.uniform(size=size),
}


@pytest.mark.parametrize("name", _DRAWS)
def test_the_share_beyond_the_limit_is_about_the_risk(name: str) -> None:
    draw = np.random.default_rng(1)
    shares = []
    for _ in range(20):
        limit = fit_tail(_DRAWS[name](draw, 5000)).quantile(1e-3)
        shares.append(float((_DRAWS[name](draw, 50_000) > limit).mean()))
    assert 3e-4 < np.mean(shares) < 3e-3


@given(st.integers(0, 99), st.floats(-100, 100), st.floats(0.01, 100))
def test_limits_move_and_grow_with_the_values(seed: int, shift: float, scale: float) -> None:
    values = np.random.default_rng(seed).normal(size=500)
    plain, moved = fit_tail(values), fit_tail(shift + scale * values)
    for risk in (1e-2, 1e-4):
        assert moved.quantile(risk) == pytest.approx(shift + scale * plain.quantile(risk), rel=1e-6, abs=1e-6 * scale)
    assert plain.quantile(1e-4) >= plain.quantile(1e-3) >= plain.threshold


def test_both_sides_and_what_is_missing() -> None:
    reference = np.random.default_rng(1).normal(size=2000)
    limits, outside = spot(np.array([0.0, 9.0, -9.0, np.nan]), reference, risk=1e-4)
    assert outside.tolist() == [False, True, True, False]
    assert -6 < limits[0, 0] < -3 < 3 < limits[0, 1] < 6
    with pytest.raises(InvalidSpec, match="too few"):
        fit_tail(reference[:10])
    assert fit_tail(np.ones(100)).quantile(1e-4) == 1.0


def test_a_burn_needs_both_windows_and_enough_of_them() -> None:
    times = np.arange(0, 3600.0, 10)
    now, over = times > 3000, (times > 300) & (times < 900)
    fired = burn(times, now, budget=0.005, begin=0, end=3600)
    assert fired is not None
    assert fired.rule.page
    assert fired.at == 3240  # the 24th of 325: 14.4 times half a hundredth
    early = burn(times, over, budget=0.005, begin=0, end=3600)
    assert early is not None
    assert early.at < 600
    assert burn(times[:15], np.ones(15, dtype=bool), budget=0.005, begin=0, end=3600) is None
    few = np.zeros(len(times), dtype=bool)
    few[::120] = True
    assert burn(times, few, budget=0.005, begin=0, end=3600) is None
    assert burn(np.zeros(0), np.zeros(0, dtype=bool), budget=0.005, begin=0, end=3600) is None


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 500)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 500)),
)
def test_divergence_is_a_symmetric_distance_between_0_and_1(one: dict[str, int], other: dict[str, int]) -> None:
    found = divergence(one, other)
    assert 0 <= found <= 1 + 1e-12
    assert found == pytest.approx(divergence(other, one), abs=1e-12)
    assert divergence(one, {name: 3 * count for name, count in one.items()}) == pytest.approx(0, abs=1e-12)


def test_mixes_and_one_who_does_it_all() -> None:
    mix = compare_mix({"a": 90, "new": 10}, {"a": 900, "b": 100})
    assert mix is not None
    assert (mix.new, mix.gone) == (("new",), ("b",))
    assert mix.p_value < 1e-6
    assert divergence({"a": 1}, {"b": 1}) == pytest.approx(1)
    assert compare_mix({}, {"a": 1}) is None
    assert find_hammering({"a": 1, "c": 5000}, {}, seconds=60, seconds_before=0) is None  # one probe is no measure
    found = find_hammering({"a": 10, "b": 12, "c": 5000}, {}, seconds=60, seconds_before=0)
    assert found is not None
    assert (found.client, found.requests) == ("c", 5000)
    assert find_hammering({"a": 5000}, {"a": 5000}, seconds=60, seconds_before=60) is None
    assert find_hammering({"a": 5000}, {}, seconds=60, seconds_before=0) is None
