"""Events that come in from outside, and the workflows that bindings make of them. Pure.

The environment of all expressions: `namespace`, `discriminator`, `metadata` (the `x-` headers, each a list) and
`payload`. Source: argo-workflows `server/event/dispatch`; SEMANTICS sections 22 and 24.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from setpoint.apis.argo import (
    Arguments,
    Parameter,
    Workflow,
    WorkflowEventBinding,
    WorkflowSpec,
)
from setpoint.apis.argo.kinds import LABEL_EVENT_BINDING
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.core.expr import Ambient, ExpressionError, evaluate, evaluate_condition, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingEvent:
    """An event: where it was sent to, its headers that begin with `x-`, in lower case, and its JSON."""

    namespace: str
    discriminator: str
    metadata: Mapping[str, Sequence[str]]
    payload: Any

    @property
    def environment(self) -> dict[str, Any]:
        """Names to values, for expressions."""
        return {
            "namespace": self.namespace,
            "discriminator": self.discriminator,
            "metadata": {key: list(values) for key, values in self.metadata.items()},
            "payload": self.payload,
        }


def is_meant(binding: WorkflowEventBinding, event: IncomingEvent, now: datetime) -> bool:
    """Whether the binding is for the event. Raises: InvalidSpec."""
    selector = binding.spec.event.selector
    try:
        return evaluate_condition(selector, event.environment, argo=False, ambient=Ambient(now=now))
    except ExpressionError as error:
        message = f"failed to evaluate workflow template expression: {error}"
        raise InvalidSpec(message, path="spec.event.selector") from error


def workflow_for(binding: WorkflowEventBinding, event: IncomingEvent, now: datetime) -> Workflow | None:
    """The workflow that the binding starts; None if it starts none. Raises: InvalidSpec."""
    submit = binding.spec.submit
    if submit is None:
        return None
    ambient = Ambient(now=now, seed=binding.metadata.uid.encode() + now.isoformat().encode())

    def value(text: str, path: str, *, argo: bool) -> Any:
        try:
            return evaluate(text, event.environment, argo=argo, ambient=ambient)
        except ExpressionError as error:
            raise InvalidSpec(f"failed to evaluate {path} expression: {error}", path=f"spec.submit.{path}") from error

    def text_of(text: str, path: str) -> str:
        found = value(text, path, argo=True)
        if not isinstance(found, str):
            raise InvalidSpec(f"workflow {path} expression must evaluate to a string", path=f"spec.submit.{path}")
        return found

    def shown(text: str, path: str) -> str:
        found = value(text, path, argo=False)
        try:
            return found if isinstance(found, str) else to_json(found)
        except ExpressionError as error:
            raise InvalidSpec(f"the {path} expression has no JSON: {error}", path=f"spec.submit.{path}") from error

    meta = submit.metadata
    name = text_of(meta.name, "metadata.name") if meta.name else ""
    prefix = text_of(meta.generate_name, "metadata.generateName") if meta.generate_name else ""
    ref = submit.workflow_template_ref
    labels = {key: text_of(text, f"metadata.labels.{key}") for key, text in meta.labels.items()}
    metadata = ObjectMeta(
        name=name,
        generate_name="" if name else prefix or f"{ref.name}-",
        namespace=event.namespace,
        labels={**labels, LABEL_EVENT_BINDING: binding.metadata.name},
        annotations={key: text_of(text, f"metadata.annotations.{key}") for key, text in meta.annotations.items()},
    )
    parameters = tuple(
        Parameter(name=item.name, value=shown(item.value_from.event, f"arguments.{item.name}"))
        if item.value_from is not None and item.value_from.event
        else item
        for item in submit.arguments.parameters
    )
    arguments = Arguments(parameters=parameters, artifacts=submit.arguments.artifacts)
    return Workflow(metadata=metadata, spec=WorkflowSpec(workflow_template_ref=ref, arguments=arguments))
