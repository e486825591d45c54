"""Templates of other objects that a spec uses: what is not done here of them, and tags that have no value here.

What is wrong with them by themselves is said where they are written; here it is what depends on who uses them. All of
it is reported at the reference that leads to them, since that is what the reader can change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from setpoint.apis.argo import Template, TemplateRef, TemplateSource, WorkflowSpec, with_defaults
from setpoint.apis.manifest import FieldPath
from setpoint.apis.meta import to_wire
from setpoint.operations.lint.report import Findings
from setpoint.operations.lint.scope import TagScope, check_tags
from setpoint.operations.lint.supported import check_effective, check_supported

_LOCAL = ("item.", "steps.", "inputs.", "outputs.", "pod.", "tasks.", "workflow.outputs.")
"""Names that are the template's own affair."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A template of another object, and the reference of the spec at hand that leads to it."""

    owner: str
    template: Template
    path: FieldPath


def foreign_templates(
    spec: WorkflowSpec, whole: WorkflowSpec, base: FieldPath, catalog: TemplateSource
) -> tuple[Foreign, ...]:
    """All templates of other objects that can run, each once; references that lead nowhere are reported elsewhere.

    Args:
        spec: What is written.
        whole: It over the template object that it refers to.
        base: Path of the spec.
        catalog: The other objects.
    """
    found: dict[tuple[bool, str, str], Foreign] = {}
    work: list[tuple[TemplateRef, FieldPath]] = []
    own = spec.workflow_template_ref
    if own is not None:
        starts = [whole.entrypoint, whole.on_exit, *(hook.template for hook in whole.hooks.values())]
        refs = [TemplateRef(name=own.name, template=name, cluster_scope=own.cluster_scope) for name in starts if name]
        work += [(ref, (*base, "workflowTemplateRef")) for ref in refs]
    for index, template in enumerate(spec.templates):
        work += [(ref, (*base, "templates", index, *path)) for path, ref in _references(template)]
    for name, hook in whole.hooks.items():
        work += [(hook.template_ref, (*base, "hooks", name, "templateRef"))] if hook.template_ref is not None else []
    while work:
        ref, path = work.pop()
        key = (ref.cluster_scope, ref.name, ref.template)
        home = catalog.template_spec(ref.name, cluster=ref.cluster_scope)
        target = home.template(ref.template) if home is not None else None
        if key in found or target is None:
            continue
        found[key] = Foreign(ref.name, target, path)
        work += [(ref.replace(template=name), path) for name in _named(target)]
        work += [(inner, path) for _, inner in _references(target)]
    return tuple(found.values())


def _named(template: Template) -> Iterator[str]:
    """Names of templates of the same object that it calls."""
    for call in template.calls:
        for name in (call.template, call.on_exit, *(hook.template for hook in call.hooks.values())):
            if name:
                yield name
        if call.inline is not None:
            yield from _named(call.inline)


def reached(whole: WorkflowSpec) -> frozenset[str]:
    """Names of the templates that can run; all of them where a name is known only while it runs."""
    work = [whole.entrypoint, whole.on_exit, *(hook.template for hook in whole.hooks.values())]
    found: set[str] = set()
    while work:
        name = work.pop()
        if "{{" in name:
            return frozenset(template.name for template in whole.templates)
        template = whole.template(name)
        if template is not None and name not in found:
            found.add(name)
            work += _named(template)
    return frozenset(found)


def _references(template: Template) -> Iterator[tuple[FieldPath, TemplateRef]]:
    """(path below the template, reference) of its steps or tasks, their hooks, and inline templates."""
    places: list[FieldPath] = [
        ("steps", index, place) for index, group in enumerate(template.steps or ()) for place in range(len(group))
    ] or [("dag", "tasks", index) for index in range(len(template.calls))]
    for path, call in zip(places, template.calls, strict=True):
        if call.template_ref is not None:
            yield (*path, "templateRef"), call.template_ref
        for name, hook in call.hooks.items():
            if hook.template_ref is not None:
                yield (*path, "hooks", name, "templateRef"), hook.template_ref
        if call.inline is not None:
            yield from (((*path, "inline", *inner), ref) for inner, ref in _references(call.inline))


def check_foreign(findings: Findings, foreign: Foreign, whole: WorkflowSpec, everywhere: TagScope) -> None:
    """Adds what the template needs and this machine or this workflow has not."""
    other = Findings()
    check_supported(foreign.template, (), other)
    check_effective(with_defaults(foreign.template, whole), (), other)
    said = f"template {foreign.owner}.{foreign.template.name}"
    for error in other.report().errors:
        findings.unsupported(foreign.path, f"{said}: {error.path}: {error.reason}")
    tags = Findings()
    scope = everywhere.plus(prefixes=_LOCAL)
    check_tags(tags, to_wire(foreign.template), (), f"templates.{foreign.template.name}:", scope)
    for error in tags.report().errors:
        findings.error(foreign.path, f"{said}: {error.path}: {error.reason}")
