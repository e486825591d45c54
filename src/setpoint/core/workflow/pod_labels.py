"""The labels of the pod of a node, told from the node: what `podGC.labelSelector` is held against. Pure.

A template that was written into its call is stored nowhere, so its labels are not known any more.
Source: argo-workflows `workflowpod.go`, `determinePodCleanupAction`; SEMANTICS section 18.
"""

from __future__ import annotations

from collections.abc import Mapping

from setpoint.apis.argo import NodeStatus, Template, Workflow, WorkflowSpec
from setpoint.core.expr import ExpressionError, Scope, substitute
from setpoint.core.workflow.artifact_gc import template_of
from setpoint.core.workflow.variables import argument_variables, workflow_variables


def first_labels(workflow: str) -> dict[str, str]:
    """The labels that every pod of the workflow begins with."""
    return {"workflows.argoproj.io/completed": "false", "workflows.argoproj.io/workflow": workflow}


def labels_of(
    node: NodeStatus, workflow: Workflow, spec: WorkflowSpec, stored: dict[str, Template]
) -> Mapping[str, str]:
    """The labels of the node's pod, tags of its inputs and of the workflow filled in as far as they are known."""
    template = template_of(node, spec, stored)
    labels = first_labels(workflow.metadata.name)
    labels |= spec.pod_metadata.labels if spec.pod_metadata is not None else {}
    labels |= template.metadata.labels if template is not None else {}
    if not any("{{" in value for value in labels.values()):
        return labels
    given = node.inputs.parameters if node.inputs is not None else ()
    variables = {**workflow_variables(workflow, spec), **argument_variables(spec.arguments)}
    variables |= {f"inputs.parameters.{item.name}": item.value for item in given if item.value is not None}
    try:
        return {key: str(substitute(value, Scope(variables))) for key, value in labels.items()}
    except ExpressionError:
        return labels
