"""What the verbs on workflows have in common wherever they go: what is done over the stored objects alone."""

from __future__ import annotations

from abc import ABC, abstractmethod

from setpoint.apis.argo import Workflow
from setpoint.operations import listing, submission
from setpoint.operations import workflows as operations
from setpoint.ports.archive import WorkflowArchive, WorkflowPage, WorkflowQuery
from setpoint.ports.clock import Clock
from setpoint.ports.resources import Propagation, ResourceApi
from setpoint.ports.workflows import SubmitOptions


class StoredVerbs(ABC):
    """The part of `ports.workflows.WorkflowVerbs` that needs a `ResourceApi`, and an archive if there is one."""

    def __init__(self, resources: ResourceApi, clock: Clock, archive: WorkflowArchive | None = None) -> None:
        self._resources, self._clock, self._archive = resources, clock, archive

    @abstractmethod
    async def submit(self, workflow: Workflow, *, dry_run: bool = False) -> Workflow:
        """See the port."""

    async def submit_from(self, namespace: str, kind: str, name: str, options: SubmitOptions | None = None) -> Workflow:
        """See the port."""
        options = options or SubmitOptions()
        made = await submission.workflow_from(self._resources, namespace, kind, name, options, self._clock.now())
        return await self.submit(made, dry_run=options.dry_run or options.server_dry_run)

    async def get(self, namespace: str, name: str, *, uid: str = "") -> Workflow:
        """See the port."""
        return await listing.find_workflow(self._resources, self._archive, namespace, name, uid=uid)

    async def list(self, query: WorkflowQuery) -> WorkflowPage:
        """See the port."""
        return await listing.list_workflows(self._resources, self._archive, query)

    async def delete(
        self,
        namespace: str,
        name: str,
        *,
        force: bool = False,
        propagation: Propagation = Propagation.BACKGROUND,
        uid: str = "",
        resource_version: str = "",
    ) -> None:
        """See the port."""
        name = await self._name(namespace, name)
        await operations.delete(
            self._resources, namespace, name, force=force, propagation=propagation, uid=uid, version=resource_version
        )

    async def _name(self, namespace: str, name: str) -> str:
        return await listing.resolve_name(self._resources, namespace, name)
