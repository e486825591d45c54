"""The Workflow object as the engine watches it: without nodes, so that a watch costs the same for any size.

The store spares a class whose status has no field `nodes` the work of putting them together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from setpoint.apis.argo import API_VERSION, TTLStrategy, Workflow, WorkflowPhase, WorkflowSpec
from setpoint.apis.kinds import KINDS
from setpoint.apis.meta import Resource


class StoredSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the engine looks at of the spec of a template that a workflow refers to."""

    ttl_strategy: TTLStrategy | None = None


class HeadStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The fields of the status that the engine looks at; all others are passed over."""

    phase: WorkflowPhase = WorkflowPhase.UNKNOWN
    synchronization: dict[str, Any] | None = None
    finished_at: datetime | None = None
    stored_workflow_template_spec: StoredSpec | None = None


class WorkflowHead(Resource, frozen=True, kw_only=True):
    """A Workflow without its nodes."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "Workflow"
    PLURAL: ClassVar[str] = "workflows"

    spec: WorkflowSpec
    status: HeadStatus = HeadStatus()

    def workflow(self) -> Workflow:
        """The object for the core, which never reads its status."""
        return Workflow(metadata=self.metadata, spec=self.spec, api_version=API_VERSION, kind="Workflow")


# msgspec works out a type's decoder at first use and is not safe against two threads doing so at once (it crashes);
# stores decode in threads. So it is done here, once, while there is one thread.
for _kind in (*KINDS, WorkflowHead):
    msgspec.json.Decoder(_kind)
