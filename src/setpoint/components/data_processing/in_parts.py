"""Components data-processing-plan and data-processing-part: the map of a run whose conclusion is data-processing.

Decides what of a plan is told to people and to the loop over its partitions. Invariant: a plan of fewer than two
partitions lists none, so that the loop is empty and data-processing reads the source itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from setpoint.components._component import Input, Output, component
from setpoint.components._runner import say
from setpoint.components.data_processing._export import check_targets
from setpoint.components.data_processing._parts import FILES, process_partition
from setpoint.components.data_processing._plan import Asked, make_plan, read_plan, write_plan
from setpoint.ports.tables import TableCache

__all__ = ["PlannedData", "ProcessedPart", "plan_data", "process_part"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedData:
    """What was planned.

    Attributes:
        partitions: Their numbers, for a loop; none where one piece does it all.
        runs: Runs in all partitions together.
        reason: Why there are no partitions; empty if there are.
        place: As it was given.
    """

    partitions: tuple[int, ...]
    runs: int
    reason: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedPart:
    """What came of one partition.

    Attributes:
        rows_in: Records read.
        rows_out: Rows that are left.
    """

    rows_in: int
    rows_out: int


@component("data-processing-plan", description="Decides how plant data are processed in parts side by side.")
def plan_data(
    *,
    source: str,
    recipe: str = "auto",
    target: str = "",
    size_limit_mb: int = 1024,
    partitions: int = 2,
    place: str = "",
    plan: Annotated[Path, Output("The plan, a directory: give it as `plan` below that of the parts.")] = Path(
        "parts/plan"
    ),
) -> PlannedData:
    """Plan the processing of plant data in parts.

    Args:
        source: As for data-processing.
        recipe: As for data-processing.
        target: As for data-processing.
        size_limit_mb: As for data-processing.
        partitions: How many; fewer are made where there are fewer runs.
        place: Where a pipeline keeps the parts; handed on, so that a run that takes over the plan finds them.
        plan: See Output.

    Raises:
        InvalidSpec: Source, recipe or number are wrong, with what and where.
        Unavailable: An address does not answer, or the plan cannot be written.
    """
    asked = Asked(source=source, recipe=recipe, target=target)
    made = make_plan(asked, partitions, max_download_bytes=size_limit_mb * 1_000_000)
    write_plan(made, plan)
    for note in made.notes:
        say(f"  {note}")
    count = len(made.partitions)
    if not count:
        say(f"in one piece: {made.reason}")
    elif count < partitions:
        say(f"{count} partitions in place of {partitions}: no more runs can be parted")
    for number, partition in enumerate(made.partitions):
        say(f"  partition {number + 1} of {count}: {partition.words}")
    return PlannedData(
        partitions=tuple(range(count)),
        runs=sum(len(partition.runs) for partition in made.partitions),
        reason=made.reason,
        place=place,
    )


@component("data-processing-part", description="Cleans one partition of plant data by a plan.")
def process_part(
    *,
    plan: Annotated[Path, Input("The plan, as data-processing-plan wrote it.")],
    partition: int,
    cache: TableCache | None = None,
    part: Annotated[Path, Output("The clean rows, a directory: name it by the partition's number.")] = Path("parts/0"),
) -> ProcessedPart:
    """Clean one partition.

    Args:
        plan: See Input.
        partition: Its number, from 0.
        cache: Where the tables of simulated plants are kept for the next time.
        part: See Output.

    Raises:
        InvalidSpec: No such partition, or what its files hold is wrong, with both.
        Unavailable: An address does not answer, or the output cannot be written.
    """
    made = read_plan(plan)
    check_targets(part, ours=FILES)
    if 0 <= partition < len(made.partitions):
        say(f"partition {partition + 1} of {len(made.partitions)}: {made.partitions[partition].words}", 1, 2)
    done = process_partition(made, partition, part, cache)
    say(f"{done.counts.rows_in} records in, {done.rows} rows out", 2, 2)
    return ProcessedPart(rows_in=done.counts.rows_in, rows_out=done.rows)
