"""DAGs: a task starts when all it depends on has settled and its condition holds; the verdict is its targets'.

Per event only the dependants of the task that settled are looked at. Source: argo-workflows `executeDAG`,
`executeDAGTask`, `assessDAGPhase`; SEMANTICS sections 4, 6.
"""

from __future__ import annotations

import bisect
from collections import deque
from typing import Any

import msgspec

from setpoint.apis.argo import DAGTask, NodePhase, NodeStatus, NodeType
from setpoint.core.expr import ExpressionError, Scope, evaluate_depends
from setpoint.core.workflow.dag_scope import siblings_of, task_siblings
from setpoint.core.workflow.draft import BuildError, Draft, say_errored
from setpoint.core.workflow.edges import outbound
from setpoint.core.workflow.ending import end_groups_below, end_leaf
from setpoint.core.workflow.execute import execute
from setpoint.core.workflow.expansion import called, is_loop
from setpoint.core.workflow.groups import EMPTY_LOOP, FAIL_FAST, plan_children
from setpoint.core.workflow.hooks import exits_run, failed_hook, notice, settle, watch
from setpoint.core.workflow.inputs import input_variables
from setpoint.core.workflow.outputs import publish_outputs, template_outputs
from setpoint.core.workflow.phases import Cause
from setpoint.core.workflow.state import Child, DagFrame, GroupFrame, TemplateCall
from setpoint.core.workflow.variables import TagValues, is_attempt, last_attempt


def assess_dag(d: Draft, dag: DagFrame) -> None:
    """Start the tasks that are ready, and end the DAG when nothing is open."""
    frame = d.edit(dag)
    if frame.template.fail_fast and frame.unsuccessful and frame.pods == 0:
        end_groups_below(d, frame.id, FAIL_FAST)
        _finish(d, frame, NodePhase.FAILED, FAIL_FAST)
        return
    if not frame.waiting:
        _count_dependencies(frame)
    if not _settle_hooked(d, frame):
        return
    _start_ready(d, frame)
    if d.shut_down(on_exit=frame.call.on_exit):
        coming = d.loading and any(owner == frame.id for owner, _, _ in d.ended)  # tasks to be taken up again
        if not coming and not exits_run(d, frame):
            _finish(d, frame, NodePhase.FAILED)
        return
    if frame.open == 0 and not frame.ready:
        _judge(d, frame)


def _count_dependencies(frame: DagFrame) -> None:
    plan = frame.plan
    frame.waiting = frame.waiting.update({task: len(plan.dependencies[task]) for task in plan.order})
    frame.ready = tuple(task for task in plan.order if not plan.dependencies[task])


def _start_ready(d: Draft, frame: DagFrame) -> None:
    """Start what is ready, in order, until there is no room; on load what runs is taken up again all the same."""
    queue = frame.ready
    waiting: list[str] = []
    for at, task in enumerate(queue):
        if waiting and not d.loading:
            waiting += queue[at:]
            break
        if (waiting and d.node(frame.plan.ids[task]) is None) or not _start_task(d, frame, task):
            waiting.append(task)
            d.block(frame.id)
    frame.ready = tuple(waiting)


def _start_task(d: Draft, frame: DagFrame, task: str) -> bool:
    """Start a task whose dependencies have settled, or take it up again. False: no room."""
    node_id = frame.plan.ids[task]
    node = d.node(node_id)
    if node is not None and node.fulfilled and not (node.daemoned and node.type is NodeType.RETRY):
        _connect(d, frame, task)  # one that was taken over has no link yet
        watch(d, frame, _as_written(frame, task))
        frame.open += 1
        d.ended.append((frame.id, node_id, ""))
        return True
    if node is None:
        if d.suspended or d.shut_down(on_exit=frame.call.on_exit):
            return False
        try:
            if not _condition_holds(d, frame, task):
                _born(d, frame, task, NodePhase.OMITTED, "omitted: depends condition not met")
                return True
        except ExpressionError as error:
            _born(d, frame, task, NodePhase.ERROR, str(error))
            return True
    return _call_task(d, frame, task, existed=node is not None)


def _call_task(d: Draft, frame: DagFrame, task: str, *, existed: bool) -> bool:
    tree = frame.plan.trees[task]
    node_id = frame.plan.ids[task]
    loop = is_loop(tree)
    try:
        siblings = task_siblings(d, frame, task)
        owner = node_id if loop else frame.id
        base = f"{frame.call.name}."
        children = plan_children(d, frame, tree, siblings, base=base, owner=owner, captured=frame.captured)
    except (BuildError, ExpressionError) as error:
        message = error.message if isinstance(error, BuildError) else str(error)
        if existed:
            d.mark(node_id, NodePhase.ERROR, message)
            frame.open += 1
            d.ended.append((frame.id, node_id, ""))
        else:
            _born(d, frame, task, NodePhase.ERROR, message)
        return True
    if loop:
        _enter_loop(d, frame, task, children)
        return True
    return _start_child(d, frame, task, children[0])


def _enter_loop(d: Draft, frame: DagFrame, task: str, children: list[Child]) -> None:
    if not children:
        _born(d, frame, task, NodePhase.SKIPPED, EMPTY_LOOP)
        return
    node_id = frame.plan.ids[task]
    call = _bare_call(frame, task)
    if d.node(node_id) is None:
        d.init_node(call, NodeType.TASK_GROUP, NodePhase.RUNNING)
        _connect(d, frame, task)
    frame.open += 1
    watch(d, frame, _as_written(frame, task))
    d.enter_frame(GroupFrame(node_id, call, seq=d.next_seq(), parent=frame.id, children=tuple(children)))


def _start_child(d: Draft, frame: DagFrame, task: str, child: Child) -> bool:
    if child.skipped is not None and d.node(child.id) is None:
        _born(d, frame, task, NodePhase.SKIPPED, child.skipped)
        return True
    if child.error is not None and d.node(child.id) is None:
        _born(d, frame, task, NodePhase.ERROR, child.error)
        return True
    try:
        if not execute(d, child.call):
            return False
        frame.open += 1
        if d.need(child.id).daemoned:  # on load: what follows goes on, and its attempts are looked after
            d.ended.append((frame.id, child.id, ""))
    except BuildError as error:
        say_errored(d, child.id, error.message)
        frame.open += 1
        d.ended.append((frame.id, child.id, ""))
    watch(d, frame, child)
    _connect(d, frame, task)
    return True


def _bare_call(frame: DagFrame, task: str) -> TemplateCall:
    """The call of a task as its own node shows it: also of one that is skipped, omitted or a group."""
    tree = called(frame.plan.trees[task])
    definition = msgspec.convert(tree, DAGTask)
    return TemplateCall(
        name=frame.plan.names[task],
        template=definition.template,
        template_ref=definition.template_ref,
        scope=frame.resolved.scope,
        owner=frame.id,
        boundary=frame.id,
        variables={"tasks.name": task},
        on_exit=frame.call.on_exit,
        depth=frame.call.depth + 1,
    )


def _as_written(frame: DagFrame, task: str) -> Child:
    """A task's hooks are filled in when they run, so as written they do for its node, whatever it is."""
    definition = msgspec.convert(frame.plan.trees[task], DAGTask)
    return Child(
        id=frame.plan.ids[task],
        call=_bare_call(frame, task),
        label=task,
        exit_hook=definition.exit_hook,
        hooks=definition.lifecycle_hooks,
    )


def _born(d: Draft, frame: DagFrame, task: str, phase: NodePhase, message: str) -> None:
    """A task's node that is made ended."""
    d.init_node(_bare_call(frame, task), NodeType.SKIPPED, phase, message=message)
    _connect(d, frame, task)
    watch(d, frame, _as_written(frame, task))
    frame.open += 1
    d.ended.append((frame.id, frame.plan.ids[task], ""))


def _connect(d: Draft, frame: DagFrame, task: str) -> None:
    """Link a task's node under the DAG, or under every outbound node of what it depends on."""
    node_id = frame.plan.ids[task]
    dependencies = frame.plan.dependencies[task]
    if not dependencies:
        d.add_child(frame.id, node_id)
    for other in dependencies:
        for end in outbound(d, frame.plan.ids[other]):
            d.add_child(end, node_id)


def task_ended(d: Draft, dag: DagFrame, node_id: str, raised: str) -> None:
    """A task's node, or a hook beside one, has changed its phase."""
    frame = d.edit(dag)
    d.touch(frame.id)
    task = frame.plan.tasks.get(node_id, "")
    if raised and task:
        say_errored(d, node_id, raised)
    elif raised and (followed := failed_hook(d, frame, node_id)):
        frame.hooked = frame.hooked.delete(followed)
        _fail_hooked(d, frame, followed, raised)
        return
    if not notice(d, frame, node_id) and task:
        _settle(frame, task)


def _settle(frame: DagFrame, task: str) -> None:
    """A task has settled: those that waited for it alone become ready."""
    frame.open -= 1
    order = frame.plan.order
    ready = list(frame.ready)
    for other in frame.plan.dependants[task]:
        left = frame.waiting[other] - 1
        frame.waiting = frame.waiting.set(other, left)
        if left == 0:
            bisect.insort(ready, other, key=order.__getitem__)
    frame.ready = tuple(ready)


def _settle_hooked(d: Draft, frame: DagFrame) -> bool:
    """Look at the tasks that hooks follow. False if the DAG has ended by it."""
    for node_id, failure in settle(d, frame, lambda child: task_siblings(d, frame, child.label)):
        if failure:
            _fail_hooked(d, frame, node_id, failure)
        else:
            _settle(frame, frame.plan.tasks[node_id])
    return not d.need(frame.id).fulfilled


def _fail_hooked(d: Draft, frame: DagFrame, node_id: str, message: str) -> None:
    """A hook that cannot be judged or started turns the task to Error; a target's is passed up as well."""
    task = frame.plan.tasks[node_id]
    if d.need(node_id).fulfilled:
        d.mark(node_id, NodePhase.ERROR, message, cause=Cause.HOOK)
        _settle(frame, task)
    else:
        end_leaf(d, node_id, NodePhase.ERROR, message)
    if task in frame.plan.targets:
        d.mark(frame.id, NodePhase.ERROR, message, raised=message)


# --- conditions


def _condition_holds(d: Draft, frame: DagFrame, task: str) -> bool:
    condition = frame.plan.conditions.get(task)
    return condition is None or evaluate_depends(condition, lambda name, result: _result(d, frame, name, result))


_RESULTS = {
    "Succeeded": NodePhase.SUCCEEDED,
    "Failed": NodePhase.FAILED,
    "Errored": NodePhase.ERROR,
    "Skipped": NodePhase.SKIPPED,
    "Omitted": NodePhase.OMITTED,
}


def _result(d: Draft, frame: DagFrame, task: str, result: str | None) -> bool:
    node = d.need(frame.plan.ids[task])
    if result is None:
        if node.daemoned:
            return True
        fine = {NodePhase.SUCCEEDED, NodePhase.SKIPPED}
        widened = frame.plan.trees[task].get("continueOn") or {}
        fine |= {NodePhase.ERROR} if widened.get("error") else set()
        fine |= {NodePhase.FAILED} if widened.get("failed") else set()
        return node.phase in fine
    if result in _RESULTS:
        return node.phase is _RESULTS[result]
    if result == "Daemoned":
        return bool(node.daemoned)
    if node.type is not NodeType.TASK_GROUP:
        return False
    phases = [d.need(child).phase for child in d.children(node.id)]
    if result == "AnySucceeded":
        return NodePhase.SUCCEEDED in phases
    return bool(phases) and all(phase is NodePhase.FAILED for phase in phases)


# --- the verdict


def _judge(d: Draft, frame: DagFrame) -> None:
    phase = _verdict(d, frame)
    if phase is NodePhase.RUNNING:
        return
    if phase.failed_or_error:
        _finish(d, frame, phase)
        return
    try:
        outputs = _outputs(d, frame)
    except (BuildError, ExpressionError) as error:
        message = error.message if isinstance(error, BuildError) else str(error)
        d.change(frame.id, outbound_nodes=_outbound(d, frame))
        d.mark(frame.id, NodePhase.ERROR, message, raised=message)
        return
    _finish(d, frame, NodePhase.SUCCEEDED, "", outputs=outputs)


def _verdict(d: Draft, frame: DagFrame) -> NodePhase:
    """Breadth-first over the nodes inside, each branch carrying the phase of its last completed node.

    Edges also lead to hooks beside the DAG and, when it is retried, to what came after it.
    """
    around = _boundaries(d, frame)
    reached: dict[str, NodePhase | None] = {frame.plan.ids[task]: None for task in frame.plan.targets}
    inside = (child for child in d.children(frame.id) if d.need(child).boundary_id not in around)
    queue = deque((child, NodePhase.SUCCEEDED) for child in inside)
    seen = set(queue)
    while queue:
        node_id, branch = queue.popleft()
        node = d.need(node_id)
        if not node.fulfilled:
            return NodePhase.RUNNING
        if node.completed:
            branch = node.phase
        if node_id in reached:
            before = reached[node_id]
            if before is None or not before.failed_or_error:
                reached[node_id] = branch
        for child in _followed(d, node):
            if (child, branch) not in seen and d.need(child).boundary_id not in around:
                seen.add((child, branch))
                queue.append((child, branch))
    for node_id in reached:  # a target below a group without outbound nodes is linked to nothing
        if reached[node_id] is None:
            phase = d.need(node_id).phase
            reached[node_id] = phase if phase.completed else NodePhase.SUCCEEDED
    return _target_phase(frame, reached)


def _boundaries(d: Draft, frame: DagFrame) -> set[str]:
    """The steps and DAG nodes around a DAG."""
    found = {""}
    above = frame.call.boundary
    while above:
        found.add(above)
        above = d.need(above).boundary_id
    return found


def _followed(d: Draft, node: NodeStatus) -> tuple[str, ...]:
    """Below a Retry node its last attempt and its hooks count; earlier attempts are of no interest."""
    children = d.children(node.id)
    if node.type is not NodeType.RETRY:
        return children
    last = last_attempt(d, node).id
    return tuple(child for child in children if child == last or not is_attempt(d.need(child)))


def _target_phase(frame: DagFrame, reached: dict[str, NodePhase | None]) -> NodePhase:
    fail_fast = frame.template.dag is None or frame.template.dag.fail_fast is not False
    result = NodePhase.SUCCEEDED
    for task in frame.plan.targets:
        branch = reached[frame.plan.ids[task]]
        if branch is not None and branch.failed_or_error:
            widened = frame.plan.trees[task].get("continueOn") or {}
            if widened.get("failed" if branch is NodePhase.FAILED else "error"):
                continue
            result = branch
            if fail_fast:
                break
    return result


def _outputs(d: Draft, frame: DagFrame) -> Any:
    """The DAG's outputs; those of its tasks that have a globalName are published on the way."""
    made = [task for task in frame.plan.trees if d.node(frame.plan.ids[task]) is not None]
    for task in made:
        publish_outputs(d, d.need(frame.plan.ids[task]).outputs)
    declared = frame.template.outputs
    if not declared.parameters and not declared.artifacts:
        return None
    siblings = siblings_of(d, frame, made)
    seen = TagValues(
        {name: value for name, value in siblings.scope.values.items() if name.startswith("tasks.")},
        input_variables(frame.tree),
        {name: value for name, value in d.variables.items() if name.startswith("workflow.outputs.")},
    )
    return template_outputs(frame.template, Scope(seen, siblings.scope.absent, d.ambient), siblings.artifacts)


def _finish(d: Draft, frame: DagFrame, phase: NodePhase, message: str | None = None, **fields: Any) -> None:
    d.mark(frame.id, phase, message, outbound_nodes=_outbound(d, frame), **fields)


def _outbound(d: Draft, frame: DagFrame) -> tuple[str, ...]:
    targets = (frame.plan.ids[task] for task in frame.plan.targets)
    return tuple(dict.fromkeys(end for target in targets if d.node(target) is not None for end in outbound(d, target)))
