"""A workflow engine as a process of its own, to be killed: `python -m tests.integration.workflow_process HOME`.

Runs whatever is stored until all workflows have ended, then exits with 0.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.adapters.clock import SystemClock
from setpoint.adapters.jq import JqProcess
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.clients.requests import RequestClient
from setpoint.engines.workflow import WorkflowEngine


async def main(home: Path) -> None:
    clock = SystemClock()
    with SqliteStore(home / "store", clock) as store:
        async with HostLauncher(PodSettings(home=str(home))) as launcher:
            engine = WorkflowEngine(
                resources=store.resources,
                journal=store.journal,
                launcher=launcher,
                clock=clock,
                artifacts=LocalArtifactStore(home / "artifacts"),
                http=RequestClient(),
                jq=JqProcess(),
            )
            task = asyncio.create_task(engine.run())
            print("up", flush=True)
            while True:
                workflows = (await store.resources.list(Workflow)).items
                if workflows and all(item.status.completed for item in workflows):
                    break
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
