"""The verbs on workflows in process: operations over the store, the launcher and the artifact store."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from setpoint.adapters.clock import SystemClock
from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.apis.meta import Resource
from setpoint.operations import archived
from setpoint.operations import workflows as operations
from setpoint.operations.checks import WorkflowChecks
from setpoint.operations.outputs import artifact_key, read_logs
from setpoint.ports.archive import WorkflowArchive, WorkflowPage, WorkflowQuery
from setpoint.ports.artifacts import ArtifactStore
from setpoint.ports.clock import Clock
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import LogOptions, PodLogLine
from setpoint.wiring.stored_verbs import StoredVerbs

_CHUNK_BYTES = 256 * 1024


class LocalVerbs(StoredVerbs):
    """`ports.workflows.WorkflowVerbs` without a network between."""

    def __init__(
        self,
        resources: ResourceApi,
        journal: WorkflowJournal,
        launcher: Launcher,
        artifacts: ArtifactStore,
        *,
        clock: Clock | None = None,
        archive: WorkflowArchive | None = None,
        check: Callable[[Workflow], None] = lambda _: None,
    ) -> None:
        """`check` raises InvalidSpec for what only this host can know of a workflow, such as its images."""
        super().__init__(resources, clock or SystemClock(), archive)
        self._journal, self._check = journal, check
        self.checks = WorkflowChecks(resources)
        self._launcher, self._artifacts = launcher, artifacts

    async def check(self, workflow: Workflow) -> None:
        """Nothing if the workflow may run here. Raises: InvalidSpec."""
        self._check(workflow)
        await self.checks.check(workflow)

    async def submit(self, workflow: Workflow, *, dry_run: bool = False) -> Workflow:
        """See the port."""
        self._check(workflow)
        return await operations.submit(self._resources, workflow, dry_run=dry_run)

    async def lint(self, resource: Resource) -> None:
        """See the port."""
        await operations.lint_stored(self._resources, resource)

    async def stop(self, namespace: str, name: str, *, message: str = "", selector: str = "") -> None:
        """See the port."""
        name = await self._name(namespace, name)
        await operations.stop(self._resources, self._journal, namespace, name, message=message, selector=selector)

    async def terminate(self, namespace: str, name: str) -> None:
        """See the port."""
        await operations.terminate(self._resources, self._journal, namespace, await self._name(namespace, name))

    async def suspend(self, namespace: str, name: str) -> None:
        """See the port."""
        await operations.suspend(self._resources, self._journal, namespace, await self._name(namespace, name))

    async def resume(self, namespace: str, name: str, *, selector: str = "") -> None:
        """See the port."""
        name = await self._name(namespace, name)
        await operations.resume(self._resources, self._journal, namespace, name, selector=selector)

    async def set_outputs(
        self,
        namespace: str,
        name: str,
        *,
        selector: str,
        parameters: Mapping[str, str],
        message: str = "",
        phase: str = "",
    ) -> None:
        """See the port."""
        await operations.set_outputs(
            self._resources,
            self._journal,
            namespace,
            await self._name(namespace, name),
            selector=selector,
            outputs=dict(parameters),
            message=message,
            phase=phase,
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
            await self._name(namespace, name),
            restart_successful=restart_successful,
            selector=selector,
            parameters=dict(parameters or {}),
        )

    async def resubmit(
        self, namespace: str, name: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """See the port."""
        name = await self._name(namespace, name)
        return await operations.resubmit(
            self._resources, namespace, name, memoized=memoized, parameters=dict(parameters or {})
        )

    async def logs(
        self,
        namespace: str,
        name: str,
        *,
        pod_name: str = "",
        container: str = "main",
        follow: bool = False,
        options: LogOptions | None = None,
    ) -> AsyncIterator[PodLogLine]:
        """See the port."""
        name = await self._name(namespace, name)
        lines = read_logs(
            self._resources,
            self._launcher,
            namespace,
            name,
            wanted=pod_name,
            container=container,
            follow=follow,
            options=options,
        )
        async for line in lines:
            yield line

    async def artifact(self, namespace: str, name: str, artifact: str) -> AsyncIterator[bytes]:
        """See the port; raises InvalidSpec for a directory."""
        name = await self._name(namespace, name)
        key = await artifact_key(self._resources, self._artifacts, namespace, name, artifact)
        async for chunk in self._content(key, artifact):
            yield chunk

    async def node_artifact(self, namespace: str, name: str, node_id: str, artifact: str) -> AsyncIterator[bytes]:
        """See the port; raises InvalidSpec for a directory, and for what lies in a place elsewhere."""
        workflow = await self.get(namespace, name)
        node = workflow.status.nodes.get(node_id)
        outputs = node.outputs.artifacts if node is not None and node.outputs is not None else ()
        found = next((item for item in outputs if item.name == artifact), None)
        if found is None:
            raise NotFound("output artifact", artifact, namespace)
        if found.raw is not None:
            yield found.raw.data.encode()
            return
        if found.s3 is None or found.s3.bucket:
            raise InvalidSpec(
                f"output artifact {artifact!r} is in no store of this machine; start one by `setpoint up`"
            )
        async for chunk in self._content(found.s3.key, artifact):
            yield chunk

    async def _content(self, key: str, artifact: str) -> AsyncIterator[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "artifact"
            await asyncio.to_thread(self._artifacts.load, key, copy)
            if copy.is_dir():
                raise InvalidSpec(f"output artifact {artifact!r} is a directory")
            with copy.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                    yield chunk


class LocalArchivedVerbs:
    """`ports.workflows.ArchivedWorkflowVerbs` without a network between; without an archive nothing is in it."""

    def __init__(
        self, resources: ResourceApi, journal: WorkflowJournal, archive: WorkflowArchive | None = None
    ) -> None:
        self._resources, self._journal, self._present = resources, journal, archive

    async def list_archived(self, query: WorkflowQuery) -> WorkflowPage:
        """See the port."""
        return await self._present.list(query) if self._present is not None else WorkflowPage(items=(), total=0)

    async def get_archived(self, uid: str) -> Workflow:
        """See the port."""
        return await self._archive(uid).get(uid)

    async def delete_archived(self, uid: str) -> None:
        """See the port."""
        await self._archive(uid).delete(uid)

    async def retry_archived(
        self,
        uid: str,
        *,
        restart_successful: bool = False,
        selector: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Workflow:
        """See the port."""
        return await archived.retry_archived(
            self._resources,
            self._journal,
            self._archive(uid),
            uid,
            restart_successful=restart_successful,
            selector=selector,
            parameters=parameters,
        )

    async def resubmit_archived(
        self, uid: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """See the port."""
        return await archived.resubmit_archived(
            self._resources, self._archive(uid), uid, memoized=memoized, parameters=parameters
        )

    async def archived_label_keys(self, namespace: str | None = None) -> tuple[str, ...]:
        """See the port."""
        return await self._present.label_keys(namespace) if self._present is not None else ()

    async def archived_label_values(self, key: str, namespace: str | None = None) -> tuple[str, ...]:
        """See the port."""
        return await self._present.label_values(key, namespace) if self._present is not None else ()

    def _archive(self, uid: str) -> WorkflowArchive:
        if self._present is None:
            raise NotFound("Archived workflow", uid)
        return self._present
