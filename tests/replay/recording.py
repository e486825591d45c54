"""Logs of what a real engine folded, and folding them again.

A log is the workflow, its events with their moments, and what was stored at its end. `python -m tests.replay.recording`
writes the logs that are kept (one per release and manifest), so that each later version must make the same of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import msgspec

from setpoint import __version__
from setpoint.apis.argo import NodeStatus, Workflow, WorkflowStatus
from setpoint.core.workflow import Event, Step, StepContext, WorkflowState, steps
from setpoint.engines.workflow import worker
from tests.unit.core.workflow.driver import Cluster
from tests.workflow_engine import running_plane

LOGS = Path(__file__).with_name("logs")
FORTY = Path(__file__).parents[1] / "integration" / "manifests" / "forty.yaml"


class Entry(msgspec.Struct, frozen=True):
    """One event and the moment it was folded at."""

    at: datetime
    event: Event


class Log(msgspec.Struct, frozen=True):
    """What a workflow went through, and what was stored of it."""

    workflow: Workflow
    entries: tuple[Entry, ...]
    status: WorkflowStatus
    nodes: dict[str, NodeStatus]


@contextmanager
def recorded() -> Iterator[list[Entry]]:
    """What engines of this process fold meanwhile."""
    entries: list[Entry] = []

    def recording(state: WorkflowState, events: Sequence[Event], ctx: StepContext) -> Step:
        result = steps(state, events, ctx)
        entries.extend(Entry(ctx.now, event) for event in events[: result.folded])
        return result

    with patch.object(worker, "steps", recording):
        yield entries


async def record(text: str, home: Path) -> Log:
    """Run a manifest with real pods, and take down what its engine folds."""
    with recorded() as entries:
        async with running_plane(home) as plane:
            workflow = await plane.submit(text)
            ended = await plane.finished(workflow.metadata.name)
    status = ended.status
    return Log(workflow, tuple(entries), status.replace(nodes={}), status.nodes)


def forty(folder: Path) -> str:
    """The manifest whose pods leave their marks in a directory."""
    marks = folder / "marks"
    marks.mkdir()
    return FORTY.read_text().replace("MARKS", str(marks))


def replay(log: Log) -> Cluster:
    """Fold the log's events at their moments."""
    cluster = Cluster(log.workflow, replays=True)
    for entry in log.entries:
        cluster.fold_again(entry.at, entry.event)
    return cluster


def main() -> None:
    """Write the log of this version."""
    with TemporaryDirectory(prefix="setpoint-replay-") as folder:
        log = asyncio.run(record(forty(Path(folder)), Path(folder) / "home"))
        text = msgspec.json.encode(log).replace(folder.encode(), b"/replay")
        (LOGS / f"forty-{__version__}.json").write_bytes(msgspec.json.format(text, indent=1))


if __name__ == "__main__":
    main()
