"""Components model-evaluation-plan and model-evaluation-part: the map of an evaluation that model-evaluation concludes.

Decides what of a plan is told to people and to the loop over its partitions. Invariant: a plan of fewer than two
partitions lists none, so that the loop is empty and model-evaluation answers all windows itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from setpoint.components import Input, Output, component, say
from setpoint.ports.registry import ModelRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEvaluation:
    """What was planned.

    Attributes:
        partitions: Their numbers, for a loop; none where one piece does it all.
        windows: Windows that are judged.
        reason: Why there are no partitions; empty if there are.
        place: As it was given.
    """

    partitions: tuple[int, ...]
    windows: int
    reason: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredPart:
    """What came of one partition.

    Attributes:
        windows: Windows answered.
    """

    windows: int


@component("model-evaluation-plan", description="Decides how held-out windows are answered in parts side by side.")
def plan_evaluation(
    *,
    dataset: Annotated[Path, Input("Processed held-out data, as for model-evaluation")],
    registry: ModelRegistry,
    model_name: Annotated[str, "Name in the registry"] = "process-monitor",
    version: Annotated[str, "Version to judge; empty means the newest"] = "",
    partitions: Annotated[int, "How many; fewer are made where there are fewer runs"] = 2,
    place: Annotated[str, "Where a pipeline keeps the parts; handed on with the plan"] = "",
    model: Annotated[Path | None, Input("A model directory, in place of a version", optional=True)] = None,
    plan: Annotated[Path, Output("The plan, a directory: give it as `plan` below that of the parts")] = Path(
        "answers/plan"
    ),
) -> PlannedEvaluation:
    """Plan an evaluation in parts; who is judged, beside whom and on which windows is settled here.

    Raises:
        InvalidSpec: The data do not fit the model, or the number is no legal one.
        NotFound: No such version.
        Unavailable: The registry cannot be reached or the plan cannot be written.
    """
    # Imported here: polars and scikit-learn take seconds that listing components must not cost.
    from setpoint.components.model_evaluation import subjects  # noqa: PLC0415  (start-up)
    from setpoint.components.model_evaluation.plan import make_plan, write_plan  # noqa: PLC0415  (start-up)
    from setpoint.components.model_training.dataset import read_outline  # noqa: PLC0415  (start-up)

    data = read_outline(dataset)
    judged = subjects.find(registry, model_name, version, model, data)
    made, windows = make_plan(data, judged, partitions, model_name=model_name)
    write_plan(made, windows, judged, plan)
    count = len(made.partitions)
    if not count:
        say(f"in one piece: {made.reason}")
    elif count < partitions:
        say(f"{count} partitions in place of {partitions}: there are no more runs")
    for number, partition in enumerate(made.partitions):
        say(f"  partition {number + 1} of {count}: {partition.windows[1]} windows, {partition.words}")
    return PlannedEvaluation(partitions=tuple(range(count)), windows=len(windows.ends), reason=made.reason, place=place)


@component("model-evaluation-part", description="Answers the windows of one partition by a plan.")
def answer_part(
    *,
    plan: Annotated[Path, Input("The plan, as model-evaluation-plan wrote it")],
    dataset: Annotated[Path, Input("The data that were planned for")],
    partition: Annotated[int, "Its number, from 0"],
    part: Annotated[Path, Output("The answers, a directory: name it by the partition's number")] = Path("answers/0"),
) -> AnsweredPart:
    """Answer the windows of one partition with the candidate, its baseline and the champion.

    Raises:
        InvalidSpec: No such partition, or other data than were planned for.
        Unavailable: The answers cannot be written.
    """
    from setpoint.components.model_evaluation.parts import answer_partition  # noqa: PLC0415  (start-up)
    from setpoint.components.model_evaluation.plan import check_data, read_plan  # noqa: PLC0415  (start-up)
    from setpoint.components.model_training.dataset import read_checksum  # noqa: PLC0415  (start-up)

    made, windows, judged = read_plan(plan)
    check_data(made, read_checksum(dataset), plan)
    done = answer_partition(made, windows, judged.models(), partition, dataset, part)
    say(f"partition {partition + 1} of {len(made.partitions)}: {done.windows[1]} windows answered, {done.words}", 1, 1)
    return AnsweredPart(windows=done.windows[1])
