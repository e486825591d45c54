"""The status of a workflow: phases with Argo's spelling, and the tree of nodes.

Questions about a phase are properties here, so that no two places answer them differently.
Source: argoproj.io/v1alpha1 WorkflowStatus, NodeStatus; Argo Workflows, "Fields".
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from setpoint.apis.argo.artifacts import Inputs, Outputs
from setpoint.apis.argo.spec import WorkflowSpec
from setpoint.apis.argo.template import Template, TemplateRef
from setpoint.apis.meta import Condition, Wire


class NodePhase(StrEnum):
    """Phase of a node."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    SKIPPED = "Skipped"
    FAILED = "Failed"
    ERROR = "Error"
    OMITTED = "Omitted"

    @property
    def completed(self) -> bool:
        """Ran and ended: Succeeded, Failed or Error."""
        return self in (NodePhase.SUCCEEDED, NodePhase.FAILED, NodePhase.ERROR)

    @property
    def fulfilled(self) -> bool:
        """Will not change: completed, Skipped or Omitted (a daemoned node counts too, see `NodeStatus`)."""
        return self.completed or self in (NodePhase.SKIPPED, NodePhase.OMITTED)

    @property
    def failed_or_error(self) -> bool:
        """Failed or Error."""
        return self in (NodePhase.FAILED, NodePhase.ERROR)


class NodeType(StrEnum):
    """Type of a node; one that never started is Skipped."""

    POD = "Pod"
    CONTAINER = "Container"
    STEPS = "Steps"
    STEP_GROUP = "StepGroup"
    DAG = "DAG"
    TASK_GROUP = "TaskGroup"
    RETRY = "Retry"
    SKIPPED = "Skipped"
    SUSPEND = "Suspend"
    HTTP = "HTTP"
    PLUGIN = "Plugin"


class WorkflowPhase(StrEnum):
    """Phase of a workflow; empty before the first look."""

    UNKNOWN = ""
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @property
    def completed(self) -> bool:
        """Ended: Succeeded, Failed or Error."""
        return self in (WorkflowPhase.SUCCEEDED, WorkflowPhase.FAILED, WorkflowPhase.ERROR)

    @property
    def failed_or_error(self) -> bool:
        """Failed or Error."""
        return self in (WorkflowPhase.FAILED, WorkflowPhase.ERROR)


class MemoizationStatus(Wire, frozen=True, kw_only=True):
    """Whether a node's outputs came from a cache."""

    hit: bool
    key: str
    cache_name: str


class NodeSynchronizationStatus(Wire, frozen=True, kw_only=True):
    """The lock a node waits for."""

    waiting: str = ""


class NodeFlag(Wire, frozen=True, kw_only=True):
    """Why a node is there beside the ordinary: run by a hook, or an attempt of a retry."""

    hooked: bool = False
    retried: bool = False


class NodeStatus(Wire, frozen=True, kw_only=True):
    """One node of the tree. `boundary_id` is the id of the enclosing steps, DAG or container-set node."""

    id: str
    name: str
    type: NodeType
    phase: NodePhase
    display_name: str = ""
    template_name: str = ""
    template_ref: TemplateRef | None = None
    template_scope: str = ""
    boundary_id: str = msgspec.field(name="boundaryID", default="")
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    children: tuple[str, ...] = ()
    outbound_nodes: tuple[str, ...] = ()
    inputs: Inputs | None = None
    outputs: Outputs | None = None
    pod_ip: str = msgspec.field(name="podIP", default="")
    daemoned: bool | None = None
    host_node_name: str = ""
    memoization_status: MemoizationStatus | None = None
    synchronization_status: NodeSynchronizationStatus | None = None
    progress: str = ""
    estimated_duration: int = 0
    resources_duration: dict[str, int] = {}
    node_flag: NodeFlag | None = None
    failed_pod_restarts: int = 0
    restarting_pod_uid: str = msgspec.field(name="restartingPodUID", default="")
    task_result_synced: bool | None = None

    @property
    def completed(self) -> bool:
        """Ran and ended: Succeeded, Failed or Error."""
        return self.phase.completed

    @property
    def fulfilled(self) -> bool:
        """What follows need not wait: completed, Skipped, Omitted, or daemoned and not Pending."""
        return self.phase.fulfilled or (bool(self.daemoned) and self.phase is not NodePhase.PENDING)

    @property
    def failed_or_error(self) -> bool:
        """Failed or Error."""
        return self.phase.failed_or_error


class WorkflowStatus(Wire, frozen=True, kw_only=True):
    """The status as clients read it; `nodes` maps node id to node."""

    phase: WorkflowPhase = WorkflowPhase.UNKNOWN
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: str = ""
    nodes: dict[str, NodeStatus] = {}
    outputs: Outputs | None = None
    conditions: tuple[Condition, ...] = ()
    estimated_duration: int = 0
    resources_duration: dict[str, int] = {}
    stored_templates: dict[str, Template] = {}
    stored_workflow_template_spec: WorkflowSpec | None = None
    artifact_repository_ref: dict[str, Any] | None = None
    artifact_gc_status: dict[str, Any] | None = msgspec.field(name="artifactGCStatus", default=None)
    compressed_nodes: str = ""
    offload_node_status_version: str = ""
    persistent_volume_claims: tuple[dict[str, Any], ...] = ()
    synchronization: dict[str, Any] | None = None
    task_results_completion_status: dict[str, bool] = {}

    @property
    def completed(self) -> bool:
        """Ended: Succeeded, Failed or Error."""
        return self.phase.completed


class CronWorkflowStatus(Wire, frozen=True, kw_only=True):
    """What a cron workflow has started."""

    active: tuple[dict[str, Any], ...] = ()
    conditions: tuple[Condition, ...] = ()
    last_scheduled_time: datetime | None = None
    phase: str = ""
    succeeded: int = 0
    failed: int = 0
