"""Whether the image table knows what to run for the templates of a workflow, asked before it is stored."""

from __future__ import annotations

from collections.abc import Sequence

from setpoint.adapters.pods.images import ImageRule, resolve
from setpoint.apis.argo import Workflow


def check_images(rules: Sequence[ImageRule], workflow: Workflow) -> None:
    """Resolve the image of every container of the workflow's own templates that says one without tags.

    Raises:
        InvalidSpec: An image without command has no known entrypoint; the path names the template.
    """
    for index, template in enumerate(workflow.spec.templates):
        main = template.container or template.script
        if main is not None and main.image and "{{" not in main.image:
            kind = "container" if template.container else "script"
            path = f"spec.templates[{index}].{kind}.image"
            resolve(rules, main.image, tuple(main.command), tuple(main.args), path=path)
