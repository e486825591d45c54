"""From a workflow and the templates it refers to, to the tree of what would run.

Templates are unfolded where they are called, with the inputs that the call gives as far as they are known; what an
earlier task gives is never known. Recursion ends where a template calls itself, wide trees at `MAX_TASKS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

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
from setpoint.core.explain.calls import decide, given_artifacts, given_parameters, items_of
from setpoint.core.explain.fill import fill, is_open
from setpoint.core.explain.model import Explanation, Task
from setpoint.core.explain.notes import call_notes, template_notes
from setpoint.core.expr import ExpressionError, Scope, operands_of, parse_depends
from setpoint.core.workflow.execute import MAX_DEPTH
from setpoint.core.workflow.expansion import is_loop
from setpoint.core.workflow.variables import argument_variables, workflow_variables

MAX_TASKS = 2000
"""Tasks that are unfolded; further ones are named without what is in them."""

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
        when, runs = decide(tree.get("when", ""))
        items = items_of(tree, known, runs=runs) if is_loop(tree) else None
        if items is not None and items.count is not None and items.count == len(items.cases):
            decided = {case.runs for case in items.cases}
            runs = decided.pop() if len(decided) == 1 else runs
        notes = list(call_notes(call))
        if not wanted:
            runs, notes = False, [*notes, "not needed for the target"]
        task = Task(
            name=call.name,
            after=after,
            depends=depends if _plain_names(depends) != set(after) else "",
            when=when,
            runs=runs,
            items=items,
            notes=tuple(notes),
            arguments=given_artifacts(tree),
        )
        given = given_parameters(tree)
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
            task = Task(name=name, when=when, runs=None if when else True, arguments=given_artifacts(tree))
            inputs = given_parameters(tree) or given or {}
            tasks.append(self._enter(task, tree.get("template", ""), hook.template_ref, None, inputs, home, known))
        return tuple(tasks)


def _waits_for(task: DAGTask) -> tuple[str, ...]:
    if not task.depends:
        return tuple(dict.fromkeys(task.dependencies))
    try:
        return tuple(dict.fromkeys(operand.task for operand in operands_of(parse_depends(task.depends))))
    except ExpressionError:  # of a template object that nobody has checked
        return ()


def _plain_names(depends: str) -> set[str]:
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
