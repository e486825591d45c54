"""data-processing against pandas: the same cleaning of the same generated file, results asserted equal.

Both read the CSV, turn status words into nulls, order by run and time, drop repeated times, take away codes, values
outside limits, stuck stretches and spikes (Hampel, to a fixed point), and fill short gaps. Writing and the report are
measured apart, since pandas has no peer of them.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from setpoint.components.data_processing import load, process_data
from setpoint.components.data_processing._integrate import integrate
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._names import RUN, TIME
from setpoint.components.data_processing._recipe import Recipe
from setpoint.components.data_processing._scan import Origin
from setpoint.components.data_processing._streams import read_streams
from setpoint.core.cleaning import fill
from setpoint.plant import DEFECTS, PLANTS, dataset, lay_defects

RUNS, HOURS = 10, 24.0


def run(*, runs: int = RUNS, hours: float = HOURS, repeats: int = 3) -> dict[str, Any]:
    """Rows per second of both, their ratio, and the seconds of the whole component."""
    plant = PLANTS["cstr"]
    recipe = load("cstr")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plant.csv"
        table = lay_defects(dataset(plant, runs=runs, hours=hours), plant.variables, kinds=DEFECTS, seed=1)
        table.write_csv(path, float_precision=5)
        ours, first = _best(lambda: with_setpoint(path, recipe), repeats)
        theirs, second = _best(lambda: with_pandas(path, recipe), repeats)
        assert_same(first, second, recipe)
        begin = time.perf_counter()
        out = Path(folder)
        with contextlib.redirect_stdout(sys.stderr):
            process_data(source=str(path), recipe="cstr", train=out / "t", holdout=out / "h", report=out / "r")
        whole = time.perf_counter() - begin
    return {
        "rows": table.height,
        "columns": table.width,
        "setpoint_rows_per_second": round(table.height / ours),
        "pandas_rows_per_second": round(table.height / theirs),
        "ratio_to_pandas": round(theirs / ours, 2),
        "whole_component_seconds": round(whole, 3),
    }


def with_setpoint(path: Path, recipe: Recipe) -> pl.DataFrame:
    """The stages of data-processing up to the clean table."""
    ledger = Ledger()
    streams = read_streams([Origin(name=path.name, path=path)], recipe.sources[0], recipe, ledger)
    frame, _ = integrate(streams, recipe, ledger)
    features = streams[0].features
    return fill(frame, {name: recipe.column(name).fill_samples or 0 for name in features}, run=RUN)[0]


def with_pandas(path: Path, recipe: Recipe) -> pd.DataFrame:
    """The same in pandas, written as a pandas user would: vectorised, groups for windows."""
    frame = pd.read_csv(path)
    features = [name for name in frame.columns if name not in ("run", "time", "label")]
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    for name in features:
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    order = pd.Categorical(frame["run"], categories=frame["run"].unique(), ordered=True)
    frame = frame.assign(__order=order).sort_values(["__order", "time"], kind="stable")
    frame = frame.drop_duplicates(["run", "time"], keep="first").drop(columns="__order").reset_index(drop=True)
    group = frame["run"]
    boundary = group.ne(group.shift(1))
    for name in features:
        spec = recipe.column(name)
        rules = spec.rules()
        x = frame[name].mask(frame[name].isin(spec.sentinels or ())).replace([np.inf, -np.inf], np.nan)
        x = x.where((x >= rules.low) & (x <= rules.high))
        if rules.stuck_samples:
            fresh = (x.ne(x.shift(1)) | boundary).cumsum()
            length = x.groupby(fresh).transform("size")
            repeated = fresh.eq(fresh.shift(1))
            x = x.mask((length >= rules.stuck_samples) & repeated)
        if rules.spike_window:
            x = _hampel(x, group, rules.spike_window, rules.spike_sigmas, rules.spike_minimum)
        frame[name] = _filled(x, group, boundary, spec.fill_samples or 0)
    return frame


def _hampel(x: pd.Series, group: pd.Series, window: int, sigmas: float, minimum: float) -> pd.Series:
    least = max(3, window // 2)

    def median(values: pd.Series) -> pd.Series:
        rolled = values.groupby(group, sort=False).rolling(window, center=True, min_periods=least).median()
        return rolled.reset_index(level=0, drop=True).sort_index()

    while True:
        distance = (x - median(x)).abs()
        scale = np.fmax(median(distance), distance.groupby(group, sort=False).transform("median")) * 1.4826
        spike = (distance > sigmas * scale) & (distance >= minimum)
        if minimum <= 0.0:
            spike &= scale > 0.0
        if not spike.any():
            return x
        x = x.mask(spike)


def _filled(x: pd.Series, group: pd.Series, boundary: pd.Series, limit: int) -> pd.Series:
    gap = (x.notna() | x.shift(1).notna() | boundary).cumsum()
    length = x.groupby(gap).transform("size")
    return x.where(x.notna() | (length > limit), x.groupby(group, sort=False).ffill())


def assert_same(ours: pl.DataFrame, theirs: pd.DataFrame, recipe: Recipe) -> None:
    """Same rows in the same order and the same values, nulls in the same places."""
    assert ours[RUN].to_list() == theirs["run"].to_list()
    assert (ours[TIME].dt.epoch("us").to_numpy() == theirs["time"].astype("int64").to_numpy() // _unit(theirs)).all()
    for name in theirs.columns:
        if recipe.column(name).unit:
            np.testing.assert_allclose(ours[name].to_numpy(), theirs[name].to_numpy(), rtol=1e-12, err_msg=name)


def _unit(frame: pd.DataFrame) -> int:
    return 1000 if "ns" in str(frame["time"].dtype) else 1


def _best(function: Any, repeats: int) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(repeats):
        begin = time.perf_counter()
        result = function()
        best = min(best, time.perf_counter() - begin)
    return best, result
