"""The spec of a workflow event binding: which events start which template, with what of the event.

Source: argoproj.io/v1alpha1 WorkflowEventBindingSpec.
"""

from __future__ import annotations

from setpoint.apis.argo.artifacts import Arguments
from setpoint.apis.argo.spec import WorkflowTemplateRef
from setpoint.apis.meta import ObjectMeta, Wire


class EventSelector(Wire, frozen=True, kw_only=True):
    """An expression over the event; the binding is meant where it is true."""

    selector: str


class Submit(Wire, frozen=True, kw_only=True):
    """What is started. Name, labels and annotations are expressions; so is `valueFrom.event` of an argument."""

    workflow_template_ref: WorkflowTemplateRef
    metadata: ObjectMeta = ObjectMeta()
    arguments: Arguments = Arguments()


class WorkflowEventBindingSpec(Wire, frozen=True, kw_only=True):
    """Event and what it starts."""

    event: EventSelector
    submit: Submit | None = None
