"""Lifecycle hooks of steps and tasks: templates run beside a node while its phase is what their expression says.

A frame watches the children that hooks follow and looks at one whenever its phase changes. What has fired is read from
the nodes (`<node>.hooks.<name>`, `<node>.onExit`), so nothing of it needs to be remembered over a restart.
Source: argo-workflows `hooks.go`, `exit_handler.go`; SEMANTICS section 15.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from setpoint.apis.argo import Arguments, Artifact, LifecycleHook, NodePhase, NodeStatus
from setpoint.core.expr import ExpressionError, Scope, evaluate_condition, substitute
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.execute import execute
from setpoint.core.workflow.references import Siblings, resolve_artifact, without_absent
from setpoint.core.workflow.state import Child, Frame, TemplateCall
from setpoint.core.workflow.variables import TagValues, last_attempt, node_artifacts

EXIT = "onExit"


def watch(d: Draft, frame: Frame, child: Child) -> None:
    """Have the frame look after the hooks of a child, now and whenever its phase changes."""
    if child.hooks or child.exit_hook is not None:
        frame.hooked = frame.hooked.set(child.id, child)
        frame.due.append(child.id)
        d.touch(frame.id)


def notice(d: Draft, frame: Frame, node_id: str) -> bool:
    """Whether the node has hooks or is one; the child it is about is looked at with the next assessment then."""
    followed = frame.attached.get(node_id, node_id)
    if followed not in frame.hooked:
        return False
    if followed != node_id:
        frame.attached = frame.attached.delete(node_id)
    frame.due.append(followed)
    d.touch(frame.id)
    return True


def failed_hook(d: Draft, frame: Frame, node_id: str) -> str:
    """The child whose hook this node is, if it may fail the child: an exit node may not. "" for any other node."""
    name = d.need(node_id).name
    return "" if name.endswith(f".{EXIT}") else frame.attached.get(node_id, "")


def exits_run(d: Draft, frame: Frame) -> bool:
    """Whether an exit node of a child has been started and not ended, or waits for room."""
    return bool(frame.due) or any(d.need(node).name.endswith(f".{EXIT}") for node in frame.attached)


def settle(d: Draft, frame: Frame, scope_of: Callable[[Child], Siblings]) -> list[tuple[str, str]]:
    """Look at the children that are due, and start what fires.

    Args:
        d: The draft.
        frame: An edited frame.
        scope_of: What the hooks of a child may refer to. Raises: ExpressionError.

    Returns:
        Children that are done with, each with what is wrong with its hooks ("" for nothing).
    """
    found: list[tuple[str, str]] = []
    waiting: list[str] = []
    for node_id in dict.fromkeys(frame.due):
        child = frame.hooked.get(node_id)
        if child is None:
            continue
        failure = ""
        try:
            done = _look(d, frame, child, scope_of(child))
        except ExpressionError as error:
            failure = str(error)
        except BuildError as error:
            failure = error.message
        if failure or done:
            frame.hooked = frame.hooked.delete(node_id)
            found.append((node_id, failure))
        elif done is None:
            waiting.append(node_id)
            d.block(frame.id)
    frame.due = waiting
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where hooks run: beside which node, on whose behalf, and what they may refer to."""

    d: Draft
    owner: str
    node: NodeStatus
    child: Child
    siblings: Siblings

    @property
    def prefix(self) -> str:
        """How the node is called there; a step of a loop goes by its name with the item."""
        name = next(iter(self.child.call.variables.values()), "")
        return self.siblings.prefix + (name if self.siblings.prefix == "steps." else name.partition("(")[0])

    def scope(self, outputs: Mapping[str, str] | None = None) -> Scope:
        """The siblings' names, and of the own node its phase and these outputs."""
        own = {f"{self.prefix}.status": self.node.phase.value, **(outputs or {})}
        return Scope(TagValues(own, self.siblings.scope.values), self.siblings.scope.absent, self.d.ambient)


def _look(d: Draft, frame: Frame, child: Child, siblings: Siblings) -> bool | None:
    """Whether the child and its hooks have ended; None if one of them found no room."""
    node = d.need(child.id)
    place = _Place(d=d, owner=frame.id, node=node, child=child, siblings=siblings)
    started = [_start(place, hook, name) for name, hook in child.hooks.items() if _fires(place, hook, name)]
    if all(each is not None and each.fulfilled for each in started):
        if not node.fulfilled:
            return False
        ends = node.completed and not _was_daemon(node) and d.engine.shutdown != "Terminate"
        hook = child.exit_hook if ends else None
        if hook is not None and (not hook.expression or _holds(place, hook)):
            started.append(_start_exit(place, hook))
    for each in started:
        if each is not None and not each.fulfilled:
            frame.attached = frame.attached.set(each.id, child.id)
    if None in started:
        return None
    return node.fulfilled and all(each is not None and each.fulfilled for each in started)


def _fires(place: _Place, hook: LifecycleHook, name: str) -> bool:
    """Whether a hook fires or has fired; even then its expression is asked, for it may fail by now."""
    if place.node.phase is NodePhase.SKIPPED and place.siblings.prefix == "steps.":
        return False
    node_name = f"{place.node.name}.hooks.{name}"
    if not hook.expression:
        raise BuildError(f"Expression required for hook {node_name}")
    begun = place.d.node(place.d.id_of(node_name)) is not None
    return begun if _was_daemon(place.node) else _holds(place, hook) or begun


def _was_daemon(node: NodeStatus) -> bool:
    """A daemon that has ended: what follows it did not wait, so nothing is to be run after it."""
    return bool(node.pod_ip) and node.phase.fulfilled


def _holds(place: _Place, hook: LifecycleHook) -> bool:
    return evaluate_condition(hook.expression, place.scope().environment, ambient=place.d.ambient)


def _start(place: _Place, hook: LifecycleHook, name: str) -> NodeStatus | None:
    """The node of a hook; None if there is no room. Raises: BuildError, ExpressionError."""
    call = _call(place, hook, f"{place.node.name}.hooks.{name}", hook.arguments)
    try:
        if not execute(place.d, call):
            return None
    finally:
        _link(place, call)
    return place.d.need(place.d.id_of(call.name))


def _start_exit(place: _Place, hook: LifecycleHook) -> NodeStatus | None:
    """The exit node; None if there is no room. One that cannot be built is there in phase Error: it changes nothing."""
    arguments = hook.arguments if hook.arguments.parameters or hook.arguments.artifacts else place.d.spec.arguments
    call = replace(_call(place, hook, f"{place.node.name}.{EXIT}", arguments), on_exit=True)
    with suppress(BuildError):
        if not execute(place.d, call):
            return None
    _link(place, call)
    return place.d.need(place.d.id_of(call.name))


def _link(place: _Place, call: TemplateCall) -> None:
    found = place.d.id_of(call.name)
    if place.d.node(found) is not None:
        place.d.add_child(place.node.id, found)


def _call(place: _Place, hook: LifecycleHook, name: str, arguments: Arguments) -> TemplateCall:
    own = place.child.call
    resolved, absent = _arguments(place, arguments)
    return TemplateCall(
        name=name,
        template=hook.template,
        template_ref=hook.template_ref,
        arguments=resolved,
        absent=absent,
        scope=own.scope,
        owner=place.owner,
        boundary=own.boundary,
        hooked=True,
        depth=own.depth,
    )


def _arguments(place: _Place, arguments: Arguments) -> tuple[Arguments, frozenset[str]]:
    """The arguments with siblings' and own outputs filled in, once the node has any; and those that nobody made."""
    shown = last_attempt(place.d, place.node)
    if shown.outputs is None or not (arguments.parameters or arguments.artifacts):
        return arguments, frozenset()
    parameters = {item.name: item.value or "" for item in shown.outputs.parameters}
    scope = place.scope({f"{place.prefix}.outputs.parameters.{name}": value for name, value in parameters.items()})
    tree, absent = without_absent({"arguments": msgspec.to_builtins(arguments)}, scope)
    filled: Arguments = msgspec.convert(substitute(tree["arguments"], scope), Arguments)
    artifacts = {**place.siblings.artifacts, **node_artifacts(place.prefix, shown)}
    located = tuple(_artifact(item, scope, artifacts) for item in filled.artifacts)
    return filled.replace(artifacts=located), absent


def _artifact(item: Artifact, scope: Scope, artifacts: Mapping[str, Artifact]) -> Artifact:
    if not item.from_ and not item.from_expression:
        return item
    found = resolve_artifact(item, scope, artifacts)
    if found is None:
        if item.optional:
            return item
        raise BuildError(f"unable to resolve references: Unable to resolve: {item.from_ or item.from_expression}")
    return found.replace(name=item.name, optional=item.optional)
