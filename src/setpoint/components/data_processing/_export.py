"""A data set as a directory: data.parquet, schema.json, profile.json, manifest.json.

Decides names, types and layout of what later steps read. Invariants: the same input gives the same bytes; all
directories appear whole or not at all, since they are written beside their place and renamed at the end.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from setpoint import __version__
from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components.data_processing._names import RUN, TARGET, TIME
from setpoint.components.data_processing._recipe import Recipe
from setpoint.components.data_processing._rows import Rows

DATA, SCHEMA, PROFILE, MANIFEST = "data.parquet", "schema.json", "profile.json", "manifest.json"
REPORT_HTML, REPORT_JSON, PLOTS = "report.html", "report.json", "plots"
# Stated, since what polars would choose follows how a table lies in memory, and the same rows shall be the same bytes.
_ROW_GROUP = 65_536
Profiles = Mapping[str, Mapping[str, Any]]
OURS = frozenset({DATA, SCHEMA, PROFILE, MANIFEST, REPORT_HTML, REPORT_JSON})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is the same for all parts of one data set."""

    source: str
    inputs: Mapping[str, str]  # file name -> sha256 of what was read
    recipe: Recipe
    features: tuple[str, ...]
    period_seconds: float
    normal: str
    split: str

    @property
    def target(self) -> str:
        """Name of the label column, empty if there is none."""
        return self.recipe.target.column if self.recipe.target else ""


def check_targets(*targets: Path, ours: Collection[str] = OURS) -> None:
    """Raises InvalidSpec if a directory to be replaced holds anything that this component does not write (`ours`)."""
    for target in targets:
        if not target.exists():
            continue
        names = {entry.name for entry in target.iterdir()} if target.is_dir() else {target.name}
        if all(plot.suffix == ".svg" for plot in target.glob(f"{PLOTS}/*")):
            names.discard(PLOTS)
        strange = sorted(names.difference(ours))
        if strange:
            raise InvalidSpec(
                f"holds {strange[0]!r}, which is not of this component; name another place", path=str(target)
            )
    if len({target.resolve() for target in targets}) < len(targets):
        raise InvalidSpec("train, holdout and report need a directory each", path=str(targets[0]))


@contextmanager
def staged(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Directories to write into, one per target; renamed to the targets at the end, removed on any error.

    Raises:
        Unavailable: The disk is full or a directory cannot be written; nothing is left behind.
    """
    stages = tuple(target.parent / f".{target.name}.partial" for target in targets)
    try:
        for stage in stages:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir(parents=True)
        yield stages
        for stage, target in zip(stages, targets, strict=True):
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
            stage.rename(target)
    except OSError as error:
        raise Unavailable(f"output cannot be written beside {targets[0]}: {error.strerror or error}") from error
    finally:
        for stage in stages:
            shutil.rmtree(stage, ignore_errors=True)


def write_part(rows: Rows, profiles: tuple[Profiles, Profiles], folder: Path, facts: Facts, *, part: str) -> None:
    """Write one part.

    Args:
        rows: Its rows.
        profiles: Of all rows and of the normal ones, by feature.
        folder: Where.
        facts: Of the data set.
        part: Its name.

    Raises:
        OSError: The disk is full.
    """
    table, target = exported(rows, facts), facts.target
    kinds = table.collect_schema()
    columns = _columns(kinds, facts)
    described = {entry["name"]: {"unit": entry["unit"], "role": entry["role"]} for entry in columns}
    try:
        table.sink_parquet(
            folder / DATA,
            compression="zstd",
            row_group_size=_ROW_GROUP,
            metadata={"setpoint:columns": _json(described), "setpoint:part": part},
        )
    except pl.exceptions.ComputeError as error:  # polars wraps some failures of the disk
        raise OSError(0, str(error).splitlines()[0]) from error
    schema = {
        "columns": columns,
        "sample_period_seconds": facts.period_seconds,
        "time_unit": "sample" if kinds["time"] == pl.Int64 else "UTC",
        "run": "run",
        "time": "time",
        "target": target,
        "normal_label": facts.normal if target else "",
        "labels": sorted(rows.keys[TARGET].unique().to_list()) if target else [],
        "fault_free_until": _fault_free(rows.keys, facts.normal) if target else {},
    }
    _write(folder / SCHEMA, schema)
    counted = rows.keys.group_by(TARGET, maintain_order=True).len().rows() if target else []
    every, usual = profiles
    _write(
        folder / PROFILE,
        {"rows": rows.height, "labels": dict(counted), "features": _filled(every), "normal": _filled(usual)},
    )
    manifest = {
        "part": part,
        "rows": rows.height,
        "runs": rows.keys[RUN].n_unique(),
        "source": facts.source,
        "inputs": dict(facts.inputs),
        "split": facts.split,
        "recipe": msgspec.to_builtins(facts.recipe),
        "written_by": f"setpoint {__version__}",
        "files": {name: sha256(folder / name) for name in (DATA, SCHEMA, PROFILE)},
    }
    _write(folder / MANIFEST, manifest)


def exported(rows: Rows, facts: Facts) -> pl.LazyFrame:
    """The table as others read it: run, time, the label under its own name, features."""
    keys = [pl.col(RUN).alias("run"), pl.col(TIME).alias("time")]
    if facts.target:
        keys.append(pl.col(TARGET).alias(facts.target))
    return rows.table.select(*keys, *facts.features)


def _filled(profiles: Profiles) -> dict[str, Any]:
    """Without the empty entries of a part without rows."""
    return {name: dict(entry) for name, entry in profiles.items() if entry}


def check_names(features: Sequence[str], target: str) -> None:
    """Raises InvalidSpec if a feature or the label would collide with the names of the keys."""
    for name in (*features, target):
        if name in ("run", "time"):
            raise InvalidSpec("is the name of a key in the data set; declare its role or rename it", path=name)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _columns(kinds: Mapping[str, pl.DataType], facts: Facts) -> list[dict[str, Any]]:
    roles = {"run": "run", "time": "time", facts.target: "target"}
    entries = []
    for name, kind in kinds.items():
        spec = facts.recipe.column(name)
        role = roles.get(name, "feature")
        entry = {"name": name, "unit": spec.unit or "", "dtype": str(kind), "role": role}
        if role == "feature":
            entry["description"] = spec.description or ""
        entries.append(entry)
    return entries


def _fault_free(table: pl.DataFrame, normal: str) -> dict[str, int]:
    """By run: how many records from its start on are normal."""
    still = (pl.col(TARGET) != normal).cast(pl.Int32).cum_sum().over(RUN) == 0
    marked = table.select(RUN, still.alias("free"))
    counted = marked.group_by(RUN, maintain_order=True).agg(pl.col("free").sum())
    return {str(run): int(count) for run, count in counted.rows()}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)


def _write(path: Path, value: Any) -> None:
    path.write_text(_json(value) + "\n", encoding="utf-8")
