"""A source in parts is the source in one piece, whatever its files, its bad data and the recipe.

What comes before the split is compared value by value; that the rest depends on nothing else, and gives the same bytes,
is shown in tests/integration/test_data_processing_parts.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._conclude import Clean
from setpoint.components.data_processing._parts import PLAN, joined, process_partition
from setpoint.components.data_processing._plan import Asked, make_plan, write_plan
from setpoint.components.data_processing._whole import in_one_piece

LIMIT = 10**9
START = datetime(2026, 10, 25, 0, 40, tzinfo=UTC)  # written without zone: two hours before the clocks of Europe go back


@dataclass(frozen=True)
class Case:
    """How the files are written and what is declared; `seed` draws the records."""

    seed: int
    files: int = 1
    interleaved: bool = False
    steady: bool = True
    parquet: bool = False
    declared: bool = True
    zone: str = "UTC"
    run: str = "column"
    duplicates: str = "first"
    resample: str = "last"
    gap: bool = False
    frozen: bool = False
    quoted: bool = False  # a cell holds a line break, so that lines are not records
    block_bytes: int = 10**9


CASES = st.builds(
    Case,
    seed=st.integers(0, 10_000),
    files=st.integers(1, 4),
    interleaved=st.booleans(),
    steady=st.booleans(),
    parquet=st.booleans(),
    declared=st.booleans(),
    zone=st.sampled_from(["UTC", "UTC", "Europe/Berlin"]),
    run=st.sampled_from(["column", "column", "file", "both"]),
    duplicates=st.sampled_from(["first", "last", "mean", "error"]),
    resample=st.sampled_from(["last", "mean", "hold"]),
    gap=st.booleans(),
    frozen=st.booleans(),
    quoted=st.sampled_from([False, False, True]),
    block_bytes=st.sampled_from([10**9, 50, 700]),
)


@settings(max_examples=25, deadline=None)
@given(case=CASES, wanted=st.sampled_from([2, 3, 7]))
@example(case=Case(seed=1, block_bytes=100), wanted=3)
@example(case=Case(seed=6, files=2, quoted=True, block_bytes=400), wanted=2)
@example(case=Case(seed=2, files=3, interleaved=True, steady=False, declared=False), wanted=2)
@example(case=Case(seed=3, files=2, zone="Europe/Berlin", run="both"), wanted=7)
@example(case=Case(seed=4, files=3, parquet=True, run="file", resample="mean", steady=False), wanted=3)
@example(case=Case(seed=5, gap=True, duplicates="mean", steady=False, resample="hold"), wanted=7)
def test_parts_joined_are_the_whole(case: Case, wanted: int) -> None:
    with TemporaryDirectory() as folder:
        source = write_files(Path(folder) / "source", case)
        asked = Asked(source=str(source), recipe=recipe_of(case), target="")
        whole, parts = attempt(lambda: in_one_piece(asked, max_download_bytes=LIMIT)), Path(folder) / "parts"
        found = attempt(lambda: in_parts(asked, wanted, parts, case.block_bytes))
        if found is None:
            return  # the plan says that it is one piece
        assert isinstance(found, str) == isinstance(whole, str), (whole, found)
        if isinstance(whole, Clean) and isinstance(found, Clean):
            assert_same(found, whole)


def attempt(function: Any) -> Clean | str | None:
    """What came of it, or the error as text."""
    try:
        found: Clean | None = function()
    except InvalidSpec as error:
        return str(error)
    return found


def in_parts(asked: Asked, wanted: int, folder: Path, block_bytes: int) -> Clean | None:
    plan = make_plan(asked, wanted, max_download_bytes=LIMIT, block_bytes=block_bytes)
    if not plan.partitions:
        assert plan.reason
        return None
    assert 2 <= len(plan.partitions) <= wanted
    write_plan(plan, folder / PLAN)
    for number in range(len(plan.partitions)):
        process_partition(plan, number, folder / str(number), None)
    return joined(folder)


def assert_same(found: Clean, whole: Clean) -> None:
    assert found.rows.table.collect().equals(whole.rows.table.collect())
    assert found.rows.keys.equals(whole.rows.keys)
    assert found.rows.features == whole.rows.features
    assert (found.period_seconds, found.recipe, dict(found.inputs)) == (
        whole.period_seconds,
        whole.recipe,
        dict(whole.inputs),
    )
    ours, theirs = found.ledger, whole.ledger
    assert ours.rows() == theirs.rows()
    assert (ours.missing, ours.columns, ours.converted) == (theirs.missing, theirs.columns, theirs.converted)
    assert (ours.texts, ours.notes) == (theirs.texts, theirs.notes)
    for ledger in (ours, theirs):
        ledger.thin_removed()
    assert ours.removed.keys() == theirs.removed.keys()
    for name, points in ours.removed.items():
        assert points.equals(theirs.removed[name]), name


def recipe_of(case: Case) -> str:
    runs: dict[str, dict[str, Any]] = {
        "column": {"column": "run"},
        "file": {"by_file": True},
        "both": {"column": "run", "prefix_file": True},
    }
    recipe: dict[str, Any] = {
        "time": {"column": "time", "zone": case.zone, "duplicates": case.duplicates},
        "run": runs[case.run] | ({"gap_seconds": 600} if case.gap else {}),
        "target": {"column": "label", "normal": "ok"},
        "max_text_ratio": 0.2,
        "sources": [{"resample": case.resample}],
        "defaults": {"sentinels": [-9999], "fill_samples": 2},
        "columns": {
            "x": {"low": -50, "high": 50, "stuck_samples": 4, "unit": "bar", "source_unit": "psi"},
            "y": {"spikes": {"window": 5, "sigmas": 4}},
            **({"run": {"role": "ignore"}} if case.run == "file" else {}),
        },
    }
    if case.declared:
        recipe["period_seconds"] = 60
    if case.frozen:
        recipe["frozen"] = {"columns": ["x", "y"], "samples": 3}
    return json.dumps(recipe) + "\n"


def write_files(folder: Path, case: Case) -> Path:
    draw = np.random.default_rng(case.seed)
    folder.mkdir()
    records = [record for number in range(int(draw.integers(1, 7))) for record in a_run(draw, number, case)]
    if case.interleaved:
        order = np.argsort(draw.permutation(len(records)) + 4 * np.arange(len(records)), kind="stable")
        records = [records[index] for index in order]
    cuts = sorted(draw.integers(0, len(records) + 1, case.files - 1).tolist())
    for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(records)], strict=True)):
        if begin == end:
            continue
        table = pl.DataFrame(records[begin:end], schema=dict.fromkeys(("run", "time", "x", "y", "label"), pl.String))
        names = table.columns if number % 2 == 0 else [*table.columns[::-1]]
        table = table.select(names)
        if case.parquet and number == 1:
            numbers = table.with_columns(pl.col("y").cast(pl.Float32, strict=False), pl.col("run").cast(pl.Float64))
            numbers.write_parquet(folder / f"{number}.parquet")
        else:
            table.write_csv(folder / f"{number}.csv", null_value="")
    return folder


def a_run(draw: np.random.Generator, number: int, case: Case) -> list[dict[str, str | None]]:
    """Records of one run, with what real ones have: words, codes, gaps, repeats, plateaus, late texts."""
    count = int(draw.integers(1, 40))
    steps = np.full(count, 60) if case.steady else draw.choice([20, 60, 60, 90, 700], count)
    elapsed = np.cumsum(steps)
    records: list[dict[str, str | None]] = []
    value = 0.0
    for index in range(count):
        value += float(draw.normal()) if draw.random() < 0.7 else 0.0
        time = START + timedelta(days=number if case.zone == "UTC" else 0, seconds=int(elapsed[index]))
        x = pick(draw, [f"{value:.3f}", f" {value:.6e}", "+1.5"], ["Bad", "", "-9999", "nan", "oops", "inf"], 0.08)
        y = f"{value * 3:.2f}" if draw.random() < 0.97 else f"{value + 500:.1f}"
        label = pick(draw, ["ok", "ok", "leak"], ["", None, *(['a "wide"\nleak'] if case.quoted else [])], 0.05)
        written = None if draw.random() < 0.03 else f"{time:%Y-%m-%d %H:%M:%S}"
        records.append({"run": str(number), "time": written, "x": x, "y": y, "label": label})
        if draw.random() < 0.05:
            records.append(records[-1] | {"y": "1.0"})
        if draw.random() < 0.05 and len(records) > 1:
            records[-1], records[-2] = records[-2], records[-1]
    return records


def pick(draw: np.random.Generator, usual: list[Any], odd: list[Any], share: float) -> Any:
    among = odd if draw.random() < share else usual
    return among[int(draw.integers(len(among)))]
