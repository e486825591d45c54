"""The verbs on workflows in process: operations over the store, the launcher and the artifact store."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.operations import workflows as operations
from setpoint.operations.outputs import artifact_key, read_logs
from setpoint.ports.artifacts import ArtifactStore
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import PodLogLine

_CHUNK_BYTES = 256 * 1024


class LocalVerbs:
    """`ports.workflows.WorkflowVerbs` without a network between."""

    def __init__(
        self,
        resources: ResourceApi,
        journal: WorkflowJournal,
        launcher: Launcher,
        artifacts: ArtifactStore,
        *,
        check: Callable[[Workflow], None] = lambda _: None,
    ) -> None:
        """`check` raises InvalidSpec for what only this host can know of a workflow, such as its images."""
        self._resources, self._journal, self._check = resources, journal, check
        self._launcher, self._artifacts = launcher, artifacts

    async def check(self, workflow: Workflow) -> None:
        """Nothing if the workflow may run here. Raises: InvalidSpec."""
        self._check(workflow)
        await operations.check(self._resources, workflow)

    async def submit(self, workflow: Workflow) -> Workflow:
        """See the port."""
        self._check(workflow)
        return await operations.submit(self._resources, workflow)

    async def stop(self, namespace: str, name: str, *, message: str = "", selector: str = "") -> None:
        """See the port."""
        await operations.stop(self._resources, self._journal, namespace, name, message=message, selector=selector)

    async def terminate(self, namespace: str, name: str) -> None:
        """See the port."""
        await operations.terminate(self._resources, self._journal, namespace, name)

    async def suspend(self, namespace: str, name: str) -> None:
        """See the port."""
        await operations.suspend(self._resources, self._journal, namespace, name)

    async def resume(self, namespace: str, name: str, *, selector: str = "") -> None:
        """See the port."""
        await operations.resume(self._resources, self._journal, namespace, name, selector=selector)

    async def set_outputs(
        self, namespace: str, name: str, *, selector: str, parameters: Mapping[str, str], message: str = ""
    ) -> None:
        """See the port."""
        await operations.set_outputs(
            self._resources,
            self._journal,
            namespace,
            name,
            selector=selector,
            outputs=dict(parameters),
            message=message,
        )

    async def retry(
        self,
        namespace: str,
        name: str,
        *,
        restart_successful: bool = False,
        selector: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """See the port."""
        await operations.retry(
            self._resources,
            self._journal,
            namespace,
            name,
            restart_successful=restart_successful,
            selector=selector,
            parameters=dict(parameters or {}),
        )

    async def resubmit(
        self, namespace: str, name: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """See the port."""
        return await operations.resubmit(
            self._resources, namespace, name, memoized=memoized, parameters=dict(parameters or {})
        )

    def logs(
        self, namespace: str, name: str, *, pod_name: str = "", container: str = "main", follow: bool = False
    ) -> AsyncIterator[PodLogLine]:
        """See the port."""
        return read_logs(
            self._resources, self._launcher, namespace, name, wanted=pod_name, container=container, follow=follow
        )

    async def artifact(self, namespace: str, name: str, artifact: str) -> AsyncIterator[bytes]:
        """See the port; raises InvalidSpec for a directory."""
        key = await artifact_key(self._resources, self._artifacts, namespace, name, artifact)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "artifact"
            await asyncio.to_thread(self._artifacts.load, key, copy)
            if copy.is_dir():
                raise InvalidSpec(f"output artifact {artifact!r} is a directory")
            with copy.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                    yield chunk
