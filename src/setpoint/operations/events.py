"""An event comes in: every binding that is meant by it starts its workflow."""

from __future__ import annotations

import logging
from datetime import datetime

from setpoint.apis.argo import Workflow, WorkflowEventBinding
from setpoint.apis.errors import EventFailed, SetpointError
from setpoint.core.events import IncomingEvent, is_meant, workflow_for
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import WorkflowVerbs

_log = logging.getLogger(__name__)


async def dispatch(
    resources: ResourceApi, verbs: WorkflowVerbs, event: IncomingEvent, now: datetime
) -> tuple[Workflow, ...]:
    """Start what the bindings of the event's namespace say; one that fails does not keep the others from it.

    Returns: The workflows, stored.
    Raises: EventFailed: At least one binding could not be judged or its workflow not started.
    """
    made: list[Workflow] = []
    failed: list[str] = []
    for binding in (await resources.list(WorkflowEventBinding, event.namespace)).items:
        try:
            workflow = workflow_for(binding, event, now) if is_meant(binding, event, now) else None
            if workflow is not None:
                made.append(await verbs.submit(workflow))
        except SetpointError as error:
            _log.warning("event binding %s: %s", binding.key, error)
            failed.append(f"{binding.metadata.name}: {error}")
    if failed:
        raise EventFailed(f"failed to dispatch the event: {'; '.join(failed)}")
    return tuple(made)
