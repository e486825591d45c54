"""From a workflow and the templates it refers to, to the tree of what would run.

Templates are unfolded where they are called, with the inputs that the call gives as far as they are known; what an
earlier task gives is never known. Recursion ends where a template calls itself, wide trees at `MAX_TASKS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from setpoint.apis.argo import (
    Call,
    DAGTask,
    DAGTemplate,
    LifecycleHook,
    Template,
    TemplateRef,
    TemplateSource,
    Workflow,
    WorkflowSpec,
    merge_specs,
    with_defaults,
)
from setpoint.apis.meta import to_wire
from setpoint.core.explain.fill import fill, is_open
from setpoint.core.explain.model import Case, Explanation, Items, Task
from setpoint.core.explain.notes import call_notes, template_notes
from setpoint.core.expr import ExpressionError, Scope, operands_of, parse_depends
from setpoint.core.workflow.draft import BuildError
from setpoint.core.workflow.execute import MAX_DEPTH
from setpoint.core.workflow.expansion import is_loop, item_label, item_variables, loop_items
from setpoint.core.workflow.references import should_execute
from setpoint.core.workflow.variables import argument_variables, workflow_variables

MAX_TASKS = 2000
"""Tasks that are unfolded; further ones are named without what is in them."""

MAX_CASES = 200
"""Items of a loop that are listed one by one."""

_NOT_YET = ("workflow.uid", "workflow.annotations", "workflow.labels")
"""Names that get their value when the object is created; the maps hold more then."""


def explain(workflow: Workflow, templates: TemplateSource, *, kind: str = "Workflow") -> Explanation:
    """What the workflow would do.

    Args:
        workflow: A workflow that lint finds nothing wrong with.
        templates: The templates it refers to.
        kind: What the reader gave, such as CronWorkflow.
    """
    spec = workflow.spec
    ref = spec.workflow_template_ref
    lower = templates.template_spec(ref.name, cluster=ref.cluster_scope) if ref is not None else None
    if lower is not None:
        spec = merge_specs(spec, lower)
    arguments = {
        item.name: item.value if item.value is not None else item.default for item in spec.arguments.parameters
    }
    known = {key: value for key, value in workflow_variables(workflow, spec).items() if value}
    known = {key: value for key, value in known.items() if not key.startswith(_NOT_YET)}
    known |= {f"workflow.labels.{key}": value for key, value in workflow.metadata.labels.items()}
    known |= {f"workflow.annotations.{key}": value for key, value in workflow.metadata.annotations.items()}
    if all(value is not None for value in arguments.values()):
        known |= argument_variables(spec.arguments)
    known |= {f"workflow.parameters.{name}": value for name, value in arguments.items() if value is not None}
    given = {name: value for name, value in arguments.items() if value is not None}
    plan = _Plan(templates, spec, known)
    home = _Home(spec, "")
    entry = plan.unfold(Task(name=spec.entrypoint), spec.template(spec.entrypoint), given, home)
    return Explanation(
        name=workflow.metadata.name or workflow.metadata.generate_name,
        kind=kind,
        parameters=arguments,
        entry=entry,
        handlers=plan.handlers(spec.on_exit, spec.hooks, home, Scope(known), given),
    )


@dataclass(frozen=True, slots=True)
class _Home:
    """Where names of templates are looked up, and the templates that are being unfolded on the way here."""

    spec: WorkflowSpec
    owner: str
    trail: tuple[tuple[str, str], ...] = ()


@dataclass
class _Plan:
    """One workflow under explanation."""

    templates: TemplateSource
    spec: WorkflowSpec
    known: Mapping[str, str]
    count: int = field(default=0, init=False)
    merged: dict[int, tuple[Template, Template]] = field(default_factory=dict, init=False)

    def _effective(self, template: Template) -> Template:
        """The template over the defaults; merged once, however often it is called."""
        found = self.merged.get(id(template))
        if found is None:
            found = self.merged[id(template)] = (template, with_defaults(template, self.spec))
        return found[1]

    def unfold(self, task: Task, template: Template | None, given: Mapping[str, str], home: _Home) -> Task:
        """The task with what its template says, and with the tasks in it."""
        self.count += 1
        if template is None:
            return task
        template = self._effective(template)
        named = f"{home.owner}/{template.name}" if home.owner else template.name
        inputs = _inputs(template, given)
        values = {f"inputs.parameters.{name}": value for name, value in inputs.items() if not is_open(value)}
        known = Scope({**self.known, **values})
        kind = template.type.value if template.type else ""
        task = task.replace(
            type=kind,
            template=named,
            arguments={**inputs, **{name: text for name, text in task.arguments.items() if name not in inputs}},
            notes=(*task.notes, *template_notes(fill(to_wire(template.replace(steps=None, dag=None)), known))),
        )
        key = (home.owner, template.name)
        if template.is_leaf or task.runs is False:
            return task
        called_again = bool(template.name) and key in home.trail
        if called_again or len(home.trail) >= MAX_DEPTH or self.count > MAX_TASKS:
            return task.replace(again=True)
        inside = replace(home, trail=(*home.trail, key))
        if template.dag is not None:
            return task.replace(tasks=self._dag(template.dag, inside, known))
        return task.replace(tasks=self._steps(template, inside, known))

    def _steps(self, template: Template, home: _Home, known: Scope) -> tuple[Task, ...]:
        tasks: list[Task] = []
        before: tuple[str, ...] = ()
        for group in template.steps or ():
            tasks += [self._call(step, home, known, after=before) for step in group]
            before = tuple(step.name for step in group) or before
        return tuple(tasks)

    def _dag(self, dag: DAGTemplate, home: _Home, known: Scope) -> tuple[Task, ...]:
        after = {task.name: _waits_for(task) for task in dag.tasks}
        target = str(fill(dag.target, known))
        wanted = _ancestors(after, target.split()) if target and not is_open(target) else set(after)
        return tuple(
            self._call(task, home, known, after=after[task.name], depends=task.depends, wanted=task.name in wanted)
            for task in dag.tasks
        )

    def _call(
        self,
        call: Call,
        home: _Home,
        known: Scope,
        *,
        after: tuple[str, ...],
        depends: str = "",
        wanted: bool = True,
    ) -> Task:
        tree = fill({key: value for key, value in to_wire(call).items() if key not in ("hooks", "inline")}, known)
        when, runs = _decide(tree.get("when", ""))
        items = _items(tree, known, runs=runs) if is_loop(tree) else None
        if items is not None and items.count is not None and items.count == len(items.cases):
            decided = {case.runs for case in items.cases}
            runs = decided.pop() if len(decided) == 1 else runs
        notes = list(call_notes(call))
        if not wanted:
            runs, notes = False, [*notes, "not needed for the target"]
        task = Task(
            name=call.name,
            after=after,
            depends=depends if parse_names(depends) != set(after) else "",
            when=when,
            runs=runs,
            items=items,
            notes=tuple(notes),
            arguments=_artifacts(tree),
        )
        given = _given(tree)
        task = self._enter(task, tree.get("template", ""), call.template_ref, call.inline, given, home, known)
        return task.replace(handlers=self.handlers(call.on_exit, call.hooks, home, known, None))

    def _enter(
        self,
        task: Task,
        name: str,
        ref: TemplateRef | None,
        inline: Template | None,
        given: Mapping[str, str],
        home: _Home,
        known: Scope,
    ) -> Task:
        """The task unfolded with the template that the call leads to."""
        if inline is not None:
            return self.unfold(task, inline, given, home)
        if ref is None:
            target = home.spec.template(name)
            return self.unfold(task if target else task.replace(template=name), target, given, home)
        ref = ref.replace(name=str(fill(ref.name, known)), template=str(fill(ref.template, known)))
        spec = self.templates.template_spec(ref.name, cluster=ref.cluster_scope)
        target = spec.template(ref.template) if spec is not None else None
        if spec is None or target is None:
            return self.unfold(task.replace(template=f"{ref.name}/{ref.template}"), None, given, home)
        return self.unfold(task, target, given, _Home(spec, ref.name, home.trail))

    def handlers(
        self,
        on_exit: str,
        hooks: Mapping[str, LifecycleHook],
        home: _Home,
        known: Scope,
        given: Mapping[str, str] | None,
    ) -> tuple[Task, ...]:
        """What runs at the end and on events; `given` is what an exit handler without arguments gets."""
        found = {"exit": LifecycleHook(template=on_exit)} if on_exit else {}
        found |= {name: hook for name, hook in hooks.items() if name not in found}
        tasks: list[Task] = []
        for name, hook in found.items():
            tree = fill(to_wire(hook), known)
            when = f"{hook.expression}" if name != "exit" or given is None else ""
            task = Task(name=name, when=when, runs=None if when else True, arguments=_artifacts(tree))
            inputs = _given(tree) or given or {}
            tasks.append(self._enter(task, tree.get("template", ""), hook.template_ref, None, inputs, home, known))
        return tuple(tasks)


def _waits_for(task: DAGTask) -> tuple[str, ...]:
    if not task.depends:
        return tuple(dict.fromkeys(task.dependencies))
    try:
        return tuple(dict.fromkeys(operand.task for operand in operands_of(parse_depends(task.depends))))
    except ExpressionError:  # of a template object that nobody has checked
        return ()


def parse_names(depends: str) -> set[str]:
    """The names of a condition that is no more than names joined by `&&`; empty for any other."""
    parts = [part.strip() for part in depends.split("&&")]
    return set(parts) if all(part.replace("-", "").replace("_", "").isalnum() for part in parts) else set()


def _ancestors(after: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack += after.get(name, ())
    return found


def _decide(when: str) -> tuple[str, bool | None]:
    """The condition and its truth, None where that is not known yet."""
    if not when or is_open(when):
        return when, None if when else True
    try:
        return when, should_execute(when)
    except BuildError:
        return when, None


def _items(tree: dict[str, Any], known: Scope, *, runs: bool | None) -> Items:
    """The items of a loop, filled in tree given."""
    source = next(tree[key] for key in ("withParam", "withItems", "withSequence") if tree.get(key) is not None)
    text = source if isinstance(source, str) else json.dumps(source, ensure_ascii=False)
    if "withItems" not in tree and is_open(source):
        return Items(source=text)
    try:
        tree, count = _shortened(tree)
        items = loop_items(tree)
    except (BuildError, ValueError):
        return Items(source=text)
    cases = tuple(_case(tree, index, item, known, runs) for index, item in enumerate(items[:MAX_CASES]))
    return Items(source=text, count=len(items) if count is None else count, cases=cases)


def _shortened(tree: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    """A loop over a long sequence cut to what is listed, with the number of its items; any other as it is, None."""
    sequence = tree.get("withSequence") or {}
    start = int(sequence.get("start") or 0)
    if "count" in sequence and "end" not in sequence:
        count = max(int(sequence["count"]), 0)
        return {**tree, "withSequence": {**sequence, "count": str(min(count, MAX_CASES))}}, count
    if "end" in sequence and "count" not in sequence:
        length = int(sequence["end"]) - start
        end = start + max(-MAX_CASES, min(length, MAX_CASES))
        return {**tree, "withSequence": {**sequence, "end": str(end)}}, abs(length) + 1
    return tree, None


def _case(tree: dict[str, Any], index: int, item: Any, known: Scope, runs: bool | None) -> Case:
    scope = Scope({**known.values, **item_variables(item)})
    body = fill({key: tree[key] for key in ("arguments", "when") if key in tree}, scope)
    if runs is None:
        _, runs = _decide(body.get("when", ""))
    return Case(name=f"{tree.get('name', '')}({index}:{item_label(item)})", arguments=_given(body), runs=runs)


def _given(tree: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a call by name, with where the value comes from where it is not written."""
    found: dict[str, str] = {}
    for item in (tree.get("arguments") or {}).get("parameters") or ():
        source = item.get("valueFrom") or {}
        ref = source.get("configMapKeyRef")
        value = item.get("value")
        if value is None and ref is not None:
            value = f"{{{{config map {ref.get('name', '')}, key {ref['key']}}}}}"
        found[item["name"]] = "" if value is None else str(value)
    return found


def _artifacts(tree: Mapping[str, Any]) -> dict[str, str]:
    """Artifacts of a call by name: what they are taken from, or the store that holds them."""
    found: dict[str, str] = {}
    for item in (tree.get("arguments") or {}).get("artifacts") or ():
        stores = [key for key in item if isinstance(item[key], dict) and key != "archive"]
        found[item["name"]] = item.get("from") or item.get("fromExpression") or f"({', '.join(stores)})"
    return found


def _inputs(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Values of a template's inputs as text: the argument's, else its own, else its default."""
    found: dict[str, str] = {}
    for item in template.inputs.parameters:
        value = given.get(item.name, item.value if item.value is not None else item.default)
        if value is None and item.value_from is not None:
            value = "{{from elsewhere}}"
        if value is not None:
            found[item.name] = value
    return found
