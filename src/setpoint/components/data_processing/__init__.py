"""data-processing: raw plant data becomes a clean, split, described data set.

Decides the order of the stages and what a run of them reports; each stage decides for itself. Invariant: outputs appear
whole or not at all, and the same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components._component import Output, component
from setpoint.components._runner import say
from setpoint.components.data_processing._export import Facts, check_names, check_targets, sha256, staged, write_part
from setpoint.components.data_processing._infer import choose
from setpoint.components.data_processing._integrate import integrate
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._names import RUN, TARGET
from setpoint.components.data_processing._recipe import Recipe, SourceSpec, TargetSpec, load, shipped
from setpoint.components.data_processing._report import write_report
from setpoint.components.data_processing._sources import Origin, open_sources, spec_for
from setpoint.components.data_processing._split import split
from setpoint.components.data_processing._streams import Stream, check_target, read_streams
from setpoint.core.cleaning import fill
from setpoint.ports.tables import TableCache

__all__ = ["ProcessedData", "Recipe", "load", "process_data", "shipped"]

_STAGES = 5
_NORMAL_WORDS = ("0", "normal", "ok", "good", "none", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedData:
    """What came of the data.

    Attributes:
        rows_in: Records read.
        rows_out: Rows in both parts together.
        rows_train: Rows of the training part.
        rows_holdout: Rows held out.
        runs: Runs in both parts together.
        columns: Number of features.
        values_changed: Values that cleaning took away, clipped or filled.
        values_missing: Feature values that are null in the end.
        sample_period_seconds: Time between two rows of a run.
        target: Name of the label column, empty if there is none.
        normal_label: The label of normal operation.
        labels: All labels, separated by commas.
        recipe: Name of the recipe used.
        split: How the parts were told apart, in words.
    """

    rows_in: int
    rows_out: int
    rows_train: int
    rows_holdout: int
    runs: int
    columns: int
    values_changed: int
    values_missing: int
    sample_period_seconds: float
    target: str
    normal_label: str
    labels: str
    recipe: str
    split: str


@component("data-processing", description="Reads, cleans, joins and splits plant data, and reports its quality.")
def process_data(
    *,
    source: str,
    recipe: str = "auto",
    target: str = "",
    size_limit_mb: int = 1024,
    cache: TableCache | None = None,
    train: Annotated[Path, Output("Data set for training, a directory.")] = Path("train"),
    holdout: Annotated[Path, Output("Data set held out, a directory.")] = Path("holdout"),
    report: Annotated[Path, Output("Data-quality report: report.html and report.json.")] = Path("data-quality"),
) -> ProcessedData:
    """Process plant data.

    Args:
        source: File, directory, pattern, https://, s3:// or plant:// address; several as JSON list, lines, with commas.
        recipe: `auto`, the name of a shipped recipe, a path, or a recipe written out as YAML.
        target: Label column, in place of the recipe's; `none` for data without labels.
        size_limit_mb: Largest download from an https:// or s3:// address, in MB.
        cache: Where the tables of simulated plants are kept for the next time.
        train: See Output.
        holdout: See Output.
        report: See Output.

    Raises:
        InvalidSpec: Source, recipe or data are wrong, with what and where.
        Unavailable: An address does not answer, or the output cannot be written (nothing is left half-written).
    """
    ledger = Ledger()
    check_targets(train, holdout, report)
    with open_sources(source, max_download_bytes=size_limit_mb * 1_000_000, cache=cache) as origins:
        say(f"read {len(origins)} source file(s)", 1, _STAGES)
        chosen = _chosen_recipe(recipe, origins, target, ledger)
        say(f"clean by recipe {chosen.name}", 2, _STAGES)
        streams = _streams(origins, chosen, ledger)
        inputs = {origin.name: _digest(origin) for origin in origins}
    say("integrate", 3, _STAGES)
    table, period = integrate(streams, chosen, ledger)
    features = tuple(name for stream in streams for name in stream.features)
    check_names(features, chosen.target.column if chosen.target else "")
    table = _filled(_labelled(table, chosen, ledger), features, chosen, ledger)
    normal = _normal_label(table, chosen, ledger)
    say("split and describe", 4, _STAGES)
    kept, held, words = split(table, chosen.split, normal=normal)
    facts = Facts(
        source=source,
        inputs=inputs,
        recipe=chosen,
        features=features,
        period_seconds=period,
        normal=normal,
        split=words,
    )
    with staged(train, holdout, report) as (train_stage, holdout_stage, report_stage):
        write_part(kept, train_stage, facts, part="train")
        write_part(held, holdout_stage, facts, part="holdout")
        write_report(report_stage, kept, held, facts, ledger)
    result = _result(table, kept, held, facts, ledger)
    say(f"{result.rows_in} records in, {result.rows_out} rows out, {result.values_changed} values changed", 5, _STAGES)
    return result


def _chosen_recipe(recipe: str, origins: Sequence[Origin], target: str, ledger: Ledger) -> Recipe:
    if recipe == "auto":
        chosen, notes = choose(list(origins), target)
        ledger.notes += notes
        for note in notes:
            say(f"  {note}")
    else:
        chosen = load(recipe)
    if target == "none":
        return msgspec.structs.replace(chosen, target=None)
    if target and (chosen.target is None or chosen.target.column != target):
        return msgspec.structs.replace(chosen, target=TargetSpec(column=target))
    return chosen


def _streams(origins: Sequence[Origin], recipe: Recipe, ledger: Ledger) -> list[Stream]:
    """Streams of all sources, in the order of the recipe's declarations."""
    groups: dict[int, list[Origin]] = {}
    specs: list[SourceSpec] = list(recipe.sources)
    for origin in origins:
        groups.setdefault(specs.index(spec_for(origin, specs)), []).append(origin)
    ordered = [(groups[index], specs[index]) for index in sorted(groups)]
    check_target(ordered, recipe)
    streams = [stream for files, spec in ordered for stream in read_streams(files, spec, recipe, ledger)]
    if recipe.target is not None and not any(stream.has_target for stream in streams):
        raise InvalidSpec(f"target column {recipe.target.column!r} is in none of the sources", path="target")
    return streams


def _labelled(table: pl.DataFrame, recipe: Recipe, ledger: Ledger) -> pl.DataFrame:
    """Rows without a label are of no use to anybody who asked for one: dropped and counted."""
    if recipe.target is not None:
        ledger.without_target = table[TARGET].null_count()
        table = table.filter(pl.col(TARGET).is_not_null())
    if table.height == 0:
        raise InvalidSpec("no row is left after cleaning", path="source")
    return table


def _filled(table: pl.DataFrame, features: Sequence[str], recipe: Recipe, ledger: Ledger) -> pl.DataFrame:
    limits = {name: recipe.column(name).fill_samples or 0 for name in features}
    table, counts = fill(table, limits, run=RUN)
    for name, count in counts.items():
        ledger.add(name, "filled", count)
    if all(table[name].null_count() == table.height for name in features):
        raise InvalidSpec("no feature has a value left after cleaning", path="source")
    return table


def _normal_label(table: pl.DataFrame, recipe: Recipe, ledger: Ledger) -> str:
    """The declared label; where nothing was declared, the usual word that occurs, else the most frequent label."""
    if recipe.target is None:
        return ""
    declared = str(recipe.target.normal)
    counted = table.group_by(TARGET, maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    labels = counted[TARGET].to_list()
    if declared in labels:
        return declared
    if recipe.name == "inferred":
        found = next((label for word in _NORMAL_WORDS for label in labels if label.lower() == word), labels[0])
        ledger.notes.append(f"normal operation is taken to be label {found!r}")
        return str(found)
    ledger.notes.append(f"the label of normal operation, {declared!r}, does not occur")
    return declared


def _digest(origin: Origin) -> str:
    """sha256 of what was read: of the file, or of the made table's values."""
    if origin.path is not None:
        return sha256(origin.path)
    table = origin.table if origin.table is not None else pl.DataFrame()
    return hashlib.sha256(table.write_csv().encode()).hexdigest()


def _result(table: pl.DataFrame, kept: pl.DataFrame, held: pl.DataFrame, facts: Facts, ledger: Ledger) -> ProcessedData:
    labels = sorted(table[TARGET].unique().to_list()) if facts.target else []
    return ProcessedData(
        rows_in=ledger.rows_in,
        rows_out=kept.height + held.height,
        rows_train=kept.height,
        rows_holdout=held.height,
        runs=table[RUN].n_unique(),
        columns=len(facts.features),
        values_changed=ledger.values_changed,
        values_missing=sum(table[name].null_count() for name in facts.features),
        sample_period_seconds=facts.period_seconds,
        target=facts.target,
        normal_label=facts.normal,
        labels=",".join(labels),
        recipe=facts.recipe.name,
        split=facts.split,
    )
