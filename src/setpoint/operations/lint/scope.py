"""Which names a simple tag `{{...}}` may use at which place. Source: Argo Workflows, "Workflow Variables".

Only tags that begin with one of Argo's roots are judged; anything else (`{{foo}}`) is the author's own text, and
expression tags `{{=...}}` are resolved when they run. Invariant: a name that can ever have a value at that place is
never refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from immutables import Map

from setpoint.apis.argo import Call, Template, TemplateType, Workflow, WorkflowSpec
from setpoint.apis.manifest import FieldPath, nearest
from setpoint.apis.meta import Resource
from setpoint.core.expr import ExpressionError, check_syntax, find_tags, referenced_names
from setpoint.operations.lint.report import Findings

ROOTS = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")

_NIL_ROOTS = ("inputs.parameters.", "inputs.artifacts.", "workflow.parameters.", "steps.", "tasks.")
"""Maps of an expression whose keys are all known when it is read."""

_ARTIFACT = re.compile(r"(?:^inputs|\.outputs)\.artifacts\.[^.]+$")
"""Names of artifacts themselves, not of their paths."""

_ALWAYS = (
    "workflow.name",
    "workflow.namespace",
    "workflow.uid",
    "workflow.serviceAccountName",
    "workflow.mainEntrypoint",
    "workflow.creationTimestamp",
    "workflow.duration",
    "workflow.status",
    "workflow.scheduledTime",
    "workflow.annotations.json",
    "workflow.labels.json",
    "workflow.annotations",
    "workflow.labels",
    "workflow.parameters",
    "workflow.parameters.json",
    "steps.name",
    "tasks.name",
)
_NODE_FIELDS = ("id", "startedAt", "finishedAt", "hostNodeName")
_WITH_RESULT = (
    TemplateType.CONTAINER,
    TemplateType.SCRIPT,
    TemplateType.CONTAINER_SET,
    TemplateType.HTTP,
    TemplateType.DATA,
    TemplateType.PLUGIN,
)


@dataclass(frozen=True, slots=True)
class TagScope:
    """Names that resolve, exactly or by a prefix. A wider scope shares the names of the narrower one."""

    names: Map[str, None]
    prefixes: tuple[str, ...] = ()

    def resolves(self, name: str) -> bool:
        """Whether the name has, or may have, a value."""
        return name in self.names or name.startswith(self.prefixes)

    def may_hold(self, name: str) -> bool:
        """Whether the name, a map it is in, or something in it has, or may have, a value."""
        if self.resolves(name) or any(prefix.startswith(f"{name}.") for prefix in self.prefixes):
            return True
        parts = name.split(".")
        within = any(".".join(parts[:count]) in self.names for count in range(3, len(parts)))
        return within or any(known.startswith(f"{name}.") for known in self.names)

    def plus(self, names: Iterable[str] = (), prefixes: Iterable[str] = ()) -> TagScope:
        """A wider scope."""
        added, more = dict.fromkeys(names), tuple(prefixes)
        if not added and not more:
            return self
        return TagScope(self.names.update(added), (*self.prefixes, *more) if more else self.prefixes)

    def with_nodes(self, kind: str, calls: Iterable[tuple[Call, Template | None]]) -> TagScope:
        """The scope with the nodes of some calls; `kind` is `steps` or `tasks`, a template None is not known."""
        names: list[str] = []
        prefixes: list[str] = []
        for call, target in calls:
            more, open_ends = _node_names(f"{kind}.{call.name}", target, loops=call.loops)
            names += more
            if kind == "steps":  # that of a task is there for its descendants only
                names.append(f"steps.{call.name}.status")
            prefixes += open_ends
        return self.plus(names, prefixes)


def workflow_scope(resource: Resource, spec: WorkflowSpec, templates: Iterable[Template]) -> TagScope:
    """Names of the whole workflow. Of a template object, parameters and labels come from who uses it."""
    names = {*_ALWAYS, *(f"workflow.parameters.{item.name}" for item in spec.arguments.parameters)}
    prefixes = ["workflow.creationTimestamp.", "outputs."]
    metadata = spec.workflow_metadata
    if isinstance(resource, Workflow):
        labels = {*resource.metadata.labels, *(metadata.labels if metadata else ())}
        labels |= set(metadata.labels_from) if metadata else set()
        annotations = {*resource.metadata.annotations, *(metadata.annotations if metadata else ())}
        names |= {f"workflow.labels.{key}" for key in labels} | {f"workflow.annotations.{key}" for key in annotations}
        prefixes += ["workflow.labels.workflows.argoproj.io/", "workflow.annotations.workflows.argoproj.io/"]
    else:
        prefixes += ["workflow.labels.", "workflow.annotations.", "workflow.parameters."]
    if spec.priority is not None or not isinstance(resource, Workflow):
        names.add("workflow.priority")
    if spec.on_exit or spec.hooks or not isinstance(resource, Workflow):
        names.add("workflow.failures")
    for template in _with_inlines(templates):
        for kind, items in (("parameters", template.outputs.parameters), ("artifacts", template.outputs.artifacts)):
            for item in items:
                if "{{" in item.global_name:
                    prefixes.append(f"workflow.outputs.{kind}.")
                elif item.global_name:
                    names.add(f"workflow.outputs.{kind}.{item.global_name}")
    return TagScope(Map(dict.fromkeys(names)), tuple(prefixes))


def _with_inlines(templates: Iterable[Template]) -> Iterator[Template]:
    for template in templates:
        yield template
        yield from _with_inlines(call.inline for call in template.calls if call.inline is not None)


def template_scope(template: Template) -> tuple[str, ...]:
    """Names that a template adds for its own fields: its inputs, and the pod's name."""
    names = [f"inputs.parameters.{item.name}" for item in template.inputs.parameters]
    names.append("inputs.parameters")
    for item in template.inputs.artifacts:
        names.append(f"inputs.artifacts.{item.name}")
        if template.is_leaf:
            names.append(f"inputs.artifacts.{item.name}.path")
    if template.is_pod:
        names.append("pod.name")
    return tuple(names)


def _node_names(prefix: str, target: Template | None, *, loops: bool) -> tuple[list[str], list[str]]:
    """(names, prefixes) of a step or task for those that come after it."""
    if target is None:
        return [], [f"{prefix}."]
    names = [f"{prefix}.{name}" for name in _NODE_FIELDS]
    names += [f"{prefix}.outputs.parameters.{item.name}" for item in target.outputs.parameters]
    names += [f"{prefix}.outputs.artifacts.{item.name}" for item in target.outputs.artifacts]
    if target.daemon:
        names.append(f"{prefix}.ip")
    if target.type in _WITH_RESULT:
        names += [f"{prefix}.outputs.result", f"{prefix}.exitCode"]
    if loops or target.outputs.parameters:
        names.append(f"{prefix}.outputs.parameters")
    return names, []


def item_scope(items: tuple[Any, ...] | None, *, loops: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names, prefixes) of `item` in a loop; of withParam nothing is known but that there are items."""
    if not loops:
        return (), ()
    if not items:
        return (), ("item.",)
    names: list[str] = []
    for item in items:
        if isinstance(item, dict):
            names += [f"item.{key}" for key in item]
        elif isinstance(item, list):
            names += [f"item.[{index}]" for index in range(len(item))]
    return tuple(names), ()


def check_tags(
    findings: Findings, value: Any, path: FieldPath, said: str, scope: TagScope, *, skip: frozenset[str] = frozenset()
) -> None:
    """Reports every simple tag of a tree of wire values that has no name in the scope.

    Args:
        findings: Where to report.
        value: Builtins as JSON has them.
        path: Path of the value.
        said: How Argo's message begins, such as `templates.main:`.
        scope: The names that resolve here.
        skip: Keys of the top level that are judged elsewhere.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in skip:
                check_tags(findings, item, (*path, key), said, scope)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_tags(findings, item, (*path, index), said, scope)
    elif isinstance(value, str) and "{{" in value:
        _check_text(findings, value, path, said, scope)


def _check_text(findings: Findings, text: str, path: FieldPath, said: str, scope: TagScope) -> None:
    try:
        tags = find_tags(text)
    except ExpressionError as error:
        findings.error(path, f"{said} {error}")
        return
    for tag in tags:
        name = tag.name
        if tag.expression:
            _check_expression_tag(findings, tag.body, path, f"{said} expression tag", scope)
        elif name.startswith(ROOTS) and not scope.resolves(name):
            findings.error(path, f"{said} failed to resolve {{{{{name}}}}}{_hint(name, scope)}")
        elif path[-1:] == ("from",):
            if ".parameters." in name or name.endswith(".outputs.result"):
                findings.error(path, f"{said} an artifact comes from an artifact, found {{{{{name}}}}}")
        elif _ARTIFACT.search(name):
            findings.warn(path, f"{said} {{{{{name}}}}} is an artifact, which has no text: pass it on by `from`")


def _check_expression_tag(findings: Findings, text: str, path: FieldPath, said: str, scope: TagScope) -> None:
    """Warns of what cannot be read, and of names that are nil here: a default may be meant, so it is no error."""
    try:
        names = referenced_names(text)
    except ExpressionError as error:
        findings.warn(path, f"{said} cannot be read: {error}")
        return
    for name in sorted(names):
        if name.startswith(_NIL_ROOTS) and not scope.may_hold(name):
            findings.warn(path, f"{said}: {name} has no value here{_hint(name, scope)}")


def check_expression(findings: Findings, text: str, path: FieldPath, said: str, *, argo: bool = True) -> None:
    """Warns of an expression that cannot be read. A cluster accepts it and fails or keeps it when it runs.

    `argo` tells whether Argo's own functions exist at that place.
    """
    if not text or "{{" in text:
        return
    try:
        check_syntax(text, argo=argo)
    except ExpressionError as error:
        findings.warn(path, f"{said} cannot be read: {error}")


def _hint(name: str, scope: TagScope) -> str:
    """The known name that differs in its last part, or in the name of the step or task, and looks alike there."""
    parts = name.split(".")
    for place in (-1, 1):
        others = {}
        for known in scope.names:
            theirs = known.split(".")
            if len(theirs) == len(parts) and all(
                mine == other
                for at, (mine, other) in enumerate(zip(parts, theirs, strict=True))
                if at != place % len(parts)
            ):
                others[theirs[place]] = known
        near = nearest(parts[place], tuple(sorted(others)))
        if near is not None:
            return f", did you mean {others[near]!r}?"
    return ""
