"""The workflow engine's core: one pure `step` per event, from state to state and orders.

The shell (`engines.workflow`) observes, calls `step`, stores event, rows and orders in one transaction, and carries the
orders out. Nothing in here knows a clock, a process or a database.
"""

from setpoint.core.workflow.commands import (
    CancelResourceAction,
    Command,
    EnvSource,
    KillPod,
    LaunchPod,
    ObjectKind,
    RunResourceAction,
    SetTimer,
    TimerKind,
    VolumeSource,
    decode_command,
)
from setpoint.core.workflow.context import ContextMissing, Kind, Library, StepContext
from setpoint.core.workflow.events import (
    ControlsChanged,
    Event,
    PodEnded,
    PodLost,
    PodStarted,
    ProgressReported,
    Request,
    ResourceActionEnded,
    ResumeRequested,
    RetryRequested,
    SetRequested,
    StopRequested,
    SuspendRequested,
    TimerFired,
    WorkflowLoaded,
    WorkflowStarted,
    decode_event,
    decode_request,
)
from setpoint.core.workflow.ids import command_id, display_name, fnv1a, node_id, pod_id, pod_name
from setpoint.core.workflow.retry_workflow import retry_refusal
from setpoint.core.workflow.selectors import matches, parse_selector
from setpoint.core.workflow.state import EngineMemory, Step, WorkflowState
from setpoint.core.workflow.step import step

__all__ = [
    "CancelResourceAction",
    "Command",
    "ContextMissing",
    "ControlsChanged",
    "EngineMemory",
    "EnvSource",
    "Event",
    "KillPod",
    "Kind",
    "LaunchPod",
    "Library",
    "ObjectKind",
    "PodEnded",
    "PodLost",
    "PodStarted",
    "ProgressReported",
    "Request",
    "ResourceActionEnded",
    "ResumeRequested",
    "RetryRequested",
    "RunResourceAction",
    "SetRequested",
    "SetTimer",
    "Step",
    "StepContext",
    "StopRequested",
    "SuspendRequested",
    "TimerFired",
    "TimerKind",
    "VolumeSource",
    "WorkflowLoaded",
    "WorkflowStarted",
    "WorkflowState",
    "command_id",
    "decode_command",
    "decode_event",
    "decode_request",
    "display_name",
    "fnv1a",
    "matches",
    "node_id",
    "parse_selector",
    "pod_id",
    "pod_name",
    "retry_refusal",
    "step",
]
