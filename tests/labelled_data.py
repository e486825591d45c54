"""Small processed data sets of a made-up plant with three states, for tests of training and evaluation."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

COLUMNS = ("flow", "level", "valve", "pressure")
STATES = ("normal", "leak", "oscillation")


def frame(*, runs: int = 1, rows: int = 240, seed: int = 0, onset: int = 0) -> pl.DataFrame:
    """`runs` runs of each state; faulty ones are normal for `onset` rows. The valve follows the level."""
    rng = np.random.default_rng(seed)
    parts = []
    for state in STATES:
        for index in range(runs):
            flow = 10.0 + rng.normal(size=rows)
            level = 50.0 + np.convolve(rng.normal(size=rows + 4), np.ones(5) / 2, mode="valid")
            valve = 0.5 * level + 0.1 * rng.normal(size=rows)
            faulty = np.arange(rows) >= onset if state != "normal" else np.zeros(rows, dtype=bool)
            if state == "leak":
                level = level - 2.5 * faulty  # the tie to the valve breaks
            if state == "oscillation":
                flow = flow + 3.0 * np.sin(np.arange(rows)) * faulty
            parts.append(
                pl.DataFrame(
                    {
                        "run": [f"{state}-{index}"] * rows,
                        "time": np.datetime64("2026-01-01", "us") + np.arange(rows) * np.timedelta64(60, "s"),
                        "state": np.where(faulty, state, "normal"),
                        "flow": flow,
                        "level": level,
                        "valve": valve,
                        "pressure": rng.normal(size=rows),
                    }
                )
            )
    return pl.concat(parts)


def write(directory: Path, table: pl.DataFrame, **changes: Any) -> Path:
    """Write the data set contract; `changes` replace keys of the schema."""
    directory.mkdir(parents=True, exist_ok=True)
    table.write_parquet(directory / "data.parquet")
    roles = {"run": "run", "time": "time", "state": "target"}
    units = {"flow": "m3/h", "level": "%", "valve": "%", "pressure": "bar"}
    schema = {
        "columns": [
            {"name": name, "unit": units.get(name, ""), "dtype": str(kind), "role": roles.get(name, "feature")}
            for name, kind in table.schema.items()
        ],
        "sample_period_seconds": 60.0,
        "run": "run",
        "time": "time",
        "target": "state",
        "normal_label": "normal",
    }
    (directory / "schema.json").write_text(json.dumps(schema | changes))
    digest = hashlib.sha256((directory / "data.parquet").read_bytes()).hexdigest()
    (directory / "manifest.json").write_text(json.dumps({"files": {"data.parquet": digest}}))
    return directory
