"""Reads a processed data set: the directory that data-processing writes, into arrays that windows are cut from.

Decides what makes a data set usable for a classifier and says so in one error. Invariant: what comes out has a label,
a run and a time on every row, at least two classes and at least one feature column with values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.core import features
from setpoint.core.models import InputColumn

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]

DATA_FILE, SCHEMA_FILE, MANIFEST_FILE = "data.parquet", "schema.json", "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """All of a data set but the measured values. Rows in order of run and time; codes index `classes`, `run_names`."""

    columns: tuple[InputColumn, ...]
    labels: Indexes  # (n,), HOLE where the target is missing
    classes: tuple[str, ...]
    runs: Indexes  # (n,)
    run_names: tuple[str, ...]
    stretch: Indexes  # (n,), see core.features.stretches
    sample_period_seconds: float
    target: str
    normal_label: str
    checksum: str  # sha256 of data.parquet

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the feature columns."""
        return tuple(column.name for column in self.columns)

    @property
    def normal(self) -> int:
        """Code of the normal label; -1 if no row bears it."""
        return self.classes.index(self.normal_label) if self.normal_label in self.classes else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(Outline):
    """A data set with its values."""

    values: Floats  # (n, d), NaN where missing


def read_dataset(directory: Path) -> Dataset:
    """Read `data.parquet` by what `schema.json` says of it.

    Raises:
        InvalidSpec: A file is missing or unreadable, there is no target, a column has no values, or there is only one
            class; the path names the file or column.
    """
    outline = read_outline(directory)
    values = read_values(directory, outline.names)
    return Dataset(**{item.name: getattr(outline, item.name) for item in fields(Outline)}, values=values)


def read_outline(directory: Path) -> Outline:
    """As `read_dataset`, without holding the values.

    Raises:
        InvalidSpec: See `read_dataset`.
    """
    schema = _schema(directory / SCHEMA_FILE)
    data = directory / DATA_FILE
    try:
        table = pl.scan_parquet(data)
        kinds = table.collect_schema()
        checksum = _sha256(data)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidSpec(f"{data} cannot be read: {error}; run data-processing first", path=DATA_FILE) from error
    _check_manifest(directory / MANIFEST_FILE, checksum)
    roles = {str(column["name"]): str(column.get("role", "feature")) for column in schema["columns"]}
    target, run, time = (_named(schema, roles, kinds, role) for role in ("target", "run", "time"))
    columns = _feature_columns(schema, roles, kinds)
    known = pl.any_horizontal(pl.col(column.name).cast(pl.Float64).is_finite().fill_null(False) for column in columns)
    keys = table.select(
        pl.col(target).cast(pl.String).alias("target"),
        pl.col(run).cast(pl.String).fill_null("").alias("run"),
        pl.col(time).alias("time"),
        known.alias("known"),
    ).collect(engine="streaming")
    classes = sorted(keys["target"].drop_nulls().unique().to_list(), key=_class_order)
    if not len(keys):
        raise InvalidSpec(f"{data} has no rows", path=DATA_FILE)
    labels = _codes(keys["target"], classes)
    run_names = keys["run"].unique(maintain_order=True).to_list()
    runs = _codes(keys["run"], run_names)
    period = float(schema["sample_period_seconds"])
    usable = (labels != features.HOLE) & keys["known"].to_numpy()
    return Outline(
        columns=columns,
        labels=labels,
        classes=tuple(classes),
        runs=runs,
        run_names=tuple(run_names),
        stretch=features.stretches(runs, _seconds(keys["time"].alias(time), period), usable, period),
        sample_period_seconds=period,
        target=target,
        normal_label=str(schema.get("normal_label", "0")),
        checksum=checksum,
    )


def read_values(directory: Path, names: Sequence[str], rows: tuple[int, int] | None = None) -> Floats:
    """The values of some columns, NaN where missing.

    Args:
        directory: Of the data set.
        names: Which columns, in that order.
        rows: (first row, how many); None for all.

    Raises:
        InvalidSpec: They cannot be read.
    """
    try:
        table = pl.scan_parquet(directory / DATA_FILE).select(pl.col(name).cast(pl.Float64) for name in names)
        values: Floats = (table if rows is None else table.slice(*rows)).collect().to_numpy(writable=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidSpec(f"{directory / DATA_FILE} cannot be read: {error}", path=DATA_FILE) from error
    values[~np.isfinite(values)] = np.nan
    return values


def read_checksum(directory: Path) -> str:
    """sha256 of the data, without reading a value.

    Raises:
        InvalidSpec: They cannot be read.
    """
    try:
        return _sha256(directory / DATA_FILE)
    except OSError as error:
        raise InvalidSpec(f"{directory / DATA_FILE} cannot be read: {error}", path=DATA_FILE) from error


def _codes(texts: pl.Series, names: Sequence[str]) -> Indexes:
    """Number of each text among the names; HOLE for null."""
    codes = texts.cast(pl.Enum(names)).to_physical().cast(pl.Int64).fill_null(features.HOLE)
    found: Indexes = codes.to_numpy(writable=True)
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_trainable(data: Dataset, window: int) -> None:
    """What training asks of a data set beyond being readable.

    Raises:
        InvalidSpec: One class only, no normal class, a column without values, or runs shorter than the window.
    """
    if len(data.classes) < 2:
        found = data.classes[0] if data.classes else "none"
        raise InvalidSpec(
            f"column {data.target!r} holds one class only ({found}): a classifier needs at least two", path=data.target
        )
    if data.normal < 0:
        raise InvalidSpec(
            f"no row is labelled {data.normal_label!r}, the normal label of the schema; say which label is normal "
            "operation when the data are processed",
            path=data.target,
            allowed=data.classes,
        )
    empty = [name for name, column in zip(data.names, data.values.T, strict=True) if np.isnan(column).all()]
    if empty:
        raise InvalidSpec(f"column {', '.join(empty)} holds no value at all: give it the role `ignore`", path=empty[0])
    longest = max((stop - start for start, stop in features.spans(data.stretch) if data.stretch[start] >= 0), default=0)
    if longest < window:
        raise InvalidSpec(
            f"the longest stretch without a hole has {longest} rows, fewer than the window of {window}: give longer "
            "runs or a shorter window",
            path="window",
        )


def _schema(path: Path) -> Mapping[str, Any]:
    try:
        schema = json.loads(path.read_bytes())
        if not isinstance(schema["columns"], list) or float(schema["sample_period_seconds"]) <= 0:
            raise ValueError("columns and a positive sample_period_seconds are needed")
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{path} cannot be read as a data set's schema ({error!r}); run data-processing first"
        raise InvalidSpec(reason, path=SCHEMA_FILE) from error
    found: Mapping[str, Any] = schema
    return found


def _check_manifest(path: Path, checksum: str) -> None:
    """Refuse data that are not those the manifest, if there is one, was written for."""
    if not path.is_file():
        return
    try:
        expected = json.loads(path.read_bytes())["files"][DATA_FILE]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidSpec(f"{path} cannot be read as a manifest ({error!r})", path=MANIFEST_FILE) from error
    if expected != checksum:
        raise InvalidSpec(f"{DATA_FILE} is not the file that {path} describes: process the data again", path=DATA_FILE)


def _named(schema: Mapping[str, Any], roles: Mapping[str, str], kinds: Mapping[str, pl.DataType], role: str) -> str:
    """The column of a role: what the schema names, or what bears the role."""
    name = schema.get(role) or next((name for name, given in roles.items() if given == role), "")
    if not name or name not in kinds:
        what = f"column {name!r} is missing" if name else "no column has that role"
        raise InvalidSpec(
            f"the data set has no {role}: {what}; name the {role} column in the recipe of data-processing",
            path=role,
            allowed=tuple(kinds)[:12],
        )
    return str(name)


def _feature_columns(
    schema: Mapping[str, Any], roles: Mapping[str, str], kinds: Mapping[str, pl.DataType]
) -> tuple[InputColumn, ...]:
    units = {str(column["name"]): str(column.get("unit") or "") for column in schema["columns"]}
    names = [name for name, role in roles.items() if role == "feature"]
    missing = [name for name in names if name not in kinds]
    texts = [name for name in names if name in kinds and not kinds[name].is_numeric()]
    if missing or texts or not names:
        reason = (
            f"column {missing[0]!r} of the schema is not in the data"
            if missing
            else f"column {texts[0]!r} is no number: give it the role `ignore`"
            if texts
            else "no column has the role `feature`"
        )
        raise InvalidSpec(reason, path=SCHEMA_FILE)
    return tuple(InputColumn(name=name, unit=units[name]) for name in names)


def _seconds(column: pl.Series, period: float) -> Floats:
    """Seconds of each row; a column that is no time counts records."""
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6
    if not column.dtype.is_numeric():
        raise InvalidSpec(f"column {column.name!r} is neither a time nor a number", path=column.name)
    return column.cast(pl.Float64).to_numpy() * period


def _class_order(label: str) -> tuple[int, float, str]:
    """Numbers by value, then texts."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
