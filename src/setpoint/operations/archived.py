"""Verbs on workflows in the archive: retry and resubmit.

Source: argo-workflows `server/workflowarchive`.
"""

from __future__ import annotations

from collections.abc import Mapping

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow import parse_selector, retry_refusal
from setpoint.operations import workflows
from setpoint.ports.archive import WorkflowArchive
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.resources import ResourceApi


async def retry_archived(
    resources: ResourceApi,
    journal: WorkflowJournal,
    archive: WorkflowArchive,
    uid: str,
    *,
    restart_successful: bool = False,
    selector: str = "",
    parameters: Mapping[str, str] | None = None,
) -> Workflow:
    """Make the object anew and run it again from what failed.

    Raises: NotFound; AlreadyExists if there is an object of that name: retry that; InvalidSpec in this phase.
    """
    old = await archive.get(uid)
    refusal = retry_refusal(old.status.phase, restart_successful=restart_successful, selector=selector)
    if refusal:
        raise InvalidSpec(refusal)
    parse_selector(selector)
    made = await archive.restore(uid)
    namespace, name = made.metadata.namespace, made.metadata.name
    await workflows.retry(
        resources,
        journal,
        namespace,
        name,
        restart_successful=restart_successful,
        selector=selector,
        parameters=parameters,
    )
    return await resources.get(Workflow, namespace, name)


async def resubmit_archived(
    resources: ResourceApi,
    archive: WorkflowArchive,
    uid: str,
    *,
    memoized: bool = False,
    parameters: Mapping[str, str] | None = None,
) -> Workflow:
    """A new workflow from the spec of an archived one. Raises: NotFound, InvalidSpec."""
    made = workflows.resubmission_of(await archive.get(uid), memoized=memoized, parameters=parameters)
    return await workflows.submit(resources, made)
