"""Outputs: what steps and DAGs take from their scope, and what reaches the whole workflow by globalName.

Source: SEMANTICS sections 9 and 10; argo-workflows `getTemplateOutputsFromScope`, `addOutputsToGlobalScope`.
"""

from __future__ import annotations

from collections.abc import Mapping

from setpoint.apis.argo import Artifact, Outputs, Parameter, Template
from setpoint.core.expr import ExpressionError, Scope, evaluate, render_result
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.references import resolve_artifact, sole_tag


def template_outputs(template: Template, scope: Scope, artifacts: Mapping[str, Artifact]) -> Outputs | None:
    """The outputs of a steps or DAG template whose children are done; None if it declares none.

    Raises: BuildError if one cannot be resolved and has no default.
    """
    declared = template.outputs
    if not declared.parameters and not declared.artifacts:
        return None
    parameters = tuple(item.replace(value=_value(item, scope), value_from=None) for item in declared.parameters)
    found: list[Artifact] = []
    for item in declared.artifacts:
        artifact = resolve_artifact(item, scope, artifacts)
        if artifact is not None and artifact.stores:
            found.append(artifact.replace(name=item.name, global_name=item.global_name, path=""))
        elif not item.optional:
            raise BuildError(
                f"unable to resolve outputs from scope: Unable to resolve: {item.from_ or item.from_expression}"
            )
    return Outputs(parameters=parameters, artifacts=tuple(found))


def _value(item: Parameter, scope: Scope) -> str:
    source = item.value_from
    if source is None:
        if item.value is not None:
            return item.value
        raise BuildError("output parameters must have a valueFrom specified")
    try:
        if source.expression:
            value = evaluate(source.expression, scope.environment, ambient=scope.ambient)
            if value is None:
                raise ExpressionError(f"the expression {source.expression!r} yields nothing")
            return render_result(value)
        return _named(source.parameter, scope)
    except ExpressionError as error:
        if source.default is not None:
            return source.default
        raise BuildError(str(error)) from error


def _named(text: str, scope: Scope) -> str:
    name = sole_tag(text)
    if name is None:
        if "{{" not in text:
            return text  # its tags are filled in already
        raise ExpressionError(f"Unable to resolve: {text}")
    value = scope.values.get(name)
    if not isinstance(value, str):
        raise ExpressionError(f"Unable to resolve: {text}")
    return value


def reported_outputs(declared: Outputs, found: Outputs | None) -> Outputs | None:
    """What an action has put out; a parameter that its template declares keeps the rest of its declaration."""
    if found is None or found == Outputs():
        return None
    known = {item.name: item for item in declared.parameters}
    parameters = tuple(
        known[item.name].replace(value=item.value, value_from=None) if item.name in known else item
        for item in found.parameters
    )
    return found.replace(parameters=parameters)


def publish_outputs(d: Draft, outputs: Outputs | None) -> None:
    """Copy outputs that have a globalName to the workflow's; the last writer wins."""
    if outputs is None:
        return
    parameters = [item for item in outputs.parameters if item.global_name and item.value is not None]
    artifacts = [item for item in outputs.artifacts if item.global_name]
    if not parameters and not artifacts:
        return
    held = d.status.outputs or Outputs()
    by_name = {item.name: item for item in held.parameters}
    for item in parameters:
        by_name[item.global_name] = Parameter(name=item.global_name, value=item.value)
        d.variables = d.variables.set(f"workflow.outputs.parameters.{item.global_name}", item.value)
    stored = {item.name: item for item in held.artifacts}
    for artifact in artifacts:
        mine = artifact.replace(name=artifact.global_name, global_name="", path="")
        stored[artifact.global_name] = mine
        d.artifacts = d.artifacts.set(f"workflow.outputs.artifacts.{artifact.global_name}", mine)
    d.status = d.status.replace(
        outputs=held.replace(parameters=tuple(by_name.values()), artifacts=tuple(stored.values()))
    )


def restore_outputs(d: Draft) -> None:
    """Make the workflow's stored outputs variables again, on load."""
    held = d.status.outputs or Outputs()
    d.variables = d.variables.update(
        {f"workflow.outputs.parameters.{item.name}": item.value for item in held.parameters}
    )
    d.artifacts = d.artifacts.update({f"workflow.outputs.artifacts.{item.name}": item for item in held.artifacts})
