"""Finding templates: the spec in force, references to other objects, inline ones, and defaults merged below them.

What was taken from another object is frozen in the status at first use, so later edits of that object do not touch a
running workflow. Source: SEMANTICS section 1; argo-workflows `templateresolution`.
"""

from __future__ import annotations

import msgspec

from setpoint.apis.argo import (
    Call,
    LifecycleHook,
    Parameter,
    Template,
    TemplateRef,
    WorkflowPhase,
    WorkflowSpec,
    merge_specs,
    resolve_spec,
    with_defaults,
)
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import to_wire
from setpoint.core.expr import ExpressionError, Scope, places_of, substitute, tags_of
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.state import Resolved, TemplateCall
from setpoint.core.workflow.variables import TagValues, argument_variables, moving_variables, workflow_variables


def load_spec(d: Draft) -> None:
    """Set the spec in force: template reference merged and frozen, arguments valued, global tags filled in.

    Raises: BuildError with the workflow's message; ContextMissing.
    """
    own = d.ctx.workflow.spec
    stored = d.status.stored_workflow_template_spec
    if stored is None and own.workflow_template_ref is not None:
        try:
            stored = resolve_spec(d.ctx.workflow, d.ctx.library)
        except InvalidSpec as error:
            raise BuildError(error.reason) from error
        if d.ctx.library.defaults is not None:
            stored = merge_specs(stored, d.ctx.library.defaults)
        d.status = d.status.replace(stored_workflow_template_spec=stored)
    spec = stored if stored is not None else own
    spec = spec.replace(arguments=spec.arguments.replace(parameters=_valued_arguments(d, spec)))
    variables = workflow_variables(d.ctx.workflow, spec) | argument_variables(spec.arguments)
    tree = {key: value for key, value in to_wire(spec).items() if key != "templates"}
    # While a pass begins the workflow runs, whatever its entry node has come to.
    running = {"workflow.status": WorkflowPhase.RUNNING.value}
    scope = Scope(TagValues(running, moving_variables(d), variables), ambient=d.ambient)
    try:
        filled = substitute(tree, scope)
        spec = msgspec.convert(filled, WorkflowSpec).replace(templates=spec.templates, metrics=spec.metrics)
    except (ExpressionError, msgspec.ValidationError) as error:
        raise BuildError(str(error)) from error
    d.spec = spec
    d.variables = d.variables.update(variables | argument_variables(spec.arguments))


def _valued_arguments(d: Draft, spec: WorkflowSpec) -> tuple[Parameter, ...]:
    valued: list[Parameter] = []
    for item in spec.arguments.parameters:
        source = item.value_from
        if item.value is not None or source is None or source.config_map_key_ref is None:
            valued.append(item if item.value is not None or item.default is None else item.replace(value=item.default))
            continue
        ref = source.config_map_key_ref
        data = d.ctx.library.config_map(ref.name)
        found = data.get(ref.key) if data is not None else None
        if found is None:
            found = source.default
        if found is None:
            raise BuildError(
                f"failed to set global parameters: failed to set global parameter {item.name} from configmap with name "
                f"{ref.name} and key {ref.key}: not found"
            )
        valued.append(item.replace(value=found))
    return tuple(valued)


def local_scope(d: Draft) -> str:
    """The template scope of the workflow's own templates."""
    return f"local/{d.name}"


def resolve_call(d: Draft, call: TemplateCall) -> Resolved:
    """The template of a call. Raises: BuildError if there is none; ContextMissing."""
    if call.inline is not None:
        return _prepare(d, call.inline, call.scope)
    if call.template_ref is not None:
        return _referenced(d, call.template_ref)
    key = (call.scope, call.template)
    found = d.memo.get(key)
    if found is None:
        found = d.memo[key] = _local(d, call.scope, call.template)
    return found


def find_template(d: Draft, call: Call | LifecycleHook, scope: str) -> Template | None:
    """The template a step, task or hook names, None if it cannot be found."""
    inline = call.inline if isinstance(call, Call) else None
    probe = TemplateCall(
        name="", template=call.template, template_ref=call.template_ref, inline=inline, scope=scope, depth=0
    )
    try:
        return resolve_call(d, probe).template
    except BuildError:
        return None


def _local(d: Draft, scope: str, name: str) -> Resolved:
    kind, _, owner = scope.partition("/")
    if kind == "local":
        template = d.spec.template(name)
        if template is None:
            raise BuildError(f"template {name} not found in workflow {d.name}" if name else "template name is empty")
        return _prepare(d, template, scope)
    return _stored(d, owner, name, cluster=kind == "cluster")


def _referenced(d: Draft, ref: TemplateRef) -> Resolved:
    key = ("cluster" if ref.cluster_scope else "namespaced", ref.name, ref.template)
    found = d.memo.get(key)
    if found is None:
        found = d.memo[key] = _stored(d, ref.name, ref.template, cluster=ref.cluster_scope)
    return found


def _stored(d: Draft, owner: str, name: str, *, cluster: bool) -> Resolved:
    scope = f"{'cluster' if cluster else 'namespaced'}/{owner}"
    key = f"{scope}/{name}"
    template = d.status.stored_templates.get(key)
    if template is None:
        spec = d.ctx.library.template_spec(owner, cluster=cluster)
        if spec is None:
            kind = "clusterworkflowtemplates" if cluster else "workflowtemplates"
            raise BuildError(f'{kind}.argoproj.io "{owner}" not found')
        template = spec.template(name)
        if template is None:
            raise BuildError(f"template {name} not found in template {owner}")
        d.status = d.status.replace(stored_templates={**d.status.stored_templates, key: template})
    return _prepare(d, template, scope)


def _prepare(d: Draft, template: Template, scope: str) -> Resolved:
    template = with_defaults(template, d.spec)
    tree = to_wire(template)
    more = any(tag.expression or tag.prefix or not tag.name.startswith("inputs.") for tag in tags_of(tree))
    places = {key: place for key, place in places_of(tree).items() if key != "inputs"}
    return Resolved(template=template, tree=tree, places=places, more_than_inputs=more, scope=scope)
