"""The reference profile adds up and is right on data whose statistics are known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from setpoint.core.quality import BINS, describe, starts


def test_statistics_of_known_data() -> None:
    source = np.random.default_rng(3)
    steps = source.normal(size=4000)
    walk = np.zeros(4000)
    for index in range(1, 4000):
        walk[index] = 0.8 * walk[index - 1] + steps[index]
    frame = pl.DataFrame({"run": ["a"] * 4000, "x": walk, "y": np.arange(4000.0), "z": [1.0] * 4000})
    result = {name: describe(frame[name], starts(frame["run"])) for name in ("x", "y", "z")}
    assert result["x"]["autocorrelation"] == pytest.approx(0.8, abs=0.03)
    assert result["y"]["quantiles"]["0.5"] == 1999.5
    assert result["y"]["histogram"]["counts"] == [200] * BINS
    assert result["y"]["std"] == pytest.approx(np.arange(4000.0).std(ddof=1))
    assert result["z"]["autocorrelation"] is None
    assert result["z"]["histogram"]["counts"] == [4000]


def test_missing_values_add_up_and_runs_are_kept_apart() -> None:
    values = [1.0, None, 3.0, 4.0, 100.0, 90.0, None, 95.0]
    frame = pl.DataFrame({"run": list("aaaabbbb"), "x": values, "e": pl.Series([None] * 8, dtype=pl.Float64)})
    result = {name: describe(frame[name], starts(frame["run"])) for name in ("x", "e")}
    assert result["x"]["missing"] == 0.25
    assert sum(result["x"]["histogram"]["counts"]) == 6
    assert result["x"]["autocorrelation"] is None  # two pairs of neighbours: too few to say
    assert result["e"] == {
        "rows": 8,
        "missing": 1.0,
        "mean": None,
        "std": None,
        "quantiles": {},
        "histogram": None,
        "autocorrelation": None,
    }


def test_a_column_in_chunks_gives_the_very_same_figures() -> None:
    whole = pl.Series("x", np.random.default_rng(5).normal(1e6, 1.0, 5000))
    first = starts(pl.Series(["a"] * 2000 + ["b"] * 3000))
    chunks = pl.concat([whole[:7], whole[7:3001], whole[3001:]], rechunk=False)
    assert describe(chunks, first) == describe(whole, first)
