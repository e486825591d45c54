"""data-processing: raw plant data becomes a clean, split, described data set.

Decides the order of the stages and what a run of them reports; each stage decides for itself. Invariant: outputs appear
whole or not at all, and the same input gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from setpoint.components._component import Output, component
from setpoint.components._runner import say
from setpoint.components.data_processing._conclude import Clean, ProcessedData, conclude
from setpoint.components.data_processing._digests import digest
from setpoint.components.data_processing._export import check_names, check_targets
from setpoint.components.data_processing._infer import chosen_recipe
from setpoint.components.data_processing._integrate import finish, integrate
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._recipe import Recipe, load, shipped
from setpoint.components.data_processing._rows import rows_of
from setpoint.components.data_processing._sources import open_sources
from setpoint.components.data_processing._streams import read_all
from setpoint.ports.tables import TableCache

__all__ = ["ProcessedData", "Recipe", "load", "process_data", "shipped"]

_STAGES = 5


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
    check_targets(train, holdout, report)
    clean = _in_one_piece(source, recipe, target, size_limit_mb, cache)
    say("split and describe", 4, _STAGES)
    result = conclude(clean, train=train, holdout=holdout, report=report)
    say(f"{result.rows_in} records in, {result.rows_out} rows out, {result.values_changed} values changed", 5, _STAGES)
    return result


def _in_one_piece(source: str, recipe: str, target: str, size_limit_mb: int, cache: TableCache | None) -> Clean:
    ledger = Ledger()
    with open_sources(source, max_download_bytes=size_limit_mb * 1_000_000, cache=cache) as origins:
        say(f"read {len(origins)} source file(s)", 1, _STAGES)
        chosen, ledger.notes = chosen_recipe(recipe, origins, target)
        for note in ledger.notes:
            say(f"  {note}")
        say(f"clean by recipe {chosen.name}", 2, _STAGES)
        streams = read_all(origins, chosen, ledger)
        inputs = {origin.name: digest(origin) for origin in origins}
    say("integrate", 3, _STAGES)
    table, period = integrate(streams, chosen, ledger)
    features = tuple(name for stream in streams for name in stream.features)
    check_names(features, chosen.target.column if chosen.target else "")
    table = finish(table, features, chosen, ledger)
    rows = rows_of(table, features)
    return Clean(source=source, inputs=inputs, recipe=chosen, period_seconds=period, rows=rows, ledger=ledger)
