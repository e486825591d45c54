"""The answers of one partition, and those of all partitions put together.

Decides what a part hands over: the probabilities of its windows, by model. Invariant: nothing is judged here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components.model_evaluation.evaluation import Subjects, Windows, answer
from setpoint.components.model_evaluation.plan import Partition, Plan
from setpoint.components.model_training.dataset import read_values
from setpoint.core.partitions import check_number

PLAN = "plan"  # directory of the plan, beside those of the parts, which are named by their numbers
Floats = npt.NDArray[np.float64]


def answer_partition(
    plan: Plan, windows: Windows, subjects: Subjects, number: int, dataset: Path, target: Path
) -> Partition:
    """Answer the windows of one partition into a directory.

    Raises:
        InvalidSpec: There is no such partition; the values cannot be read.
        Unavailable: The output cannot be written.
    """
    check_number(number, len(plan.partitions), plan.reason)
    partition = plan.partitions[number]
    first, count = partition.windows
    names = sorted({column.name for model in subjects.all().values() for column in model.document.columns})
    try:
        values = read_values(dataset, names, partition.rows)
        ends = windows.ends[first : first + count] - partition.rows[0]
        answered = answer(values, names, ends, subjects)
    except InvalidSpec as error:
        where = f"partition {number + 1} of {len(plan.partitions)} ({partition.words})"
        raise InvalidSpec(f"{error.reason}; in {where}", path=error.path, allowed=error.allowed) from None
    try:
        target.mkdir(parents=True, exist_ok=True)
        for role, probabilities in answered.items():
            np.save(target / f"{role}.npy", probabilities, allow_pickle=False)
    except OSError as error:
        raise Unavailable(f"the answers cannot be written to {target}: {error.strerror or error}") from error
    return partition


def joined(folder: Path, plan: Plan, subjects: Subjects) -> dict[str, Floats]:
    """The probabilities of all windows, by role.

    Raises:
        InvalidSpec: A part is missing or is not that of the plan.
    """
    return {
        role: np.concatenate(
            [
                _read(folder / str(number) / f"{role}.npy", number, plan, len(model.classes))
                for number in range(len(plan.partitions))
            ]
        )
        for role, model in subjects.all().items()
    }


def _read(path: Path, number: int, plan: Plan, classes: int) -> Floats:
    where = f"partition {number + 1} of {len(plan.partitions)}"
    try:
        found: Floats = np.load(path, allow_pickle=False)
    except OSError as error:
        reason = f"{where} is not there ({error.strerror or error}): run model-evaluation-part"
        raise InvalidSpec(reason, path=str(path)) from None
    except ValueError as error:
        raise InvalidSpec(f"{where} cannot be read: {error}; make it anew", path=str(path)) from None
    wanted = (plan.partitions[number].windows[1], classes)
    if found.shape != wanted:
        raise InvalidSpec(f"{where} has answers of shape {found.shape}, wanted {wanted}: make it anew", path=str(path))
    return found
