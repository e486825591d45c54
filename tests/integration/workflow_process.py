"""A workflow engine as a process, to be killed: `python -m tests.integration.workflow_process HOME [POINT N]`.

Runs whatever is stored until all workflows have ended, then exits with 0. With a point it kills itself there the Nth
time it comes by: right before or after a transaction, a launch, or the news that a pod has ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.apis.pods import PodRequest
from setpoint.engines.workflow import WorkflowEngine
from setpoint.ports.journal import Change, Record, WorkflowJournal
from setpoint.ports.launcher import PodState
from tests.workflow_engine import outside

POINTS = ("before-commit", "after-commit", "before-launch", "after-launch", "pod-ended", "before-done")


class Death:
    """Comes at one point, the Nth time."""

    def __init__(self, point: str, times: int) -> None:
        self._point = point
        self._times = times
        self._seen: Counter[str] = Counter()

    def pass_by(self, point: str) -> None:
        """Be killed here, if this is the moment."""
        self._seen[point] += 1
        if point == self._point and self._seen[point] >= self._times:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalJournal:
    """A journal beside whose transactions death waits; `before-done` are those that mark an order done."""

    def __init__(self, journal: WorkflowJournal, death: Death) -> None:
        self._journal = journal
        self._death = death

    async def load(self, uid: str) -> Record:
        return await self._journal.load(uid)

    async def commit(self, uid: str, change: Change) -> None:
        self._death.pass_by("before-commit")
        if change.done_commands:
            self._death.pass_by("before-done")
        await self._journal.commit(uid, change)
        self._death.pass_by("after-commit")

    async def request(self, uid: str, request: bytes) -> int:
        return await self._journal.request(uid, request)

    async def pending(self) -> frozenset[str]:
        return await self._journal.pending()

    def requested(self) -> AsyncIterator[str]:
        return self._journal.requested()


class MortalLauncher(HostLauncher):
    """A launcher beside whose launches death waits."""

    death: Death

    async def launch(self, request: PodRequest) -> None:
        self.death.pass_by("before-launch")
        await super().launch(request)
        self.death.pass_by("after-launch")

    async def exits(self) -> AsyncGenerator[PodState, None]:
        async for state in super().exits():
            self.death.pass_by("pod-ended")
            yield state


async def main(home: Path, point: str = "", times: str = "1") -> None:
    clock, death = SystemClock(), Death(point, int(times))
    with SqliteStore(home / "store", clock) as store:
        async with MortalLauncher(PodSettings(home=str(home))) as launcher:
            launcher.death = death
            journal = MortalJournal(store.journal, death)
            engine = WorkflowEngine(
                resources=store.resources,
                journal=journal,
                launcher=launcher,
                clock=clock,
                outside=outside(home),
            )
            task = asyncio.create_task(engine.run())
            print("up", flush=True)
            while True:
                workflows = (await store.resources.list(Workflow)).items
                ended = workflows and all(item.status.completed for item in workflows)
                if ended and not await store.journal.pending():  # the last orders are marked done
                    break
                await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
