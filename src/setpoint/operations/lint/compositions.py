"""Rules for steps and dag templates: names, dependencies, cycles, and which tags each step or task may use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from setpoint.apis.argo import Call, DAGTask, DAGTemplate, Template
from setpoint.apis.manifest import FieldPath
from setpoint.apis.meta import to_wire
from setpoint.core.expr import ExpressionError, Operand, evaluate_when, operands_of, parse_depends, unresolved_names
from setpoint.operations.lint.calls import Resolver, Target, check_call, check_supplied
from setpoint.operations.lint.graph import ancestors, find_cycle
from setpoint.operations.lint.names import check_names, field_name_problem
from setpoint.operations.lint.report import Findings, did_you_mean
from setpoint.operations.lint.scope import TagScope, check_tags, item_scope, template_scope

_ITEM_RESULTS = ("AnySucceeded", "AllFailed")
_JUDGED_APART = frozenset({"hooks", "inline"})


@dataclass(frozen=True, slots=True)
class Inline:
    """An inline template found on the way, to be checked like any other."""

    template: Template
    path: FieldPath
    scope: TagScope


@dataclass
class Composition:
    """One steps or dag template under check."""

    findings: Findings
    resolver: Resolver
    template: Template
    path: FieldPath
    scope: TagScope

    @property
    def said(self) -> str:
        """How Argo's messages name the template."""
        return f"templates.{self.template.name}"

    def check(self) -> list[Inline]:
        """Reports what is wrong; returns the inline templates found."""
        scope = self.scope.plus(template_scope(self.template))
        if self.template.steps is not None:
            return self._check_steps(scope)
        if self.template.dag is not None:
            return self._check_dag(self.template.dag, scope)
        return []

    # steps

    def _check_steps(self, scope: TagScope) -> list[Inline]:
        groups = self.template.steps or ()
        inlines: list[Inline] = []
        seen: set[str] = set()
        for index, group in enumerate(groups):
            said = f"{self.said}.steps[{index}]"
            found: list[tuple[Call, Target]] = []
            for place, step in enumerate(group):
                path = (*self.path, "steps", index, place)
                self._check_step_name(step.name, seen, (*path, "name"), said)
                seen.add(step.name)
                target = self._check_call(step, path, f"{said}.{step.name}")
                found.append((step, target))
                own = scope.with_nodes("steps", [(step, target.template)]) if step.hooks else scope
                inlines += self._check_call_tags(step, path, f"{self.said}.steps", scope, own)
            scope = scope.with_nodes("steps", [(call, target.template) for call, target in found])
        self._check_output_tags(scope)
        return inlines

    def _check_step_name(self, name: str, seen: set[str], path: FieldPath, said: str) -> None:
        if not name:
            self.findings.error(path, f"{said}.name is required")
        elif problem := field_name_problem(name):
            self.findings.error(path, f"{said}.name '{name}' is invalid: {problem}")
        elif name in seen:
            self.findings.error(path, f"{said}.name '{name}' is not unique")

    # dag

    def _check_dag(self, dag: DAGTemplate, scope: TagScope) -> list[Inline]:
        base = (*self.path, "dag", "tasks")
        if not dag.tasks:
            self.findings.error(base, f"{self.said} must have at least one task")
        check_names(self.findings, base, f"{self.said}.tasks", [t.name for t in dag.tasks], field_name_problem)
        tasks = {task.name: task for task in dag.tasks}
        graph = self._dependencies(dag, tasks)
        cycle = find_cycle(graph)
        if cycle:
            at = next((index for index, task in enumerate(dag.tasks) if task.name == cycle[0]), 0)
            reason = f"{self.said} sorting failed: dependency cycle detected: {'->'.join(cycle)}"
            self.findings.error((*base, at), reason)

        targets: dict[str, Target] = {}
        for index, task in enumerate(dag.tasks):
            targets[task.name] = self._check_call(task, (*base, index), f"{self.said}.tasks.{task.name}")
        whole = scope.with_nodes("tasks", [(task, targets[task.name].template) for task in dag.tasks])
        self._check_targets(dag, tasks, whole)
        inlines: list[Inline] = []
        for index, task in enumerate(dag.tasks):
            said = f"{self.said}.tasks.{task.name}"
            if not cycle:
                self._check_ancestry(task, graph, (*base, index), said)
            mine = whole.plus(f"tasks.{name}.status" for name in _status_ancestors(task, graph))
            own = mine.plus((f"tasks.{task.name}.status",)) if task.hooks else mine
            inlines += self._check_call_tags(task, (*base, index), said, mine, own)
        self._check_output_tags(whole.plus(f"tasks.{task.name}.status" for task in dag.tasks if task.hooks))
        return inlines

    def _dependencies(self, dag: DAGTemplate, tasks: dict[str, DAGTask]) -> dict[str, tuple[str, ...]]:
        """Task to the tasks it names, the unknown ones reported and left out."""
        uses_depends = any(task.depends for task in dag.tasks)
        graph: dict[str, tuple[str, ...]] = {}
        for index, task in enumerate(dag.tasks):
            path = (*self.path, "dag", "tasks", index)
            said = f"{self.said}.tasks.{task.name}"
            if task.name[:1].isdigit() and (uses_depends or task.dependencies):
                reason = "name cannot begin with a digit when using either 'depends' or 'dependencies'"
                self.findings.error((*path, "name"), f"{said} {reason}")
            if uses_depends and task.dependencies:
                reason = "cannot use both 'depends' and 'dependencies' in the same DAG template"
                self.findings.error((*path, "dependencies"), f"{self.said} {reason}")
            if uses_depends and task.continue_on is not None:
                reason = (
                    "cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'"
                )
                self.findings.error((*path, "continueOn"), f"{self.said} {reason}")
            field = "depends" if task.depends else "dependencies"
            named: list[str] = []
            for operand in self._operands(task, (*path, "depends"), said):
                other = tasks.get(operand.task)
                if other is None:
                    hint = did_you_mean(operand.task, tuple(tasks))
                    self.findings.error((*path, field), f"{said} dependency '{operand.task}' not defined{hint}")
                    continue
                if operand.result in _ITEM_RESULTS and not other.loops:
                    reason = "uses an items-based condition such as .AnySucceeded or .AllFailed"
                    reason = f"{said} dependency '{operand.task}' {reason} but does not contain any items"
                    self.findings.error((*path, field), reason)
                named.append(operand.task)
            graph[task.name] = tuple(dict.fromkeys(named))
        return graph

    def _operands(self, task: DAGTask, path: FieldPath, said: str) -> Iterable[Operand]:
        if not task.depends:
            return [Operand(name) for name in task.dependencies]
        try:
            return tuple(operands_of(parse_depends(task.depends)))
        except ExpressionError as error:
            self.findings.error(path, f"{said} {error}")
            return ()

    def _check_targets(self, dag: DAGTemplate, tasks: dict[str, DAGTask], scope: TagScope) -> None:
        path = (*self.path, "dag", "target")
        check_tags(self.findings, dag.target, path, f"{self.said}.targets", scope)
        for name in dag.target.split():
            if "{{" not in dag.target and name not in tasks:
                hint = did_you_mean(name, tuple(tasks))
                self.findings.error(path, f"{self.said}.targets: target '{name}' is not defined{hint}")

    def _check_ancestry(self, task: DAGTask, graph: dict[str, tuple[str, ...]], path: FieldPath, said: str) -> None:
        """Names of tasks that this one does not wait for: an error in front of an argument, else a warning.

        A cluster accepts the latter and then waits for ever.
        """
        wire = {key: value for key, value in to_wire(task).items() if key not in _JUDGED_APART}
        used = {name for name in map(_task_of, unresolved_names(wire)) if name in graph and name != task.name}
        if not used:
            return
        missing = used - set(graph[task.name])
        missing -= set(ancestors(graph, task.name)) if missing else missing
        arguments = task.arguments
        values = [("parameters", i, item.name, item.value or "") for i, item in enumerate(arguments.parameters)]
        values += [("artifacts", i, item.name, item.from_) for i, item in enumerate(arguments.artifacts)]
        for kind, index, name, value in values:
            other = _task_of(value.removeprefix("{{").partition("}}")[0]) if value.startswith("{{tasks.") else ""
            if other in missing:
                reason = f"{said} missing dependency '{other}' for {kind.removesuffix('s')} '{name}'"
                self.findings.error((*path, "arguments", kind, index), reason)
                used.discard(other)
        for other in sorted(missing & used):
            reason = f"{said} uses {{{{tasks.{other}...}}}} but does not wait for it: add '{other}' to its dependencies"
            self.findings.warn(path, reason)

    # both

    def _check_call(self, call: Call, path: FieldPath, said: str) -> Target:
        check_call(self.findings, call, path, said)
        _check_when(self.findings, call.when, (*path, "when"), said)
        target = self.resolver.resolve(call, path, said)
        check_supplied(self.findings, target, call.arguments, (*path, "arguments"), said, values=False)
        for name, hook in call.hooks.items():
            self.resolver.resolve(hook, (*path, "hooks", name), said)
            if name != "exit" and not hook.expression:
                self.findings.error((*path, "hooks", name), f"Expression required for hook {said}.hooks.{name}")
        if call.on_exit:
            self.resolver.by_name(call.on_exit, (*path, "onExit"), said)
        return target

    def _check_call_tags(self, call: Call, path: FieldPath, said: str, scope: TagScope, own: TagScope) -> list[Inline]:
        """Tags of a call in its scope; hooks also see the call's own node."""
        items = item_scope(call.with_items, loops=call.loops)
        scope, own = scope.plus(*items), own.plus(*items)
        wire = to_wire(call)
        check_tags(self.findings, wire, path, said, scope, skip=_JUDGED_APART)
        check_tags(self.findings, wire.get("hooks"), (*path, "hooks"), said, own)
        if call.inline is None:
            return []
        return [Inline(call.inline, (*path, "inline"), scope)]

    def _check_output_tags(self, scope: TagScope) -> None:
        wire = to_wire(self.template.outputs)
        check_tags(self.findings, wire, (*self.path, "outputs"), f"{self.said}.outputs", scope)


def _status_ancestors(task: DAGTask, graph: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The tasks whose status it may name: all that it waits for; nothing, and no search, if it names none."""
    names = unresolved_names(to_wire(task))
    return ancestors(graph, task.name) if any(_is_status(name) for name in names) else ()


def _is_status(name: str) -> bool:
    return name.startswith("tasks.") and name.endswith(".status")


def _check_when(findings: Findings, when: str, path: FieldPath, said: str) -> None:
    """A `when` without tags can be judged at once."""
    if not when or "{{" in when:
        return
    try:
        evaluate_when(when)
    except ExpressionError as error:
        findings.error(path, f"{said} {error}")


def _task_of(name: str) -> str:
    """The task that a name such as `tasks.a.outputs.result` speaks of, empty for other names."""
    return name.removeprefix("tasks.").partition(".")[0] if name.startswith("tasks.") else ""
