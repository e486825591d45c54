"""A whole workflow engine for tests: real store, real pods, real time, in a directory of the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setpoint.adapters import places
from setpoint.adapters.artifact_reader import StoredArtifactReader
from setpoint.adapters.clock import SystemClock
from setpoint.adapters.jq import JqProcess
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import NodeStatus, Workflow
from setpoint.apis.errors import NotFound
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.meta import Resource
from setpoint.clients.requests import RequestClient
from setpoint.engines.workflow import Outside, WorkflowEngine
from setpoint.operations import workflows as verbs
from setpoint.ports.archive import WorkflowArchive
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.resources import ResourceApi
from tests.pods import running_launcher, store_of

LIMIT_SECONDS = 60.0


@dataclass(frozen=True)
class Plane:
    """What a test talks to."""

    resources: ResourceApi
    journal: WorkflowJournal
    launcher: HostLauncher
    archive: WorkflowArchive

    async def submit(self, text: str) -> Workflow:
        """Store the objects of a manifest; the Workflow among them is submitted and returned."""
        found: Workflow | None = None
        for document in load_documents(text, "test.yaml"):
            resource: Resource = decode_document(document)
            if isinstance(resource, Workflow):
                found = await verbs.submit(self.resources, resource)
            else:
                meta = resource.metadata
                if type(resource).NAMESPACED and not meta.namespace:
                    resource = resource.replace(metadata=meta.replace(namespace="default"))
                await self.resources.create(resource)
        assert found is not None
        return found

    async def get(self, name: str, namespace: str = "default") -> Workflow:
        """The workflow as it is."""
        return await self.resources.get(Workflow, namespace, name)

    async def until(
        self, name: str, condition: Any, *, seconds: float = LIMIT_SECONDS, namespace: str = "default"
    ) -> Workflow:
        """Wait until a condition on the workflow holds."""
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(NotFound):
                    workflow = await self.get(name, namespace)
                    if condition(workflow):
                        return workflow
                await asyncio.sleep(0.02)

    async def finished(self, name: str, *, seconds: float = LIMIT_SECONDS) -> Workflow:
        """Wait for the end."""
        return await self.until(name, lambda workflow: workflow.status.completed, seconds=seconds)

    async def run(self, text: str) -> Workflow:
        """Submit and wait for the end."""
        workflow = await self.submit(text)
        return await self.finished(workflow.metadata.name)


def outside(home: Path, plugins: Sequence[str] = ()) -> Outside:
    """What templates without pods act on, for an engine of this state directory."""
    return Outside(
        artifacts=store_of(home),
        places=places,
        reader=StoredArtifactReader(lambda: store_of(home)),
        http=RequestClient(),
        jq=JqProcess(),
        plugins=tuple(plugins),
    )


@asynccontextmanager
async def running_plane(
    home: Path,
    *,
    plugins: Sequence[str] = (),
    parallelism: int = 0,
    namespace_parallelism: int = 0,
    engine: bool = True,
    defaults: Workflow | None = None,
    **settings: Any,
) -> AsyncIterator[Plane]:
    """Store, launcher and engine up; at the end no pod is left."""
    with SqliteStore(home / "store", SystemClock()) as store:
        async with running_launcher(home, **settings) as launcher:
            workflows = WorkflowEngine(
                resources=store.resources,
                journal=store.journal,
                launcher=launcher,
                clock=SystemClock(),
                outside=outside(home, plugins),
                parallelism=parallelism,
                namespace_parallelism=namespace_parallelism,
                defaults=defaults,
                archive=store.archive,
            )
            task = asyncio.create_task(workflows.run() if engine else asyncio.Event().wait())
            try:
                yield Plane(store.resources, store.journal, launcher, store.archive)
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def node(workflow: Workflow, name: str) -> NodeStatus:
    """The node of a name."""
    return next(item for item in workflow.status.nodes.values() if item.name == name)


def shape(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """What two runs of one manifest must have in common: names, types, phases, messages, outputs, edges."""
    nodes = workflow.status.nodes
    names = {key: item.name.removeprefix(workflow.metadata.name) for key, item in nodes.items()}
    return {
        names[key]: (
            item.type.value,
            item.phase.value,
            item.message,
            item.template_name,
            str(item.outputs.parameters if item.outputs else ()),
            ",".join(sorted(names[child] for child in item.children)),
        )
        for key, item in nodes.items()
    }
