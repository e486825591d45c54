"""The image table: what this control plane adds to it, and whether it knows what to run for a workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from setpoint.adapters.pods.images import ImageKind, ImageRule, default_rules, resolve
from setpoint.apis.argo import Workflow


def check_images(rules: Sequence[ImageRule], workflow: Workflow) -> None:
    """Resolve the image of every container of the workflow's own templates that says one without tags.

    Raises:
        InvalidSpec: An image without command has no known entrypoint; the path names the template.
    """
    for index, template in enumerate(workflow.spec.templates):
        for main in template.mains:
            if main.image and "{{" not in main.image:
                kind = template.type.value if template.type is not None else ""
                path = f"spec.templates[{index}].{kind}.image"
                resolve(rules, main.image, tuple(main.command), tuple(main.args), path=path)


def component_rules(environment: Mapping[str, str]) -> tuple[ImageRule, ...]:
    """The shipped rules for Setpoint's own image with variables that only its containers get.

    Credentials go this way, not by the pod's request: rules travel to the processes that start pods over a socket and
    are written nowhere, while a request lies in the store and in the pod's directory.
    """
    own = [rule for rule in default_rules() if rule.kind is ImageKind.SETPOINT]
    return tuple(rule.replace(environment={**rule.environment, **environment}) for rule in own) if environment else ()
