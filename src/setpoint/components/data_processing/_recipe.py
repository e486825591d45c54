"""The recipe: what somebody declares about raw data, as frozen types read from YAML.

Decides what can be declared and what the defaults are; does nothing with data. Invariant: a field that is not known
is refused with its path, and every unit in a recipe that was read is a unit that converts.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.components._component import nearest
from setpoint.core.cleaning import ColumnRules, check_unit, conversion

Role = Literal["feature", "run", "time", "target", "quality", "ignore"]
Resample = Literal["mean", "last", "hold"]
STATUS_WORDS = ("bad", "i/o timeout", "no data", "nan", "null", "n/a", "na", "none", "-", "", "bad input", "pt created")


class _Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: frozen, unknown fields refused."""


class Spikes(_Declared, frozen=True, kw_only=True):
    """Hampel filter; see `ColumnRules`. Window 0 turns it off."""

    window: int = 11
    sigmas: float = 6.0
    minimum: float = 0.0


class ColumnSpec(_Declared, frozen=True, kw_only=True):
    """What is known of a column; None means: as the next wider declaration says. 0 turns a rule off."""

    role: Role | None = None
    unit: str | None = None
    source_unit: str | None = None  # as recorded, if it is not `unit`
    description: str | None = None
    low: float | None = None  # in `unit`
    high: float | None = None
    on_limit: Literal["null", "clip"] | None = None
    sentinels: tuple[float, ...] | None = None  # as recorded, before any conversion
    stuck_samples: int | None = None
    spikes: Spikes | None = None
    fill_samples: int | None = None
    stale_seconds: float | None = None  # how long a held value counts
    resample: Resample | None = None

    def rules(self) -> ColumnRules:
        """The rules for the values, sentinels excepted (they count before the unit is converted)."""
        spikes = self.spikes if self.spikes is not None and self.spikes.window > 0 else None
        return ColumnRules(
            low=self.low,
            high=self.high,
            on_limit=self.on_limit or "null",
            stuck_samples=self.stuck_samples or None,
            spike_window=spikes.window if spikes else None,
            spike_sigmas=spikes.sigmas if spikes else 6.0,
            spike_minimum=spikes.minimum if spikes else 0.0,
        )


class LongLayout(_Declared, frozen=True, kw_only=True):
    """Columns of a historian export in long form; `good` lists the quality codes that count as good."""

    tag: str = "tag"
    time: str = "time"
    value: str = "value"
    quality: str = ""
    good: tuple[str | int, ...] = ("Good", "good", "GOOD", 192, 0)


class TimeSpec(_Declared, frozen=True, kw_only=True):
    """How time is written. `zone` counts for times without offset; `ambiguous: order` takes recording order."""

    column: str = ""
    unit: Literal["datetime", "d", "h", "min", "s", "ms", "sample"] = "datetime"
    format: str = "auto"
    zone: str = "UTC"
    origin: str = "2000-01-01T00:00:00"  # of numeric times, UTC
    ambiguous: Literal["order", "earliest", "latest", "drop"] = "order"
    non_existent: Literal["drop", "error"] = "drop"
    unordered: Literal["sort", "error"] = "sort"
    duplicates: Literal["first", "last", "mean", "error"] = "first"


class SourceSpec(_Declared, frozen=True, kw_only=True):
    """How files whose name matches are written; files of one source are appended, sources are joined on time."""

    match: str = "*"
    format: Literal["auto", "csv", "parquet", "table"] = "auto"
    delimiter: str = "auto"
    decimal: Literal["auto", ".", ","] = "auto"
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    names: tuple[str, ...] = ()  # of a file without header
    rename: dict[str, str] = {}
    long: LongLayout | None = None
    time: TimeSpec | None = None
    resample: Resample | None = None


class RunSpec(_Declared, frozen=True, kw_only=True):
    """What tells runs apart: a column, the file, or a gap in time."""

    column: str = ""
    by_file: bool = False
    prefix_file: bool = False  # the same run number in two files means two runs
    gap_seconds: float | None = None


class TargetSpec(_Declared, frozen=True, kw_only=True):
    """The label column; `labels` renames what is written there; `normal` is the label of normal operation."""

    column: str
    normal: str | int = "0"
    labels: dict[str, str] = {}


class FrozenSpec(_Declared, frozen=True, kw_only=True):
    """Rows to drop: all the columns (names or patterns) repeat together for so many samples."""

    columns: tuple[str, ...]
    samples: int = 10


class SplitSpec(_Declared, frozen=True, kw_only=True):
    """What is held out. `files` and `column` name it; `runs` takes whole runs of each class; `time` the last part."""

    by: Literal["auto", "files", "column", "runs", "time", "none"] = "auto"
    holdout: tuple[str, ...] = ()  # patterns of file names, or values of `column`
    column: str = ""
    ratio: float = 0.3


class Recipe(_Declared, frozen=True, kw_only=True):
    """All that is declared about one data set."""

    name: str = "inline"
    description: str = ""
    signature: tuple[str, ...] = ()  # columns by which `auto` knows the data
    sources: tuple[SourceSpec, ...] = (SourceSpec(),)
    time: TimeSpec = TimeSpec()
    run: RunSpec = RunSpec()
    target: TargetSpec | None = None
    period_seconds: float | None = None
    missing_words: tuple[str, ...] = ()  # beside the usual status words of historians
    max_text_ratio: float = 0.05
    defaults: ColumnSpec = ColumnSpec()
    columns: dict[str, ColumnSpec] = {}  # by name or pattern; the more exact wins, then the later
    frozen: FrozenSpec | None = None
    split: SplitSpec = SplitSpec()

    def column(self, name: str) -> ColumnSpec:
        """What is declared of a column, patterns and defaults merged in."""
        found = [self.columns[name]] if name in self.columns else []
        found += [spec for key, spec in reversed(self.columns.items()) if key != name and fnmatch.fnmatch(name, key)]
        merged: dict[str, Any] = {}
        for field in ColumnSpec.__struct_fields__:
            merged[field] = next(
                (value for spec in (*found, self.defaults) if (value := getattr(spec, field)) is not None), None
            )
        return ColumnSpec(**merged)


def shipped() -> tuple[str, ...]:
    """Names of the recipes that come with the package, sorted."""
    folder = resources.files(__package__) / "recipes"
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


def load_shipped(name: str) -> Recipe:
    """A recipe that comes with the package."""
    text = (resources.files(__package__) / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
    return parse(text, file=f"{name}.yaml")


def load(text: str) -> Recipe:
    """A recipe by shipped name, by path, or written out as YAML.

    Raises:
        InvalidSpec: No such recipe, or one that says something wrong, with file, line or field path.
    """
    if "\n" in text or text.lstrip().startswith("{") or ": " in text:
        return parse(text, file="recipe")
    if text in shipped():
        return load_shipped(text)
    path = Path(text)
    if path.is_file():
        return parse(path.read_text(encoding="utf-8"), file=str(path))
    near = nearest(text, shipped())
    hint = f"; did you mean {near}?" if near else ""
    raise InvalidSpec(f"{text!r} is no shipped recipe and no file{hint}", path="recipe", allowed=("auto", *shipped()))


def parse(text: str, *, file: str) -> Recipe:
    """A recipe from YAML text; see `load`."""
    try:
        body = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = Location(file=file, line=mark.line + 1, column=mark.column + 1) if mark else Location(file=file)
        raise InvalidSpec(error.problem or "not YAML", location=location) from None
    except yaml.YAMLError as error:
        raise InvalidSpec(str(error), location=Location(file=file)) from None
    if not isinstance(body, dict):
        raise InvalidSpec("a recipe is a mapping", location=Location(file=file))
    try:
        recipe = msgspec.convert(body, Recipe)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at ")
        raise InvalidSpec(reason, path=where.strip("`").removeprefix("$."), location=Location(file=file)) from None
    try:
        _check(recipe)
    except InvalidSpec as error:
        raise InvalidSpec(error.reason, path=error.path, location=Location(file=file), allowed=error.allowed) from None
    return recipe


def _check(recipe: Recipe) -> None:
    """What the types cannot say: units, zones, ranges, and splits that name what they need."""
    for name, spec in {**recipe.columns, "defaults": recipe.defaults}.items():
        path = f"columns.{name}"
        check_unit(spec.unit or "", path=f"{path}.unit")
        if spec.source_unit:
            conversion(spec.source_unit, spec.unit or "", path=f"{path}.source_unit")
        if spec.low is not None and spec.high is not None and spec.low >= spec.high:
            raise InvalidSpec(f"low {spec.low} is not below high {spec.high}", path=path)
        for field in ("stuck_samples", "fill_samples", "stale_seconds"):
            if (getattr(spec, field) or 0) < 0:
                raise InvalidSpec("must not be negative", path=f"{path}.{field}")
    for index, time in enumerate((recipe.time, *(source.time or recipe.time for source in recipe.sources))):
        _check_time(time, "time" if index == 0 else f"sources[{index - 1}].time")
    if not recipe.sources:
        raise InvalidSpec("at least one source is needed", path="sources")
    split = recipe.split
    if not 0.0 < split.ratio < 1.0:
        raise InvalidSpec("must lie between 0 and 1", path="split.ratio")
    if split.by in ("files", "column") and not split.holdout:
        raise InvalidSpec("names nothing to hold out", path="split.holdout")
    if split.by == "column" and not split.column:
        raise InvalidSpec("is missing", path="split.column")
    if recipe.period_seconds is not None and recipe.period_seconds <= 0.0:
        raise InvalidSpec("must be positive", path="period_seconds")


def _check_time(time: TimeSpec, path: str) -> None:
    try:
        ZoneInfo(time.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidSpec(f"{time.zone!r} is no time zone of the IANA data base", path=f"{path}.zone") from None
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?", time.origin):
        raise InvalidSpec("write it as 2000-01-01T00:00:00 (UTC)", path=f"{path}.origin")


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The names that match any of the patterns, in their own order."""
    return [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
