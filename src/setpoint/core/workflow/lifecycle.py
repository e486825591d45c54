"""The workflow as a whole: its start, entry node, exit handler, end, and its deadline.

Source: argo-workflows `operate`, `exit_handler.go`; SEMANTICS sections 2, 4, 15, 18.
"""

from __future__ import annotations

import msgspec

from setpoint.apis.argo import Arguments, LifecycleHook, NodePhase, NodeStatus, NodeType, WorkflowPhase
from setpoint.apis.errors import InvalidSpec
from setpoint.core.expr import ExpressionError, evaluate_condition, substitute
from setpoint.core.workflow import ids
from setpoint.core.workflow.artifact_gc import first_gc_status
from setpoint.core.workflow.commands import SetTimer, TimerKind
from setpoint.core.workflow.daemons import end_daemons, restore_daemons
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.ending import end_leaf, workflow_deadline
from setpoint.core.workflow.events import ClaimsMade, WorkflowStarted
from setpoint.core.workflow.execute import execute, try_waiting
from setpoint.core.workflow.labels_from import take_labels
from setpoint.core.workflow.locks import LockError
from setpoint.core.workflow.outputs import restore_outputs
from setpoint.core.workflow.phases import Cause
from setpoint.core.workflow.repository import resolve_repository
from setpoint.core.workflow.resubmission import take_over
from setpoint.core.workflow.state import WORKFLOW, TemplateCall
from setpoint.core.workflow.synchronization import take_locks, try_locks
from setpoint.core.workflow.templates import load_spec, local_scope
from setpoint.core.workflow.variables import failures, global_scope, workflow_phase
from setpoint.core.workflow.volume_claims import claims_ready, drop_claims, note_claims

_COMPLETED = "workflow completed"
ENDED_ABOVE = "stopped: the node above it has ended"


def start_workflow(d: Draft, event: WorkflowStarted) -> None:
    """Fold the first look at a workflow."""
    if d.status.phase is not WorkflowPhase.UNKNOWN:
        return
    if event.invalid:
        d.mark_workflow(WorkflowPhase.FAILED, f"invalid spec: {event.invalid}")
        return
    spec = d.ctx.workflow.spec
    d.engine = msgspec.structs.replace(
        d.engine,
        shutdown=spec.shutdown,
        suspended=bool(spec.suspend),
        seen_shutdown=spec.shutdown,
        seen_suspend=bool(spec.suspend),
    )
    if not _load_spec(d):
        return
    if not _find_repository(d):
        return
    found = first_gc_status(d.spec)
    d.status = d.status if found is None else d.status.replace(artifact_gc_status=found)
    try:
        take_labels(d)
    except BuildError as error:
        d.mark_workflow(WorkflowPhase.ERROR, error.message)
        return
    d.loaded = True
    take_over(d, event.resubmitted, event.carried)
    begin(d)


def begin(d: Draft) -> None:
    """Take the workflow's own locks and go on, or wait for them in phase Pending."""
    wanted = d.spec.synchronization
    try:
        message = take_locks(d, d.key, d.ctx.admission)
        if not message and wanted is not None:
            message = try_locks(d, d.key, wanted)
    except LockError as error:
        d.mark_workflow(WorkflowPhase.FAILED, f"Failed to acquire the synchronization lock. {error}")
        return
    if message:
        d.mark_workflow(WorkflowPhase.PENDING, message)
        return
    d.mark_workflow(WorkflowPhase.RUNNING)
    set_deadline(d)
    d.touch(WORKFLOW)


def go_on_with_locks(d: Draft) -> None:
    """Fold that locks have changed."""
    if d.status.phase is WorkflowPhase.PENDING:
        begin(d)
    else:
        try_waiting(d)


def _load_spec(d: Draft) -> bool:
    try:
        load_spec(d)
    except BuildError as error:
        globals_failed = error.message.startswith("failed to set global parameters")
        d.mark_workflow(WorkflowPhase.FAILED if globals_failed else WorkflowPhase.ERROR, error.message)
        return False
    return True


def _find_repository(d: Draft) -> bool:
    try:
        ref = resolve_repository(d.spec.artifact_repository_ref, d.ctx.workflow.metadata.namespace, d.ctx.library)
    except InvalidSpec as error:
        d.mark_workflow(WorkflowPhase.ERROR, f"failed to resolve artifact repository: {error}")
        return False
    d.status = d.status.replace(artifact_repository_ref=ref)
    return True


def _has_repository(d: Draft) -> bool:
    """It was found at the start, but for a workflow that an older version has begun."""
    begun_before = d.spec.artifact_repository_ref is not None and d.status.artifact_repository_ref is None
    return not begun_before or _find_repository(d)


def read_arguments_again(d: Draft) -> None:
    """Config maps that the workflow's arguments come from are read at every step, as at every pass of a cluster."""
    if d.status.phase is not WorkflowPhase.RUNNING or not d.loaded:
        return
    spec = d.status.stored_workflow_template_spec or d.ctx.workflow.spec
    sources = (item.value_from for item in spec.arguments.parameters if item.value is None)
    reads = any(source is not None and source.config_map_key_ref is not None for source in sources)
    if reads and not _load_spec(d):
        end_open_nodes(d)


def load_workflow(d: Draft) -> None:
    """Build what is derived from the nodes anew, top-down, and go on."""
    if d.status.phase.completed:
        return
    if d.status.phase is WorkflowPhase.UNKNOWN:
        start_workflow(d, WorkflowStarted())
        return
    d.clear_runtime()
    restore_daemons(d)
    d.loading = True
    if not _load_spec(d) or not _has_repository(d):
        end_unentered(d, _COMPLETED)
        return
    restore_outputs(d)
    d.loaded = True
    if d.status.phase is WorkflowPhase.PENDING:
        begin(d)
    else:
        d.claims = d.claims.take(d.key, d.ctx.admission)
    d.touch(WORKFLOW)


def set_deadline(d: Draft) -> None:
    """Order the timer of `spec.activeDeadlineSeconds`."""
    deadline = workflow_deadline(d)
    if deadline is not None:
        timer = ids.command_id(d.uid, deadline.isoformat(), TimerKind.DEADLINE)
        d.order(SetTimer(id=timer, at=deadline, kind=TimerKind.DEADLINE))


def assess_workflow(d: Draft) -> None:
    """Start the entry node; when it is fulfilled, the exit handler; then end."""
    if d.status.phase is not WorkflowPhase.RUNNING:
        return
    root = d.node(d.name)
    if root is None or not (root.fulfilled or d.entered(root.id)):
        _start_entry(d)
        if d.node(d.name) is not None:
            d.touch(WORKFLOW)  # once what is below has settled
        return
    if not _hooks_settled(d, root):
        return
    root = d.need(root.id)
    if not root.fulfilled:
        return
    if root.id in d.daemons:
        end_daemons(d, all_of_them=True)
        root = d.need(root.id)
    running = d.node(d.id_of(f"{d.name}.onExit"))
    if d.suspended and (running is None or running.fulfilled):
        return
    exit_node = _exit_handler(d, root)
    if exit_node is None or exit_node.fulfilled:
        _complete(d, root, exit_node)


def _start_entry(d: Draft) -> None:
    try:
        if not d.suspended and not claims_ready(d):
            return
    except BuildError as error:
        _fail_claims(d, error.message)
        return
    call = TemplateCall(
        name=d.name, template=d.spec.entrypoint, arguments=d.spec.arguments, scope=local_scope(d), depth=1
    )
    try:
        if not execute(d, call):
            d.block(WORKFLOW)
    except BuildError as error:
        fail_entry(d, error.message)


def claims_made(d: Draft, event: ClaimsMade) -> None:
    """The workflow's own volume claims are there, or cannot be made."""
    if event.error:
        _fail_claims(d, event.error)
    else:
        note_claims(d)


def _fail_claims(d: Draft, reason: str) -> None:
    d.mark_workflow(WorkflowPhase.ERROR, f"pvc create error: {reason}")
    end_open_nodes(d)


def _hooks_settled(d: Draft, root: NodeStatus) -> bool:
    """Start the workflow's hooks that fire; whether all that have fired have ended."""
    settled = True
    try:
        for name, hook in d.spec.lifecycle_hooks.items():
            node_id = d.id_of(f"{d.name}.hooks.{name}")
            if _fires(d, f"{d.name}.hooks.{name}", hook) or d.node(node_id) is not None:
                settled &= _start_hook(d, root, f"{d.name}.hooks.{name}", hook)
    except (BuildError, ExpressionError) as error:
        fail_hooks(d, error.message if isinstance(error, BuildError) else str(error))
    return settled


def _fires(d: Draft, node_name: str, hook: LifecycleHook) -> bool:
    if not hook.expression:
        raise BuildError(f"Expression required for hook {node_name}")
    if "failures" in hook.expression:
        d.variables = d.variables.set("workflow.failures", failures(d))
    return evaluate_condition(hook.expression, global_scope(d).environment, ambient=d.ambient)


def _start_hook(d: Draft, root: NodeStatus, name: str, hook: LifecycleHook) -> bool:
    """Start the node of a hook, or take it up again; whether it has ended. Raises: BuildError."""
    call = TemplateCall(
        name=name,
        template=hook.template,
        template_ref=hook.template_ref,
        arguments=hook.arguments,
        scope=local_scope(d),
        hooked=True,
        depth=1,
    )
    node_id = d.id_of(name)
    if d.node(node_id) is None:
        d.variables = d.variables.set("workflow.failures", failures(d))
    if not execute(d, call):
        d.block(WORKFLOW)
        return False
    d.add_child(root.id, node_id)
    return d.need(node_id).fulfilled


def fail_hooks(d: Draft, message: str) -> None:
    """A hook of the workflow could not be judged or built: the entry node is Error, and its exit handler runs."""
    root = d.need(d.name)
    if root.fulfilled:
        d.mark(root.id, NodePhase.ERROR, message, cause=Cause.HOOK)
        return
    end_leaf(d, root.id, NodePhase.ERROR, message)


def fail_entry(d: Draft, message: str) -> None:
    """The entry template could not be built or finished: the workflow is Error, and no exit handler runs."""
    root = d.node(d.name)
    if root is not None and not root.fulfilled:
        d.forget(root.id)
        d.mark(root.id, NodePhase.ERROR, "Workflow operation error")
    d.mark_workflow(WorkflowPhase.ERROR, f"error in entry template execution: {message}")
    end_open_nodes(d)


def fail_exit(d: Draft, message: str) -> None:
    """The exit template could not be built or finished."""
    d.mark_workflow(WorkflowPhase.ERROR, f"error in exit template execution : {message}")
    end_open_nodes(d)


def _exit_handler(d: Draft, root: NodeStatus) -> NodeStatus | None:
    """The exit node, started if it is due; None if there is no exit handler or it may not run."""
    hook = d.spec.exit_hook
    if hook is None:
        return None
    exit_id = d.id_of(f"{d.name}.onExit")
    found = d.node(exit_id)
    if found is None and d.engine.shutdown == "Terminate":
        return None  # one that has begun is waited for: what runs of it is being ended
    if found is not None and (found.fulfilled or d.entered(exit_id)):
        return found
    d.variables = d.variables.set("workflow.failures", failures(d))
    try:
        call = TemplateCall(
            name=f"{d.name}.onExit",
            template=hook.template,
            template_ref=hook.template_ref,
            arguments=_exit_arguments(d, hook),
            scope=local_scope(d),
            on_exit=True,
            hooked=True,
            depth=1,
        )
        started = execute(d, call)
    except (BuildError, ExpressionError) as error:
        fail_exit(d, error.message if isinstance(error, BuildError) else str(error))
        return d.node(exit_id)
    if not started:
        d.block(WORKFLOW)
        return NodeStatus(id=exit_id, name=call.name, type=NodeType.POD, phase=NodePhase.PENDING)
    return d.need(exit_id)


def _exit_arguments(d: Draft, hook: LifecycleHook) -> Arguments:
    """The hook's own arguments, the workflow's if it gives none."""
    own = hook.arguments
    if not own.parameters and not own.artifacts:
        return d.spec.arguments
    return msgspec.convert(substitute(msgspec.to_builtins(own), global_scope(d)), Arguments)


def _complete(d: Draft, root: NodeStatus, exit_node: NodeStatus | None) -> None:
    if d.status.phase.completed:
        return
    phase, message = workflow_phase(root.phase), root.message
    if d.engine.shutdown:
        message = f"Stopped with strategy '{d.engine.shutdown}'"
    if exit_node is not None and exit_node.failed_or_error and phase is WorkflowPhase.SUCCEEDED:
        phase, message = workflow_phase(exit_node.phase), exit_node.message
    d.mark_workflow(phase, "" if phase is WorkflowPhase.SUCCEEDED else message)
    end_open_nodes(d)
    drop_claims(d)


def end_open_nodes(d: Draft, message: str = _COMPLETED) -> None:
    """End what still runs below a group that failed at once: nothing outlives its workflow."""
    end_daemons(d, all_of_them=True)
    for node_id, _ in d.leaves():
        end_leaf(d, node_id, NodePhase.FAILED, message)
    for node_id in d.running_groups():
        d.mark(node_id, NodePhase.FAILED, message)
    d.ended.clear()


def end_left_open(d: Draft) -> None:
    """End what runs below a group that ended before it, so that a restart, which enters no ended group, is the same.

    A cluster lets such pods go on unseen until they end by themselves.
    """
    while d.left_open:
        d.left_open = False
        for node_id in d.open_below_ended():
            if d.leaf(node_id) is not None:
                end_leaf(d, node_id, NodePhase.FAILED, ENDED_ABOVE)
            else:
                d.mark(node_id, NodePhase.FAILED, ENDED_ABOVE)
            d.left_open = True


def end_unentered(d: Draft, message: str = ENDED_ABOVE) -> None:
    """After a load: end what is open in the rows below a group that ended while it was taken up again."""
    for node in d.all_nodes():
        leaf = node.boundary_id if node.type is NodeType.CONTAINER else node.id
        if not node.fulfilled and not d.entered(leaf):
            if node.type is NodeType.POD:
                d.kill(node.id, message)
            d.mark(node.id, NodePhase.FAILED, message)


def pass_deadline(d: Draft) -> None:
    """`spec.activeDeadlineSeconds` is over: what runs outside exit handlers ends; groups notice by themselves."""
    deadline = workflow_deadline(d)
    if deadline is None or d.now < deadline:
        return
    for node_id, leaf in d.leaves():
        if not leaf.on_exit:
            end_leaf(d, node_id, NodePhase.FAILED, "Step exceeded its deadline")
    d.touch_all()
