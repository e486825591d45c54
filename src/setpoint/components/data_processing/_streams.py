"""From raw columns to clean series: roles, keys, numbers, order, units, rules.

Decides which column is what and hands each source on as one or more streams: frames with `RUN`, `TIME`, maybe the
target, and Float64 features, ordered by run and time without repeats. A historian's long form becomes one stream per
tag. Invariant: every value that leaves here null had a reason that the ledger counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components._component import nearest
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._names import FILE, RUN, TARGET, TIME
from setpoint.components.data_processing._recipe import (
    STATUS_WORDS,
    LongLayout,
    Recipe,
    Resample,
    SourceSpec,
    TimeSpec,
    matching,
)
from setpoint.components.data_processing._sources import Origin, decimal_of, scan
from setpoint.components.data_processing._times import to_instants
from setpoint.core.cleaning import ColumnRules, clean, conversion, frozen_rows, to_numbers

ONE_RUN = "all"
_ROW = "__row"
_MISSING_WORDS = ("", "-", "na", "n/a", "nan", "null", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One series of records; `resample` is how its source is brought to the common rate."""

    frame: pl.DataFrame
    features: tuple[str, ...]
    resample: Resample | None
    has_runs: bool
    long: bool = False

    @property
    def has_target(self) -> bool:
        """Whether it carries the label."""
        return TARGET in self.frame.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which raw column is what; empty text: there is none."""

    time: str
    run: str
    target: str
    features: tuple[str, ...]


def read_streams(origins: Sequence[Origin], spec: SourceSpec, recipe: Recipe, ledger: Ledger) -> list[Stream]:
    """All files of one source as clean streams.

    Raises:
        InvalidSpec: Columns that are missing or hold the wrong things; times that repeat or go backwards where the
            recipe forbids it.
    """
    time = spec.time or recipe.time
    if spec.long is not None:
        return _read_long(origins, spec, spec.long, recipe, time, ledger)
    names = _common_columns(origins, spec)
    roles = assign_roles(names, recipe, time, where=origins[0].name)
    keys = [name for name in (roles.time, roles.run, roles.target) if name]
    frame = _collect(origins, spec, keys, [*keys, *roles.features])
    ledger.rows_in += frame.height
    frame = _numbers(frame, roles.features, origins[0], spec, recipe, ledger)
    frame = _with_target(_with_run(frame, roles.run, recipe), roles.target, recipe)
    frame = _with_time(frame, roles.time, time, ledger)
    frame = _in_order(frame, time, roles.features, ledger)
    frame = _cleaned(frame, roles.features, recipe, ledger)
    frame = _without_frozen(frame, roles.features, recipe, ledger)
    if recipe.run.gap_seconds is not None and frame.schema[TIME] != pl.Int64:
        frame = _cut_at_gaps(frame, recipe.run.gap_seconds)
    has_runs = bool(roles.run) or recipe.run.by_file
    return [
        Stream(frame=_slim(frame, roles.features), features=roles.features, resample=spec.resample, has_runs=has_runs)
    ]


def assign_roles(names: Sequence[str], recipe: Recipe, time: TimeSpec, *, where: str) -> Roles:
    """Who is who among raw columns.

    Raises:
        InvalidSpec: A column that the recipe names is not there (nearest name given); no feature is left.
    """
    _demand(time.column, names, "time", where)
    target = recipe.target.column if recipe.target else ""
    if len(recipe.sources) == 1:
        _demand(recipe.run.column, names, "run", where)
        _demand(target, names, "target", where)
        for name in recipe.columns:
            if not any(sign in name for sign in "*?["):
                _demand(name, names, f"columns.{name}", where)
    taken = {time.column, recipe.run.column, target}
    specs = {name: recipe.column(name) for name in names if name not in taken}
    features = tuple(name for name, spec in specs.items() if (spec.role or "feature") == "feature")
    if not features and (len(recipe.sources) == 1 or target not in names):
        raise InvalidSpec("no feature column is left", path=where)
    return Roles(
        time=time.column,
        run=recipe.run.column if recipe.run.column in names else "",
        target=target if target in names else "",
        features=features,
    )


def _demand(wanted: str, names: Sequence[str], role: str, where: str) -> None:
    if wanted and wanted not in names:
        near = nearest(wanted, list(names))
        hint = f"; did you mean {near!r}?" if near else ""
        raise InvalidSpec(f"{role} column {wanted!r} is not in the data{hint}", path=where, allowed=tuple(names)[:20])


def _common_columns(origins: Sequence[Origin], spec: SourceSpec) -> list[str]:
    first = _columns(origins[0], spec)
    for origin in origins[1:]:
        other = _columns(origin, spec)
        if set(other) != set(first):
            odd = sorted(set(first) ^ set(other))
            raise InvalidSpec(f"columns differ from those of {origins[0].name}: {', '.join(odd[:6])}", path=origin.name)
    return first


def check_target(groups: Sequence[tuple[Sequence[Origin], SourceSpec]], recipe: Recipe) -> None:
    """Raises InvalidSpec if the label column, or the run column, is in none of several sources."""
    if len(recipe.sources) == 1 or any(spec.long is not None for _, spec in groups):
        return
    names = [name for origins, spec in groups for name in _columns(origins[0], spec)]
    wanted = {"target": recipe.target.column if recipe.target else "", "run": recipe.run.column}
    for role, name in wanted.items():
        if name and name not in names:
            raise InvalidSpec(f"{role} column {name!r} is in none of the sources", path=role)


def _columns(origin: Origin, spec: SourceSpec) -> list[str]:
    return [name for name in scan(origin, spec).collect_schema().names() if name != FILE]


def _collect(origins: Sequence[Origin], spec: SourceSpec, texts: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    """One streaming pass over all files, needed columns only, rows in the order of the files."""
    raw_texts = [*texts, *(old for old, new in spec.rename.items() if new in texts)]
    try:
        return _joined(origins, spec, raw_texts, columns, as_text=False)
    except pl.exceptions.ComputeError:
        pass  # a text further down in a column whose head was numbers
    try:
        return _joined(origins, spec, raw_texts, columns, as_text=True)
    except pl.exceptions.ComputeError as error:
        reason = str(error).splitlines()[0]
        raise InvalidSpec(f"cannot be read as a table: {reason}", path=origins[0].name) from None


def _joined(
    origins: Sequence[Origin], spec: SourceSpec, texts: Sequence[str], columns: Sequence[str], *, as_text: bool
) -> pl.DataFrame:
    unique = list(dict.fromkeys(columns))
    frames = [scan(origin, spec, texts=texts, as_text=as_text).select(FILE, *unique) for origin in origins]
    return pl.concat(frames, how="vertical_relaxed").collect(engine="streaming")


def _numbers(
    frame: pl.DataFrame, features: Sequence[str], origin: Origin, spec: SourceSpec, recipe: Recipe, ledger: Ledger
) -> pl.DataFrame:
    """Features to Float64; status words become null and are counted, a column of text is an error."""
    decimal = "."
    if origin.table is None and any(frame.schema[name] == pl.String for name in features):
        decimal = decimal_of(origin, spec)
    casts = []
    for name in features:
        kind = frame.schema[name]
        if kind == pl.String:
            casts.append(to_numbers(name, decimal=decimal))
        elif kind.is_numeric() or kind == pl.Boolean:
            casts.append(pl.col(name).cast(pl.Float64))
        else:
            raise InvalidSpec(f"holds {kind}, not numbers; declare `role: ignore` if it is no measurement", path=name)
    numbers = frame.with_columns(casts)
    for name in features:
        missing = frame[name].null_count()
        if frame.schema[name] == pl.String:
            missing += _check_text(frame[name], numbers[name], name, recipe, ledger)
        ledger.missing[name] = ledger.missing.get(name, 0) + missing
    return numbers


def _check_text(raw: pl.Series, numbers: pl.Series, name: str, recipe: Recipe, ledger: Ledger) -> int:
    """Count status words as changes; returns how many cells only said that there is no value."""
    lost = raw.filter(numbers.is_null() & raw.is_not_null()).str.strip_chars()
    lower = lost.str.to_lowercase()
    empty = int(lower.is_in(_MISSING_WORDS).sum())
    words = {*STATUS_WORDS, *(word.lower() for word in recipe.missing_words)}
    strange = lost.filter(~lower.is_in(sorted(words)))
    filled = len(raw) - raw.null_count() - empty
    if len(strange) > recipe.max_text_ratio * max(filled, 1):
        share = f"{len(strange) / max(filled, 1):.0%}"
        raise InvalidSpec(
            f"is text, not numbers: {strange[0]!r} (in {share} of the rows); declare `role: ignore`, the decimal sign, "
            "or the word in missing_words",
            path=name,
        )
    ledger.add(name, "text", len(lost) - empty)
    return empty


def _with_run(frame: pl.DataFrame, column: str, recipe: Recipe) -> pl.DataFrame:
    """The key of runs as text, from a column, the file, or both."""
    stem = pl.col(FILE).map_elements(lambda name: PurePath(name).stem, return_dtype=pl.String)
    stems = frame.select(pl.col(FILE).unique(maintain_order=True)).with_columns(stem.alias("__stem"))
    frame = frame.join(stems, on=FILE, how="left", maintain_order="left")
    if column:
        kind = frame.schema[column]
        key = pl.col(column).cast(pl.Int64).cast(pl.String) if kind.is_float() else pl.col(column).cast(pl.String)
        if recipe.run.prefix_file or recipe.run.by_file:
            key = pl.concat_str("__stem", pl.lit("/"), key)
    elif recipe.run.by_file:
        key = pl.col("__stem")
    else:
        key = pl.lit(ONE_RUN)
    keyed = frame.with_columns(key.alias(RUN)).drop("__stem")
    lost = keyed[RUN].null_count()
    if lost:
        raise InvalidSpec(f"{lost} rows say not which run they belong to", path=column)
    return keyed


def _with_target(frame: pl.DataFrame, column: str, recipe: Recipe) -> pl.DataFrame:
    """The label as text, renamed as declared; 3.0 and 3 are the same label."""
    if not column or recipe.target is None:
        return frame
    text = pl.col(column).cast(pl.String).str.strip_chars().str.replace(r"^(-?\d+)\.0+$", "$1")
    if recipe.target.labels:
        text = text.replace(recipe.target.labels)
    return frame.with_columns(pl.when(text != "").then(text).alias(TARGET))


def _with_time(frame: pl.DataFrame, column: str, time: TimeSpec, ledger: Ledger) -> pl.DataFrame:
    """The column TIME; without a time column records count as samples of their run."""
    if not column:
        return frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over(RUN).alias(TIME))
    return to_instants(
        frame, column, time, streams=[FILE, RUN, *([_ROW] if _ROW in frame.columns else [])], notes=ledger.time
    )


def _in_order(frame: pl.DataFrame, time: TimeSpec, features: Sequence[str], ledger: Ledger) -> pl.DataFrame:
    """Runs in their order of appearance, times ascending, one record per time, by the declared policies."""
    order = pl.Enum(frame[RUN].unique(maintain_order=True))
    frame = frame.with_columns(pl.col(RUN).cast(order))
    step = pl.col(TIME).diff()
    backwards = (step < pl.lit(0).cast(step_type(frame))).over(RUN)
    unordered = int(frame.select(backwards.sum()).item() or 0)
    if unordered and time.unordered == "error":
        raise InvalidSpec(f"time goes backwards in {unordered} places; declare `unordered: sort`", path="time")
    ledger.unordered += unordered
    frame = frame.sort([RUN, TIME], maintain_order=True)
    repeated = pl.struct(RUN, TIME) == pl.struct(RUN, TIME).shift(1)
    again = int(frame.select(repeated.sum()).item() or 0)
    if not again:
        return frame
    if time.duplicates == "error":
        example = frame.filter(repeated)[TIME][0]
        raise InvalidSpec(f"time {example} is there more than once ({again} rows); declare `duplicates`", path="time")
    ledger.duplicates += again
    if time.duplicates == "mean":
        others = [name for name in frame.columns if name not in (RUN, TIME, *features)]
        return frame.group_by([RUN, TIME], maintain_order=True).agg(pl.col(features).mean(), pl.col(others).first())
    return frame.unique([RUN, TIME], keep="first" if time.duplicates == "first" else "last", maintain_order=True)


def step_type(frame: pl.DataFrame) -> pl.DataType:
    """Type of a difference of times: a number of samples or a duration."""
    return pl.Int64() if frame.schema[TIME] == pl.Int64 else pl.Duration("us")


def _cleaned(frame: pl.DataFrame, features: Sequence[str], recipe: Recipe, ledger: Ledger) -> pl.DataFrame:
    """Codes away, units converted, rules applied; in that order, since codes are written in the raw unit."""
    specs = {name: recipe.column(name) for name in features}
    coded = {name: ColumnRules(sentinels=spec.sentinels) for name, spec in specs.items() if spec.sentinels}
    raw = frame
    frame, counts = clean(frame, coded, run=RUN)
    ledger.add_all(counts)
    conversions = []
    for name, spec in specs.items():
        if spec.source_unit and spec.unit and spec.source_unit != spec.unit:
            factor, offset = conversion(spec.source_unit, spec.unit)
            conversions.append(pl.col(name) * factor + offset)
            raw = raw.with_columns(pl.col(name) * factor + offset)
            ledger.converted[name] = f"{spec.source_unit} to {spec.unit}"
    frame = frame.with_columns(conversions)
    frame, counts = clean(frame, {name: spec.rules() for name, spec in specs.items()}, run=RUN)
    ledger.add_all(counts)
    for name in features:
        ledger.keep_removed(name, raw, frame)
    return frame


def _without_frozen(frame: pl.DataFrame, features: Sequence[str], recipe: Recipe, ledger: Ledger) -> pl.DataFrame:
    if recipe.frozen is None:
        return frame
    columns = matching(features, recipe.frozen.columns)
    if not columns:
        return frame
    frozen = frozen_rows(frame, columns, run=RUN, samples=recipe.frozen.samples)
    ledger.frozen += int(frozen.sum())
    return frame.filter(~frozen)


def _cut_at_gaps(frame: pl.DataFrame, gap_seconds: float) -> pl.DataFrame:
    """A pause longer than the limit begins a new run: `name/2` and so on."""
    long = pl.col(TIME).diff().dt.total_microseconds() > gap_seconds * 1e6
    part = long.fill_null(False).cum_sum().over(RUN)
    key = (
        pl.when(part == 0)
        .then(pl.col(RUN).cast(pl.String))
        .otherwise(pl.concat_str(pl.col(RUN).cast(pl.String), pl.lit("/"), (part + 1).cast(pl.String)))
    )
    cut = frame.with_columns(key.alias(RUN))
    return cut.with_columns(pl.col(RUN).cast(pl.Enum(cut[RUN].unique(maintain_order=True))))


def _slim(frame: pl.DataFrame, features: Sequence[str]) -> pl.DataFrame:
    kept = [FILE, RUN, TIME, *([TARGET] if TARGET in frame.columns else []), *features]
    return frame.select(kept)


def _read_long(
    origins: Sequence[Origin], spec: SourceSpec, long: LongLayout, recipe: Recipe, time: TimeSpec, ledger: Ledger
) -> list[Stream]:
    """A historian's export: one stream per tag, records marked bad kept as nulls (the tag was unknown from then on)."""
    names = _common_columns(origins, spec)
    run = recipe.run.column if recipe.run.column in names or len(recipe.sources) == 1 else ""
    wanted = {
        "tag": long.tag,
        "time": long.time,
        "value": long.value,
        "quality": long.quality,
        "run": run,
    }
    for role, name in wanted.items():
        _demand(name, names, role, origins[0].name)
    texts = [name for name in wanted.values() if name]
    frame = _collect(origins, spec, texts, texts)
    ledger.rows_in += frame.height
    frame = frame.with_columns(pl.col(long.tag).cast(pl.String).str.strip_chars())
    frame = _with_time(_with_run(frame, run, recipe).rename({long.tag: _ROW}), long.time, time, ledger)
    streams = []
    has_runs = bool(run) or recipe.run.by_file
    target = recipe.target.column if recipe.target else ""
    for tag in frame[_ROW].drop_nulls().unique(maintain_order=True):
        role = recipe.column(tag).role or "feature"
        part = frame.filter(pl.col(_ROW) == tag).rename({long.value: tag})
        if tag == target:
            part = _in_order(_with_target(part, tag, recipe), time, (), ledger)
            streams.append(_tag_stream(part, (), spec, has_runs=has_runs))
        elif role == "feature":
            part = _numbers(part, (tag,), origins[0], spec, recipe, ledger)
            part = _without_bad_quality(part, tag, long, ledger)
            part = _cleaned(_in_order(part, time, (tag,), ledger), (tag,), recipe, ledger)
            streams.append(_tag_stream(part, (tag,), spec, has_runs=has_runs))
    if not any(stream.features for stream in streams):
        raise InvalidSpec("holds no tag that is a feature", path=origins[0].name)
    return streams


def _tag_stream(frame: pl.DataFrame, features: tuple[str, ...], spec: SourceSpec, *, has_runs: bool) -> Stream:
    return Stream(
        frame=_slim(frame, features), features=features, resample=spec.resample or "hold", has_runs=has_runs, long=True
    )


def _without_bad_quality(frame: pl.DataFrame, tag: str, long: LongLayout, ledger: Ledger) -> pl.DataFrame:
    if not long.quality:
        return frame
    good = pl.col(long.quality).cast(pl.String).str.strip_chars().is_in([str(code) for code in long.good])
    checked = frame.with_columns(pl.when(good).then(pl.col(tag)).alias(tag))
    ledger.add(tag, "quality", checked[tag].null_count() - frame[tag].null_count())
    return checked
