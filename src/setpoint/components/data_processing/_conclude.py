"""From clean rows to what a run of data-processing leaves: two parts, a report and a few numbers.

Decides what needs all rows at once: which label is normal, what is held out. Invariant: what comes out depends on the
rows, the ledger and the declarations alone, not on how many hands the rows went through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._described import describe_all
from setpoint.components.data_processing._export import Facts, staged, write_part
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._names import RUN, TARGET
from setpoint.components.data_processing._recipe import Recipe
from setpoint.components.data_processing._report import write_report
from setpoint.components.data_processing._rows import Rows
from setpoint.components.data_processing._split import split

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """All rows, and what is known of them before they are split."""

    source: str
    inputs: Mapping[str, str]  # file name -> sha256 of what was read
    recipe: Recipe
    period_seconds: float
    rows: Rows
    ledger: Ledger


def conclude(clean: Clean, *, train: Path, holdout: Path, report: Path) -> ProcessedData:
    """Split, describe, write.

    Raises:
        InvalidSpec: No row or no value is left; the split holds out nothing or everything.
        Unavailable: The output cannot be written; nothing is left half-written.
    """
    rows, recipe, ledger = clean.rows, clean.recipe, clean.ledger
    if rows.height == 0:
        raise InvalidSpec("no row is left after cleaning", path="source")
    ledger.thin_removed()
    normal = _normal_label(rows, recipe, ledger)
    held, words = split(rows, recipe.split, normal=normal)
    figures = describe_all(rows, held, normal=normal)
    if all(found.nulls == rows.height for found in figures.values()):
        raise InvalidSpec("no feature has a value left after cleaning", path="source")
    facts = Facts(
        source=clean.source,
        inputs=clean.inputs,
        recipe=recipe,
        features=rows.features,
        period_seconds=clean.period_seconds,
        normal=normal,
        split=words,
    )
    with staged(train, holdout, report) as (train_stage, holdout_stage, report_stage):
        kept = {name: found.train for name, found in figures.items()}
        usual = {name: found.train_normal for name, found in figures.items()}
        write_part(rows.part(~held), (kept, usual), train_stage, facts, part="train")
        kept = {name: found.holdout for name, found in figures.items()}
        usual = {name: found.holdout_normal for name, found in figures.items()}
        write_part(rows.part(held), (kept, usual), holdout_stage, facts, part="holdout")
        write_report(report_stage, rows, held, figures, facts, ledger)
    labels = sorted(rows.keys[TARGET].unique().to_list()) if facts.target else []
    away = int(held.sum())
    return ProcessedData(
        rows_in=ledger.rows_in,
        rows_out=rows.height,
        rows_train=rows.height - away,
        rows_holdout=away,
        runs=rows.keys[RUN].n_unique(),
        columns=len(rows.features),
        values_changed=ledger.values_changed,
        values_missing=sum(found.nulls for found in figures.values()),
        sample_period_seconds=clean.period_seconds,
        target=facts.target,
        normal_label=normal,
        labels=",".join(labels),
        recipe=recipe.name,
        split=words,
    )


def _normal_label(rows: Rows, recipe: Recipe, ledger: Ledger) -> str:
    """The declared label; where nothing was declared, the usual word that occurs, else the most frequent label."""
    if recipe.target is None:
        return ""
    declared = str(recipe.target.normal)
    counted = rows.keys.group_by(TARGET, maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    labels = counted[TARGET].to_list()
    if declared in labels:
        return declared
    if recipe.name == "inferred":
        found = next((label for word in _NORMAL_WORDS for label in labels if label.lower() == word), labels[0])
        ledger.notes.append(f"normal operation is taken to be label {found!r}")
        return str(found)
    ledger.notes.append(f"the label of normal operation, {declared!r}, does not occur")
    return declared
