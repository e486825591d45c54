"""The plan of an evaluation in parts: who is judged, on which windows, and which part answers which of them.

Decides over the whole data set once; reads its keys and no value. Invariant: what the parts answer, put together in the
plan's order, is what one piece answers, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from setpoint import __version__
from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components.model_evaluation.evaluation import Windows, judged_windows
from setpoint.components.model_evaluation.subjects import Files, Judged, read_files
from setpoint.components.model_training.dataset import Outline
from setpoint.core import features
from setpoint.core.partitions import check_count, cut

PLAN_FILE, WINDOWS_FILE, CANDIDATE, CHAMPION = "plan.json", "windows.parquet", "candidate", "champion"


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """Runs next to each other: their rows in the data set, and the windows that end there. (first, how many)."""

    runs: tuple[str, ...]
    rows: tuple[int, int]
    windows: tuple[int, int]

    @property
    def words(self) -> str:
        """Which runs, for people."""
        return f"run {self.runs[0]}" if len(self.runs) == 1 else f"runs {self.runs[0]} to {self.runs[-1]}"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`partitions` is empty where the windows are answered in one piece; `reason` says why."""

    written_by: str
    model_name: str
    checksum: str  # of data.parquet
    version: str
    champion_version: str
    notes: tuple[str, ...]
    stride: int
    partitions: tuple[Partition, ...] = ()
    reason: str = ""


def make_plan(data: Outline, judged: Judged, wanted: int, *, model_name: str) -> tuple[Plan, Windows]:
    """Plan an evaluation in at most `wanted` parts.

    Raises:
        InvalidSpec: The number is no legal one, or the data do not fit the candidate.
    """
    check_count(wanted)
    windows = judged_windows(data, judged.models())
    partitions = _partitions(data, windows, wanted)
    reason = "" if len(partitions) > 1 else "one is asked for" if wanted == 1 else "there is a single run"
    plan = Plan(
        written_by=f"setpoint {__version__}",
        model_name=model_name,
        checksum=data.checksum,
        version=judged.version,
        champion_version=judged.champion_version,
        notes=judged.notes,
        stride=windows.stride,
        partitions=() if reason else partitions,
        reason=reason,
    )
    return plan, windows


def _partitions(data: Outline, windows: Windows, wanted: int) -> tuple[Partition, ...]:
    """Windows lie within runs, so runs are what is dealt out; those without a window are nobody's."""
    spans = features.spans(np.asarray(windows.runs))
    bounds = features.spans(data.runs)
    starts = np.array([start for start, _ in bounds])
    partitions = []
    for first, last in cut([stop - start for start, stop in spans], wanted):
        begin, end = spans[first][0], spans[last - 1][1]
        rows_from = bounds[int(np.searchsorted(starts, windows.ends[begin], side="right")) - 1][0]
        rows_to = int(windows.ends[end - 1]) + 1
        partitions.append(
            Partition(
                runs=tuple(windows.runs[start] for start, _ in spans[first:last]),
                rows=(rows_from, rows_to - rows_from),
                windows=(begin, end - begin),
            )
        )
    return tuple(partitions)


def write_plan(plan: Plan, windows: Windows, judged: Judged, folder: Path) -> None:
    """Write it into a directory, with the windows and the models.

    Raises:
        Unavailable: It cannot be written.
    """
    table = pl.DataFrame(
        {"end": windows.ends, "stretch": windows.stretch, "run": windows.runs, "label": windows.labels},
        schema={"end": pl.Int64, "stretch": pl.Int64, "run": pl.String, "label": pl.String},
    )
    try:
        for name, files in ((CANDIDATE, judged.candidate), (CHAMPION, judged.champion)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for file, content in files.items():
                (folder / name / file).write_bytes(content)
        table.write_parquet(folder / WINDOWS_FILE)
        (folder / PLAN_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")
    except (OSError, pl.exceptions.ComputeError) as error:
        raise Unavailable(f"the plan cannot be written to {folder}: {error}") from error


def read_plan(folder: Path) -> tuple[Plan, Windows, Judged]:
    """What is in such a directory.

    Raises:
        InvalidSpec: There is no plan, or it is not one of this version.
    """
    path = folder / PLAN_FILE
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
        table = pl.read_parquet(folder / WINDOWS_FILE)
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error}): make it with model-evaluation-plan"
        raise InvalidSpec(reason, path=str(path)) from None
    except (msgspec.DecodeError, pl.exceptions.PolarsError) as error:
        raise InvalidSpec(f"is no plan of {__version__}: {error}; make it anew", path=str(path)) from None
    windows = Windows(
        ends=table["end"].to_numpy(),
        stretch=table["stretch"].to_numpy(),
        runs=tuple(table["run"].to_list()),
        labels=tuple(table["label"].to_list()),
        stride=plan.stride,
    )
    judged = Judged(
        candidate=read_files(folder / CANDIDATE),
        champion=_champion(folder),
        version=plan.version,
        champion_version=plan.champion_version,
        notes=plan.notes,
    )
    return plan, windows, judged


def check_data(plan: Plan, checksum: str, folder: Path) -> None:
    """Raises InvalidSpec if the plan was made for other data."""
    if plan.checksum != checksum:
        raise InvalidSpec("is a plan for other data: plan again", path=str(folder / PLAN_FILE))


def _champion(folder: Path) -> Files:
    found: Mapping[str, bytes] = {}
    return read_files(folder / CHAMPION) if (folder / CHAMPION).is_dir() else found
