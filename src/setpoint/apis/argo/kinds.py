"""The kinds of argoproj.io/v1alpha1 that Setpoint runs, with plural and short names as kubectl knows them."""

from __future__ import annotations

from typing import ClassVar

from setpoint.apis.argo.event_binding import WorkflowEventBindingSpec
from setpoint.apis.argo.spec import CronWorkflowSpec, WorkflowSpec
from setpoint.apis.argo.status import CronWorkflowStatus, WorkflowStatus
from setpoint.apis.meta import Resource

API_VERSION = "argoproj.io/v1alpha1"

LABEL_PHASE = "workflows.argoproj.io/phase"
LABEL_COMPLETED = "workflows.argoproj.io/completed"
LABEL_WORKFLOW = "workflows.argoproj.io/workflow"
LABEL_WORKFLOW_TEMPLATE = "workflows.argoproj.io/workflow-template"
LABEL_CLUSTER_WORKFLOW_TEMPLATE = "workflows.argoproj.io/cluster-workflow-template"
LABEL_CRON_WORKFLOW = "workflows.argoproj.io/cron-workflow"
LABEL_RESUBMITTED_FROM = "workflows.argoproj.io/resubmitted-from-workflow"
LABEL_EVENT_BINDING = "workflows.argoproj.io/workflow-event-binding"
LABEL_ARCHIVING_STATUS = "workflows.argoproj.io/workflow-archiving-status"
LABEL_CREATOR = "workflows.argoproj.io/creator"


class Workflow(Resource, frozen=True, kw_only=True):
    """One run."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "Workflow"
    PLURAL: ClassVar[str] = "workflows"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("wf",)

    spec: WorkflowSpec
    status: WorkflowStatus = WorkflowStatus()


class WorkflowTemplate(Resource, frozen=True, kw_only=True):
    """A spec to run, or templates to call, in one namespace."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "WorkflowTemplate"
    PLURAL: ClassVar[str] = "workflowtemplates"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("wftmpl",)

    spec: WorkflowSpec


class ClusterWorkflowTemplate(Resource, frozen=True, kw_only=True):
    """A spec to run, or templates to call, from every namespace."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "ClusterWorkflowTemplate"
    PLURAL: ClassVar[str] = "clusterworkflowtemplates"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("clusterwftmpl", "cwft")
    NAMESPACED: ClassVar[bool] = False

    spec: WorkflowSpec


class CronWorkflow(Resource, frozen=True, kw_only=True):
    """A workflow started by a schedule."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "CronWorkflow"
    PLURAL: ClassVar[str] = "cronworkflows"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("cwf", "cronwf")

    spec: CronWorkflowSpec
    status: CronWorkflowStatus = CronWorkflowStatus()


class WorkflowEventBinding(Resource, frozen=True, kw_only=True):
    """Starts a template when an event comes in."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "WorkflowEventBinding"
    PLURAL: ClassVar[str] = "workfloweventbindings"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("wfeb",)

    spec: WorkflowEventBindingSpec


KINDS: tuple[type[Resource], ...] = (
    Workflow,
    WorkflowTemplate,
    ClusterWorkflowTemplate,
    CronWorkflow,
    WorkflowEventBinding,
)
