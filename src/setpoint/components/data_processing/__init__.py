"""data-processing: raw plant data becomes a clean, split, described data set.

Decides the order of the stages and what a run of them reports; each stage decides for itself. Invariant: outputs appear
whole or not at all, and the same input gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from setpoint.apis.errors import InvalidSpec
from setpoint.components._component import Input, Output, component
from setpoint.components._runner import say
from setpoint.components.data_processing._conclude import Clean, ProcessedData, conclude
from setpoint.components.data_processing._export import check_targets
from setpoint.components.data_processing._parts import PLAN, joined
from setpoint.components.data_processing._plan import Asked, read_plan
from setpoint.components.data_processing._recipe import Recipe, load, shipped
from setpoint.components.data_processing._whole import STAGES, in_one_piece
from setpoint.ports.tables import TableCache

__all__ = ["ProcessedData", "Recipe", "load", "process_data", "shipped"]


@component("data-processing", description="Reads, cleans, joins and splits plant data, and reports its quality.")
def process_data(
    *,
    source: str,
    recipe: str = "auto",
    target: str = "",
    size_limit_mb: int = 1024,
    cache: TableCache | None = None,
    parts: Annotated[
        Path | None,
        Input("What data-processing-plan and -part made, a directory, in place of reading the source.", optional=True),
    ] = None,
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
        parts: See Input.
        train: See Output.
        holdout: See Output.
        report: See Output.

    Raises:
        InvalidSpec: Source, recipe or data are wrong, with what and where.
        Unavailable: An address does not answer, or the output cannot be written (nothing is left half-written).
    """
    check_targets(train, holdout, report)
    asked = Asked(source=source, recipe=recipe, target=target)
    clean = None if parts is None else _from_parts(parts, asked)
    clean = clean or in_one_piece(asked, max_download_bytes=size_limit_mb * 1_000_000, cache=cache)
    say("split and describe", 4, STAGES)
    result = conclude(clean, train=train, holdout=holdout, report=report)
    say(f"{result.rows_in} records in, {result.rows_out} rows out, {result.values_changed} values changed", 5, STAGES)
    return result


def _from_parts(parts: Path, asked: Asked) -> Clean | None:
    """None where the plan has no partitions.

    Raises:
        InvalidSpec: It is the plan of something else, or a part is missing.
    """
    plan = read_plan(parts / PLAN)
    if plan.asked != asked:
        name = next(name for name in asked.__struct_fields__ if getattr(asked, name) != getattr(plan.asked, name))
        raise InvalidSpec(
            f"is a plan for {name} {getattr(plan.asked, name)!r}, not {getattr(asked, name)!r}", path=str(parts / PLAN)
        )
    if not plan.partitions:
        say(f"in one piece: {plan.reason}")
        return None
    say(f"join {len(plan.partitions)} partitions", 3, STAGES)
    return joined(parts)
