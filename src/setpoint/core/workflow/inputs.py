"""Filling a template's inputs from a caller's arguments, and its tags from inputs and variables.

Two passes, as on a cluster: first globals and the call's own variables, in the inputs' values too; then the inputs.
Tags without a value stay for a later pass. Source: SEMANTICS sections 9-11; argo-workflows `common.ProcessArgs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from setpoint.apis.argo import Artifact, ConfigMapKeySelector, Inputs, Parameter, Template
from setpoint.core.expr import WHOLE, ExpressionError, Places, substitute
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.state import Resolved, TemplateCall
from setpoint.core.workflow.variables import TagValues, global_scope, wire_json


def process_template(
    d: Draft, resolved: Resolved, call: TemplateCall, variables: Mapping[str, str]
) -> tuple[Template, dict[str, Any]]:
    """The template of a call with inputs and tags filled in, also as builtins.

    Args:
        d: The draft.
        resolved: The template as written, defaults merged.
        call: Who calls, with which arguments.
        variables: Names known for this call only, such as `node.name`.

    Raises:
        BuildError: An input is missing, or a tag cannot be filled in.
    """
    inputs = fill_inputs(d, resolved.template.inputs, call)
    tree = resolved.tree
    if inputs != resolved.template.inputs:
        tree = {**tree, "inputs": msgspec.to_builtins(inputs)}
    tagged = b"{{" in msgspec.json.encode(inputs)
    places: Places = {**resolved.places, "inputs": WHOLE} if tagged else resolved.places
    try:
        if tagged or resolved.more_than_inputs:
            tree = substitute(tree, global_scope(d, variables, call.variables), places=places)
        values = input_variables(tree)
        scope = global_scope(d, values, variables, call.variables)
        tree = substitute(tree, scope, places=places)
        template = resolved.template if tree is resolved.tree else msgspec.convert(tree, Template)
    except (ExpressionError, msgspec.ValidationError) as error:
        raise BuildError(str(error)) from error
    return template, tree


def refill(d: Draft, tree: dict[str, Any], variables: Mapping[str, str]) -> tuple[Template, dict[str, Any]]:
    """A processed template with further variables filled in (those of a retry attempt). Raises: BuildError."""
    try:
        filled = substitute(tree, global_scope(d, variables, input_variables(tree)))
        return msgspec.convert(filled, Template), filled
    except (ExpressionError, msgspec.ValidationError) as error:
        raise BuildError(str(error)) from error


def input_variables(tree: Mapping[str, Any]) -> dict[str, str]:
    """`inputs.*` and the paths of outputs, of a template whose inputs have their values."""
    values: dict[str, str] = {}
    inputs = tree.get("inputs") or {}
    parameters = inputs.get("parameters") or ()
    for item in parameters:
        if item.get("value") is not None:
            values[f"inputs.parameters.{item['name']}"] = item["value"]
    if parameters:
        values["inputs.parameters"] = wire_json(parameters)
    for item in inputs.get("artifacts") or ():
        if item.get("path"):
            values[f"inputs.artifacts.{item['name']}.path"] = item["path"]
    outputs = tree.get("outputs") or {}
    for item in outputs.get("artifacts") or ():
        if item.get("path"):
            values[f"outputs.artifacts.{item['name']}.path"] = item["path"]
    for item in outputs.get("parameters") or ():
        path = (item.get("valueFrom") or {}).get("path")
        if path:
            values[f"outputs.parameters.{item['name']}.path"] = path
    return values


def fill_inputs(d: Draft, declared: Inputs, call: TemplateCall) -> Inputs:
    """The declared inputs with the values and locations the arguments give. Raises: BuildError; ContextMissing."""
    if not declared.parameters and not declared.artifacts:
        return declared
    return Inputs(
        parameters=tuple(_parameter(d, item, call) for item in declared.parameters),
        artifacts=tuple(found for item in declared.artifacts if (found := _artifact(item, call)) is not None),
    )


def _parameter(d: Draft, declared: Parameter, call: TemplateCall) -> Parameter:
    given = call.arguments.parameter(declared.name)
    value, source = declared.value, declared.value_from
    if given is not None:
        value, source = given.value, given.value_from if given.value is None else None
    if value is None and source is not None and source.config_map_key_ref is not None:
        value = _config_map_value(d, declared.name, source.config_map_key_ref, source.default)
        source = None
    if value is None and source is None and given is None and declared.default is not None:
        value = declared.default
    if value is None and source is None:
        why = " (its argument references an absent optional output)" if declared.name in call.absent else ""
        raise BuildError(f"inputs.parameters.{declared.name} was not supplied{why}")
    return declared.replace(value=value, value_from=source if value is None else None)


def _config_map_value(d: Draft, parameter: str, ref: ConfigMapKeySelector, default: str | None) -> str:
    try:
        scope = global_scope(d)
        name, key = substitute(ref.name, scope), substitute(ref.key, scope)
    except ExpressionError as error:
        raise BuildError(str(error)) from error
    data = d.ctx.library.config_map(name)
    found = data.get(key) if data is not None else None
    if found is None:
        found = default
    if found is None:
        reason = f'configmaps "{name}" not found' if data is None else f"config map {name} has no key {key}"
        raise BuildError(f"unable to retrieve inputs.parameters.{parameter} from ConfigMap: {reason}")
    return found


def _artifact(declared: Artifact, call: TemplateCall) -> Artifact | None:
    given = call.arguments.artifact(declared.name)
    if given is None and not declared.stores:
        if declared.optional:
            return None
        raise BuildError(f"inputs.artifacts.{declared.name} was not supplied")
    if given is None:
        return declared
    if not given.stores:
        if given.optional or declared.optional:
            return None
        raise BuildError(f"inputs.artifacts.{declared.name} missing location information")
    return given.replace(
        name=declared.name,
        path=declared.path,
        mode=declared.mode,
        recurse_mode=declared.recurse_mode,
        from_="",
        from_expression="",
        global_name="",
    )


def artifact_inputs(tree: Mapping[str, Any], prefix: str = "inputs.artifacts.") -> dict[str, Artifact]:
    """`inputs.artifacts.*` of a template under way, for references of its steps and tasks."""
    items = (tree.get("inputs") or {}).get("artifacts") or ()
    return {f"{prefix}{item['name']}": msgspec.convert(item, Artifact) for item in items}


def layered(*layers: Mapping[str, Any]) -> TagValues:
    """Names out of several tables, the first wins."""
    return TagValues(*layers)
