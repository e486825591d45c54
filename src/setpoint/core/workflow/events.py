"""Events: facts that the engine's shell has observed, in the past tense. `step` folds them one at a time.

All are tagged msgspec structs, so that an inbox can hold them as JSON; the tag is the class name. An event carries no
time: the moment it is folded at comes with the step context, which keeps a repeated fold the same.
"""

from __future__ import annotations

import msgspec

from setpoint.apis.argo import NodePhase, NodeStatus, Outputs, Parameter
from setpoint.apis.pods import POD_DELETED, ContainerEnd, PodExit
from setpoint.core.workflow.commands import TimerKind


class EventBase(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base of all events."""


class WorkflowStarted(EventBase, frozen=True, kw_only=True):
    """The engine sees the workflow for the first time; `invalid` says why it may not run, empty if it may.

    `carried` are nodes of the workflow `resubmitted` that a memoized resubmission takes over.
    """

    invalid: str = ""
    resubmitted: str = ""
    carried: tuple[NodeStatus, ...] = ()


class WorkflowLoaded(EventBase, frozen=True, kw_only=True):
    """The engine has read a running workflow from the journal; rebuilds what the rows do not hold and goes on."""


class ControlsChanged(EventBase, frozen=True, kw_only=True):
    """`spec.shutdown` or `spec.suspend` of the object changed."""

    shutdown: str = ""
    suspend: bool = False


class ClaimsMade(EventBase, frozen=True, kw_only=True):
    """The workflow's volume claims are there; or not, and why."""

    error: str = ""


class PodPending(EventBase, frozen=True, kw_only=True):
    """The pod has to wait for room on the machine, or for a claim; in Kubernetes' words."""

    node: str
    pod: str
    message: str


class PodStarted(EventBase, frozen=True, kw_only=True):
    """The launcher took the pod on."""

    node: str
    pod: str


class PodReady(EventBase, frozen=True, kw_only=True):
    """The containers of a daemon's pod run and have passed their readiness probes; `ip` is where it listens."""

    node: str
    pod: str
    ip: str


class ProgressReported(EventBase, frozen=True, kw_only=True):
    """The pod has written `N/M` into its progress file."""

    node: str
    pod: str
    progress: str


class ContainersEnded(EventBase, frozen=True, kw_only=True):
    """Containers of a pod that goes on have ended."""

    node: str
    pod: str
    containers: dict[str, ContainerEnd]


class PodEnded(EventBase, frozen=True, kw_only=True):
    """The pod's processes have ended and its outputs are stored."""

    node: str
    pod: str
    exit: PodExit


class PodLost(EventBase, frozen=True, kw_only=True):
    """There is no trace of a pod that should run."""

    node: str
    pod: str
    reason: str = POD_DELETED


class ActionReported(EventBase, frozen=True, kw_only=True):
    """How the action of a resource, http, data or plugin template stands; with an ended phase it is done."""

    node: str
    command: str
    phase: NodePhase
    message: str = ""
    outputs: Outputs | None = None


class LocksChanged(EventBase, frozen=True, kw_only=True):
    """Locks this workflow waits for were released, or have another limit now."""


class TimerFired(EventBase, frozen=True, kw_only=True):
    """A timer set by `SetTimer` is due."""

    timer: str
    kind: TimerKind
    node: str = ""


class StopRequested(EventBase, frozen=True, kw_only=True):
    """Stop (exit handlers run) or terminate (they do not); with a selector: fail the matching suspend nodes only."""

    strategy: str = "Stop"
    selector: str = ""
    message: str = ""


class SuspendRequested(EventBase, frozen=True, kw_only=True):
    """Start nothing new."""


class ResumeRequested(EventBase, frozen=True, kw_only=True):
    """Go on: all running suspend nodes, or those the selector matches, succeed."""

    selector: str = ""


class SetRequested(EventBase, frozen=True, kw_only=True):
    """Change message, phase or supplied outputs of matching running suspend nodes."""

    selector: str
    message: str = ""
    phase: str = ""
    outputs: dict[str, str] = {}


class RetryRequested(EventBase, frozen=True, kw_only=True):
    """Run a finished workflow again from what failed; see SEMANTICS section 18."""

    restart_successful: bool = False
    selector: str = ""
    parameters: tuple[Parameter, ...] = ()


Event = (
    WorkflowStarted
    | WorkflowLoaded
    | ControlsChanged
    | ClaimsMade
    | PodPending
    | PodStarted
    | PodReady
    | ProgressReported
    | ContainersEnded
    | PodEnded
    | PodLost
    | ActionReported
    | LocksChanged
    | TimerFired
    | StopRequested
    | SuspendRequested
    | ResumeRequested
    | SetRequested
    | RetryRequested
)

Request = StopRequested | SuspendRequested | ResumeRequested | SetRequested | RetryRequested


_EVENTS: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_REQUESTS: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


def decode_event(data: bytes) -> Event:
    """The event written as JSON. Raises: msgspec.ValidationError if it is none."""
    return _EVENTS.decode(data)


def decode_request(data: bytes) -> Request:
    """The request written as JSON. Raises: msgspec.ValidationError if it is none."""
    return _REQUESTS.decode(data)
