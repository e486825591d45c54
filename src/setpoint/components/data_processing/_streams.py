"""From raw columns to clean series: roles, keys, numbers, order, units, rules.

Hands each source on as one or more streams: frames with `RUN`, `TIME`, maybe the target, and Float64 features, ordered
by run and time without repeats. A historian's long form becomes one stream per tag. Invariant: every value that leaves
here null had a reason that the ledger counted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._columns import (
    Roles,
    assign_roles,
    check_target,
    collect,
    common_columns,
    demand,
)
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._names import FILE, RUN, TARGET, TIME
from setpoint.components.data_processing._numbers import check_texts, numbers
from setpoint.components.data_processing._order import ROW, cut_at_gaps, in_order, with_run, with_target, with_time
from setpoint.components.data_processing._recipe import LongLayout, Recipe, Resample, SourceSpec, TimeSpec, matching
from setpoint.components.data_processing._scan import Origin, decimal_of, spec_for
from setpoint.core.cleaning import ColumnRules, clean, conversion, frozen_rows


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


def read_all(origins: Sequence[Origin], recipe: Recipe, ledger: Ledger) -> list[Stream]:
    """Streams of all sources, in the order of the recipe's declarations.

    Raises:
        InvalidSpec: A file that no source matches, no label where one is declared, or see `read_streams`.
    """
    groups = grouped(origins, recipe)
    check_target(groups, recipe)
    streams = [stream for files, spec in groups for stream in read_streams(files, spec, recipe, ledger)]
    if recipe.target is not None and not any(stream.has_target for stream in streams):
        raise InvalidSpec(f"target column {recipe.target.column!r} is in none of the sources", path="target")
    return streams


def grouped(origins: Sequence[Origin], recipe: Recipe) -> list[tuple[list[Origin], SourceSpec]]:
    """Files by the source that they belong to, sources in the order of their declaration.

    Raises:
        InvalidSpec: A file that no source matches.
    """
    groups: dict[int, list[Origin]] = {}
    specs = list(recipe.sources)
    for origin in origins:
        groups.setdefault(specs.index(spec_for(origin, specs)), []).append(origin)
    return [(groups[index], specs[index]) for index in sorted(groups)]


def read_streams(origins: Sequence[Origin], spec: SourceSpec, recipe: Recipe, ledger: Ledger) -> list[Stream]:
    """All files of one source as clean streams.

    Raises:
        InvalidSpec: Columns that are missing or hold the wrong things; times that repeat or go backwards where the
            recipe forbids it.
    """
    time = spec.time or recipe.time
    if spec.long is not None:
        streams = _read_long(origins, spec, spec.long, recipe, time, ledger)
    else:
        roles = assign_roles(common_columns(origins, spec), recipe, time, where=origins[0].name)
        decimal = decimal_of(origins[0], spec)
        streams = [read_table(origins, spec, recipe, ledger, roles=roles, decimal=decimal, time=time)]
    return streams


def read_table(
    origins: Sequence[Origin],
    spec: SourceSpec,
    recipe: Recipe,
    ledger: Ledger,
    *,
    roles: Roles,
    decimal: str,
    time: TimeSpec,
    runs: Collection[str] | None = None,
) -> Stream:
    """Files of one source with a column for each signal as one clean stream.

    Args:
        origins: What to read, or the rows of it that are wanted.
        spec: How it is written.
        recipe: What is declared.
        ledger: Gets the counts.
        roles: Which column is what.
        decimal: The decimal sign of texts.
        time: How time is written.
        runs: Only these, of a source that is read in parts; None for all. Who joins the parts judges the texts.

    Raises:
        InvalidSpec: See `read_streams`.
    """
    frame = with_run(collect(origins, spec, roles.keys, roles.features, run=roles.run), roles.run, recipe)
    if runs is not None:
        frame = frame.filter(pl.col(RUN).is_in(list(runs)))
    ledger.rows_in += frame.height
    frame = numbers(frame, roles.features, recipe, ledger, decimal=decimal)
    if runs is None:
        check_texts({name: ledger.texts[name] for name in roles.features}, recipe)
    frame = with_time(with_target(frame, roles.target, recipe), roles.time, time, ledger)
    frame = in_order(frame, time, roles.features, ledger)
    frame = _cleaned(frame, roles.features, recipe, ledger)
    frame = _without_frozen(frame, roles.features, recipe, ledger)
    if recipe.run.gap_seconds is not None and frame.schema[TIME] != pl.Int64:
        frame = cut_at_gaps(frame, recipe.run.gap_seconds)
    has_runs = bool(roles.run) or recipe.run.by_file
    return Stream(
        frame=_slim(frame, roles.features), features=roles.features, resample=spec.resample, has_runs=has_runs
    )


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


def _slim(frame: pl.DataFrame, features: Sequence[str]) -> pl.DataFrame:
    kept = [FILE, RUN, TIME, *([TARGET] if TARGET in frame.columns else []), *features]
    return frame.select(kept)


def _read_long(
    origins: Sequence[Origin], spec: SourceSpec, long: LongLayout, recipe: Recipe, time: TimeSpec, ledger: Ledger
) -> list[Stream]:
    """A historian's export: one stream per tag, records marked bad kept as nulls (the tag was unknown from then on)."""
    names = common_columns(origins, spec)
    run = recipe.run.column if recipe.run.column in names or len(recipe.sources) == 1 else ""
    wanted = {
        "tag": long.tag,
        "time": long.time,
        "value": long.value,
        "quality": long.quality,
        "run": run,
    }
    for role, name in wanted.items():
        demand(name, names, role, origins[0].name)
    texts = [name for name in wanted.values() if name]
    frame = collect(origins, spec, texts, run=run)
    ledger.rows_in += frame.height
    frame = frame.with_columns(pl.col(long.tag).cast(pl.String).str.strip_chars())
    frame = with_time(with_run(frame, run, recipe).rename({long.tag: ROW}), long.time, time, ledger)
    streams = []
    decimal = decimal_of(origins[0], spec)
    has_runs = bool(run) or recipe.run.by_file
    target = recipe.target.column if recipe.target else ""
    for tag in frame[ROW].drop_nulls().unique(maintain_order=True):
        role = recipe.column(tag).role or "feature"
        part = frame.filter(pl.col(ROW) == tag).rename({long.value: tag})
        if tag == target:
            part = in_order(with_target(part, tag, recipe), time, (), ledger)
            streams.append(_tag_stream(part, (), spec, has_runs=has_runs))
        elif role == "feature":
            part = numbers(part, (tag,), recipe, ledger, decimal=decimal)
            check_texts({tag: ledger.texts[tag]}, recipe)
            part = _without_bad_quality(part, tag, long, ledger)
            part = _cleaned(in_order(part, time, (tag,), ledger), (tag,), recipe, ledger)
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
