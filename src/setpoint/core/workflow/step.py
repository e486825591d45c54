"""`step`: one event folded into the state of a workflow, and the orders that follow from it. Pure.

After the event itself, what it touched is assessed to a fixed point, deepest first: retry nodes and groups before the
steps or DAG around them, the workflow last. Late and repeated events for nodes that have ended change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from setpoint.apis.argo import NodePhase, NodeType, WorkflowPhase
from setpoint.apis.errors import InvariantViolation
from setpoint.apis.pods import POD_DELETED, PodExit, PodPhase, parse_progress
from setpoint.core.workflow import ids
from setpoint.core.workflow.artifact_gc import with_gc
from setpoint.core.workflow.commands import TimerKind
from setpoint.core.workflow.container_nodes import end_containers, lose_containers, start_containers
from setpoint.core.workflow.context import StepContext
from setpoint.core.workflow.daemons import become_daemon, end_daemons
from setpoint.core.workflow.dag import assess_dag, task_ended
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.events import (
    ActionReported,
    ClaimsMade,
    ContainersEnded,
    ControlsChanged,
    Event,
    LocksChanged,
    PodEnded,
    PodLost,
    PodPending,
    PodReady,
    PodStarted,
    ProgressReported,
    ResumeRequested,
    RetryRequested,
    SetRequested,
    StopRequested,
    SuspendRequested,
    TimerFired,
    WorkflowLoaded,
    WorkflowStarted,
)
from setpoint.core.workflow.groups import assess_group, child_ended
from setpoint.core.workflow.lifecycle import (
    assess_workflow,
    claims_made,
    end_left_open,
    end_unentered,
    fail_entry,
    fail_exit,
    fail_hooks,
    go_on_with_locks,
    load_workflow,
    pass_deadline,
    read_arguments_again,
    start_workflow,
)
from setpoint.core.workflow.measure import measure
from setpoint.core.workflow.memoize import obstacle, remember
from setpoint.core.workflow.outputs import publish_outputs, reported_outputs
from setpoint.core.workflow.pod_request import node_outputs
from setpoint.core.workflow.requests import (
    change_controls,
    end_suspend,
    resume,
    set_suspended,
    set_values,
    stop,
)
from setpoint.core.workflow.retry import assess_retry, attempt_ended
from setpoint.core.workflow.retry_workflow import retry_workflow
from setpoint.core.workflow.state import WORKFLOW, DagFrame, GroupFrame, RetryFrame, Step, StepsFrame, WorkflowState
from setpoint.core.workflow.steps import assess_steps
from setpoint.core.workflow.timeouts import pass_time_limit
from setpoint.core.workflow.volume_claims import claims_missing

_ASSESSMENTS_PER_NODE = 50
_ASSESSMENTS = 100_000
_PHASES = {
    PodPhase.SUCCEEDED: NodePhase.SUCCEEDED,
    PodPhase.FAILED: NodePhase.FAILED,
    PodPhase.ERROR: NodePhase.ERROR,
}


def step(state: WorkflowState, event: Event, ctx: StepContext) -> Step:
    """Fold one event.

    Args:
        state: The workflow so far; it is not changed.
        event: What has happened.
        ctx: The moment, the object, and what was fetched for it.

    Returns:
        The next state, with orders and what is to be written.

    Raises:
        ContextMissing: Something has to be fetched first; fold the same event again then.
        InvariantViolation: A bug of ours.
    """
    return steps(state, (event,), ctx)


def steps(state: WorkflowState, events: Iterable[Event], ctx: StepContext) -> Step:
    """Fold events one after another: the same as `step` for each, but the state is opened and closed once.

    Args:
        state: The workflow so far; it is not changed.
        events: What has happened, in order.
        ctx: Of them all.

    Returns:
        As `step`; `folded` is the number of events. It ends early after one that changes what others see of the
        workflow: its claims, what it keeps in caches, its end.

    Raises:
        ContextMissing: Something has to be fetched first; fold the same events again then.
        InvariantViolation: A bug of ours.
    """
    d = Draft(state, ctx)
    for event in events:
        d.begin()
        read_arguments_again(d)
        _fold(d, event)
        if d.has_spec and d.spec.lifecycle_hooks:
            d.touch(WORKFLOW)
        _settle(d)
        kept = remember(d)
        measure(d)
        if kept or d.claims is not state.claims or d.status.phase.completed:
            break
    return d.freeze()


def _fold(d: Draft, event: Event) -> None:  # noqa: C901 (one case per event)
    match event:
        case WorkflowStarted():
            start_workflow(d, event)
        case WorkflowLoaded():
            load_workflow(d)
        case RetryRequested():
            retry_workflow(d, event)
        case PodEnded() if _is_parting(d, event):
            _parted(d, event)
        case _ if d.status.phase.completed:
            d.refused = "the workflow has completed"
        case ControlsChanged():
            change_controls(d, event)
        case ClaimsMade():
            claims_made(d, event)
        case PodPending():
            _pod_pending(d, event)
        case PodStarted():
            _pod_started(d, event)
        case PodReady():
            _pod_ready(d, event)
        case ProgressReported():
            _progress_reported(d, event)
        case ContainersEnded():
            _containers_ended(d, event)
        case PodEnded():
            _pod_ended(d, event.node, event.pod, event.exit)
        case PodLost():
            _pod_ended(d, event.node, event.pod, PodExit(phase=PodPhase.ERROR, message=event.reason))
        case ActionReported():
            _action_reported(d, event)
        case LocksChanged():
            go_on_with_locks(d)
        case TimerFired():
            _timer_fired(d, event)
        case StopRequested():
            stop(d, event)
        case SuspendRequested():
            set_suspended(d, suspended=True)
        case ResumeRequested():
            resume(d, event)
        case SetRequested():
            set_values(d, event)
        case _:
            assert_never(event)


def _settle(d: Draft) -> None:
    """Assess to a fixed point."""
    left = _ASSESSMENTS + _ASSESSMENTS_PER_NODE * len(d.before.nodes)
    while not d.status.phase.completed:
        end_daemons(d)
        end_left_open(d)
        while d.ended:
            owner, node, raised = d.ended.popleft()
            _tell(d, owner, node, raised)
        touched = d.pop_touched()
        if touched is None:
            if d.ended:
                continue
            break
        _assess(d, touched)
        left -= 1
        if left == 0:
            raise InvariantViolation(f"workflow {d.name!r} does not settle", story=(f"last assessed: {touched!r}",))
    if d.loading and d.status.phase is WorkflowPhase.RUNNING:
        end_unentered(d)
    _check_stuck(d)


def _tell(d: Draft, owner: str, node: str, raised: str) -> None:
    frame = d.frame(owner)
    if isinstance(frame, GroupFrame):
        child_ended(d, frame, node, raised)
    elif isinstance(frame, DagFrame):
        task_ended(d, frame, node, raised)
    elif isinstance(frame, RetryFrame):
        attempt_ended(d, frame, raised)
    elif owner == WORKFLOW and raised:
        _fail_workflow(d, node, raised)
    else:
        d.touch(owner)
        d.touch(d.name)  # the verdict of an entry DAG waits for the workflow's hooks, which are among its children


def _fail_workflow(d: Draft, node: str, raised: str) -> None:
    if node == d.name:
        fail_entry(d, raised)
    elif node == d.id_of(f"{d.name}.onExit"):
        fail_exit(d, raised)
    else:
        fail_hooks(d, raised)


def _assess(d: Draft, frame_id: str) -> None:
    frame = d.frame(frame_id)
    if frame_id == WORKFLOW:
        assess_workflow(d)
    elif isinstance(frame, GroupFrame):
        assess_group(d, frame)
    elif isinstance(frame, StepsFrame):
        assess_steps(d, frame)
    elif isinstance(frame, DagFrame):
        assess_dag(d, frame)
    elif isinstance(frame, RetryFrame):
        assess_retry(d, frame)


def _nothing_runs(d: Draft) -> bool:
    """Whether no leaf but daemons runs and no retry waits for its time."""
    if d.leaf_count > len(d.daemons) or any(node not in d.daemons for node, _ in d.leaves()):
        return False
    return not any(isinstance(d.frame(node), RetryFrame) and node not in d.daemons for node in d.running_groups())


def _check_stuck(d: Draft) -> None:
    """A cluster would wait for ever where nothing is left to wait for; here the workflow ends and says so."""
    running = d.loaded and d.status.phase is WorkflowPhase.RUNNING and not d.suspended
    if running and _nothing_runs(d) and not claims_missing(d):
        fail_entry(
            d, "nothing is left to wait for, and the entry template is not done: check parallelism and references"
        )


def _pod_pending(d: Draft, event: PodPending) -> None:
    node = d.node(event.node)
    if node is None or node.phase is not NodePhase.PENDING or not _is_pod(d, event.node, event.pod):
        return
    if node.message != event.message:
        d.put(node.replace(message=event.message))


def _pod_started(d: Draft, event: PodStarted) -> None:
    node = d.node(event.node)
    if node is not None and node.phase is NodePhase.PENDING and _is_pod(d, event.node, event.pod):
        d.mark(node.id, NodePhase.RUNNING, "")  # what it waited for is past
        start_containers(d, node.id)


def _pod_ready(d: Draft, event: PodReady) -> None:
    node = d.node(event.node)
    if node is not None and not node.phase.fulfilled and _is_pod(d, event.node, event.pod) and not node.daemoned:
        become_daemon(d, node.id, event.ip)
        start_containers(d, node.id)


def _containers_ended(d: Draft, event: ContainersEnded) -> None:
    node = d.node(event.node)
    if node is not None and not node.fulfilled and _is_pod(d, event.node, event.pod):
        end_containers(d, node, event.containers)


def _progress_reported(d: Draft, event: ProgressReported) -> None:
    node = d.node(event.node)
    if node is not None and node.phase is NodePhase.RUNNING and _is_pod(d, event.node, event.pod):
        _set_progress(d, event.node, event.progress)


def _set_progress(d: Draft, node: str, text: str) -> None:
    found = parse_progress(text)
    if found is not None and (text := f"{found[0]}/{found[1]}") != d.need(node).progress:
        d.change(node, progress=text)


def _is_pod(d: Draft, node_id: str, pod: str) -> bool:
    """Whether the pod is the node's present one, not one of before a manual retry."""
    return ids.pod_id(d.uid, node_id, d.need(node_id).started_at) == pod


def _pod_ended(d: Draft, node_id: str, pod: str, end: PodExit) -> None:
    node, leaf = d.node(node_id), d.leaf(node_id)
    if node is None or node.phase.fulfilled or leaf is None or not _is_pod(d, node_id, pod):
        return
    if leaf.daemon and end.phase is PodPhase.SUCCEEDED:  # it should have run until it was ended
        end = end.replace(phase=PodPhase.FAILED)
    if end.containers and "main" not in end.containers:
        end = end.replace(exit_code=None)
    outputs = node_outputs(leaf.outputs, end)
    _set_progress(d, node_id, end.progress)
    end_containers(d, node, end.containers)
    if end.message == POD_DELETED:
        lose_containers(d, node_id)
    phase, message = _PHASES.get(end.phase, NodePhase.ERROR), end.message
    if phase is NodePhase.SUCCEEDED and (problem := obstacle(d, node, outputs)):
        phase, message = NodePhase.ERROR, problem
    d.mark(node_id, phase, message, outputs=outputs)
    publish_outputs(d, outputs)
    if outputs is not None and outputs.artifacts:
        d.status = with_gc(d.status, outputs.artifacts, d.spec)


def _is_parting(d: Draft, event: PodEnded) -> bool:
    """Whether the pod was told to end, and its node has ended before it."""
    node = d.node(event.node) if event.node in d.parting else None
    return node is not None and node.phase.fulfilled and _is_pod(d, event.node, event.pod)


def _parted(d: Draft, event: PodEnded) -> None:
    """What such a pod has saved is to be deleted, so it has to be known."""
    outputs = node_outputs(d.parting[event.node], event.exit)
    d.parting = d.parting.delete(event.node)
    d.change(event.node, outputs=outputs)


def _action_reported(d: Draft, event: ActionReported) -> None:
    node, leaf = d.node(event.node), d.leaf(event.node)
    if node is None or node.fulfilled or leaf is None or leaf.action != event.command:
        return
    outputs = reported_outputs(leaf.outputs, event.outputs)
    phase = node.phase if event.phase is NodePhase.PENDING else event.phase  # a plugin may say so late
    d.mark(event.node, phase, event.message, outputs=outputs)
    if node.type is NodeType.POD:  # global names of http and plugin templates only count as tasks of a DAG
        publish_outputs(d, outputs)


def _timer_fired(d: Draft, event: TimerFired) -> None:
    match event.kind:
        case TimerKind.DEADLINE:
            pass_deadline(d)
        case TimerKind.BACKOFF:
            if d.frame(event.node) is not None:
                d.touch(event.node)
        case TimerKind.TIMEOUT:
            pass_time_limit(d, event.node)
        case TimerKind.SUSPEND:
            node, leaf = d.node(event.node), d.leaf(event.node)
            if node is not None and node.type is NodeType.SUSPEND and leaf is not None:
                end_suspend(d, node, leaf)
        case _:
            assert_never(event.kind)
