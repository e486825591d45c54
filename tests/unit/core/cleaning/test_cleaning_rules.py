"""Cleaning rules: what each takes away, what it leaves, and that twice is once."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from setpoint.core.cleaning import ColumnRules, clean, fill, frozen_rows, to_numbers

INF = math.inf


def cleaned(values: list[float | None], rules: ColumnRules, runs: list[str] | None = None) -> list[float | None]:
    frame = pl.DataFrame({"run": runs or ["a"] * len(values), "x": pl.Series(values, dtype=pl.Float64)})
    result, _ = clean(frame, {"x": rules}, run="run")
    return result["x"].to_list()


@pytest.mark.parametrize(
    ("values", "rules", "wanted"),
    [
        ([1.0, -9999.0, 2.0], ColumnRules(sentinels=(-9999.0,)), [1.0, None, 2.0]),
        ([1.0, INF, math.nan, None], ColumnRules(), [1.0, None, None, None]),
        ([0.0, 5.0, 10.0, 10.1], ColumnRules(low=0.0, high=10.0), [0.0, 5.0, 10.0, None]),
        ([-1.0, 5.0, 11.0], ColumnRules(low=0.0, high=10.0, on_limit="clip"), [0.0, 5.0, 10.0]),
        ([1.0, 2.0, 2.0, 2.0, 3.0], ColumnRules(stuck_samples=3), [1.0, 2.0, None, None, 3.0]),
        ([1.0, 2.0, 2.0, 3.0], ColumnRules(stuck_samples=3), [1.0, 2.0, 2.0, 3.0]),
        ([2.0, 2.0, None, 2.0, 2.0], ColumnRules(stuck_samples=3), [2.0, 2.0, None, 2.0, 2.0]),
    ],
)
def test_each_rule(values: list[float | None], rules: ColumnRules, wanted: list[float | None]) -> None:
    assert cleaned(values, rules) == wanted


def test_no_rule_looks_across_runs() -> None:
    runs = ["a", "a", "b", "b"]
    assert cleaned([2.0] * 4, ColumnRules(stuck_samples=3), runs) == [2.0] * 4
    values: list[float | None] = [*np.sin(np.arange(20.0)), *(100.0 + np.sin(np.arange(20.0)))]
    assert cleaned(values, ColumnRules(spike_window=7), ["a"] * 20 + ["b"] * 20) == values


def test_a_spike_goes_and_a_step_stays() -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.1, 200)
    values = 10.0 + noise + np.where(np.arange(200) >= 100, 5.0, 0.0)
    spiked = values.copy()
    spiked[[30, 31, 150]] += (4.0, -4.0, 6.0)
    result = cleaned(spiked.tolist(), ColumnRules(spike_window=11, spike_sigmas=7.0))
    assert [index for index, value in enumerate(result) if value is None] == [30, 31, 150]


def test_a_staircase_and_a_constant_have_no_spikes() -> None:
    stairs: list[float | None] = [float(value) for value in np.repeat([3.0, 7.0, 4.0, 9.0], 12)]
    assert cleaned(stairs, ColumnRules(spike_window=7)) == stairs
    stairs[20] = 90.0
    assert cleaned(stairs, ColumnRules(spike_window=5)) == stairs
    stairs_without = [*stairs[:20], None, *stairs[21:]]
    assert cleaned(stairs, ColumnRules(spike_window=5, spike_minimum=20.0)) == stairs_without
    assert cleaned([5.0] * 30, ColumnRules(spike_window=7)) == [5.0] * 30


def test_counts_say_what_was_taken() -> None:
    values = [1.0, -9999.0, math.nan, 50.0, 2.0, 2.0, 2.0, 2.0]
    frame = pl.DataFrame({"run": ["a"] * 8, "x": values, "y": values})
    rules = ColumnRules(sentinels=(-9999.0,), high=10.0, stuck_samples=4)
    result, counts = clean(frame, {"x": rules}, run="run")
    assert counts == {"x": {"sentinel": 1, "not_finite": 1, "limits": 1, "stuck": 3}}
    assert result["y"].to_list()[1] == -9999.0
    _, counts = clean(frame, {"x": ColumnRules(high=10.0, low=0.0, on_limit="clip")}, run="run")
    assert counts["x"] == {"not_finite": 1, "limits": 2}


VALUES = st.lists(
    st.one_of(
        st.none(),
        st.floats(-50.0, 50.0),
        st.integers(-3, 3).map(float),
        st.sampled_from([-9999.0, 1e6, INF, math.nan]),
    ),
    min_size=1,
    max_size=60,
)
RULES = st.builds(
    ColumnRules,
    sentinels=st.sampled_from([(), (-9999.0,), (-9999.0, 1e6)]),
    low=st.sampled_from([None, -40.0]),
    high=st.sampled_from([None, 40.0]),
    on_limit=st.sampled_from(["null", "clip"]),
    stuck_samples=st.sampled_from([None, 2, 5]),
    spike_window=st.sampled_from([None, 5, 11]),
    spike_sigmas=st.sampled_from([3.0, 6.0]),
    spike_minimum=st.sampled_from([0.0, 2.0]),
)


@settings(max_examples=60, deadline=None)
@given(values=VALUES, rules=RULES, cut=st.integers(0, 60))
def test_cleaning_twice_is_cleaning_once(values: list[float | None], rules: ColumnRules, cut: int) -> None:
    runs = ["a" if index < cut else "b" for index in range(len(values))]
    frame = pl.DataFrame({"run": runs, "x": pl.Series(values, dtype=pl.Float64)})
    once, counts = clean(frame, {"x": rules}, run="run")
    twice, again = clean(once, {"x": rules}, run="run")
    assert_frame_equal(once, twice)
    assert again == {"x": {}}
    taken = sum(count for kind, count in counts["x"].items() if kind != "limits" or rules.on_limit == "null")
    assert once["x"].null_count() == frame["x"].null_count() + taken


@settings(max_examples=60, deadline=None)
@given(values=VALUES, rules=RULES)
def test_what_is_left_is_what_was_there(values: list[float | None], rules: ColumnRules) -> None:
    for before, after in zip(values, cleaned(values, rules), strict=True):
        if after is None:
            continue
        inside = (rules.low is None or after >= rules.low) and (rules.high is None or after <= rules.high)
        assert inside and math.isfinite(after) and before is not None
        if rules.on_limit == "null" or before == after:
            assert after == before
        else:
            assert after in (rules.low, rules.high)


def test_filling_holds_short_gaps_only() -> None:
    frame = pl.DataFrame(
        {"run": ["a"] * 8 + ["b"] * 3, "x": [1.0, None, None, 2.0, None, None, None, 3.0, None, 4.0, None]}
    )
    filled, counts = fill(frame, {"x": 2}, run="run")
    assert filled["x"].to_list() == [1.0, 1.0, 1.0, 2.0, None, None, None, 3.0, None, 4.0, 4.0]
    assert counts == {"x": 3}
    assert fill(frame, {"x": 0}, run="run")[1] == {}


def test_frozen_rows_need_all_columns_to_repeat() -> None:
    frame = pl.DataFrame(
        {"run": ["a"] * 7 + ["b"] * 2, "x": [1.0, 2, 2, 2, 2, 3, 3, 3, 3], "y": [1.0, 5, 5, 5, 5, 6, 7, 7, 7]}
    )
    assert frozen_rows(frame, ["x", "y"], run="run", samples=4).to_list() == [False, False] + [True] * 3 + [False] * 4
    assert not frozen_rows(frame, ["x", "y"], run="run", samples=5).any()


@pytest.mark.parametrize(
    ("text", "decimal", "wanted"),
    [
        ("1.5", ".", 1.5),
        (" 2e3 ", ".", 2000.0),
        ("1,5", ",", 1.5),
        ("-1.234,56", ",", -1234.56),
        ("1,5", ".", None),
        ("Bad", ".", None),
    ],
)
def test_texts_to_numbers(text: str, decimal: str, wanted: float | None) -> None:
    assert pl.DataFrame({"x": [text]}).select(to_numbers("x", decimal=decimal)).item() == wanted
