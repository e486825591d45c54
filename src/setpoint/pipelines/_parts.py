"""What a pipeline needs to do a step in parts: a plan, a pod for each partition of it, and where they leave their work.

Parts lie below a key of the run in the artifact repository, and not among the outputs of the loop, whose artifacts
nothing could name. The step itself takes that key as an optional input: where nothing lies there, it does it all.
"""

from __future__ import annotations

from collections.abc import Sequence

from hera.workflows import Parameter, Step, Steps
from hera.workflows import models as m
from hera.workflows.models import Template

PARTITIONS = Parameter(
    name="partitions",
    value="1",
    description="Pods that process the data, and judge the model, side by side; 1 for one that does it all.",
)
SEVERAL = "'{{workflow.parameters.partitions}}' != '1'"
_NOWHERE = "no-parts"  # a key that nothing lies at


def at_place(template: Template, key: str) -> Template:
    """The template of a plan or part with one input more, `place`, below which its artifact lies at the key."""
    place = m.Parameter(name="place", description="Where the parts of this run lie.")
    if template.inputs is None or template.outputs is None:
        raise ValueError(f"template {template.name} takes or gives nothing")
    given = [item for item in template.inputs.parameters or [] if item.name != place.name]
    template.inputs.parameters = [*given, place]
    for artifact in template.outputs.artifacts or []:
        artifact.s3 = m.S3Artifact(key=f"{{{{inputs.parameters.place}}}}/{key}")
    return template


def one_processor(template: Template) -> Template:
    """The template asking for a processor: more pods at a time would share them, and take all their memory at once."""
    if template.container is None:
        raise ValueError(f"template {template.name} runs no container")
    template.container.resources = m.ResourceRequirements.model_validate({"requests": {"cpu": "1"}})
    return template


def in_parts(
    task: str,
    template: str,
    arguments: Sequence[Parameter],
    *,
    inputs: Sequence[Parameter | m.Artifact] = (),
    shared: Sequence[m.Artifact] = (),
) -> Steps:
    """Template `TASK-parts`: a plan, then a pod for each of its partitions; none where the plan is of one piece.

    Args:
        task: Whose parts they are.
        template: The component that joins them.
        arguments: Of the plan.
        inputs: Of this template.
        shared: Artifacts that plan and parts both get.
    """
    planned = f"steps.{task}-plan.outputs"
    handed_on = f"{{{{{planned}.parameters.place}}}}"
    place = Parameter(
        name="place",
        value_from=m.ValueFrom(parameter=handed_on, default=_NOWHERE),
        description="Where the parts lie.",
    )
    with Steps(name=f"{task}-parts", inputs=list(inputs), outputs=[place]) as steps:
        here = Parameter(name="place", value=f"{{{{workflow.uid}}}}/{task}-parts")
        wanted = Parameter(name="partitions", value="{{workflow.parameters.partitions}}")
        Step(name=f"{task}-plan", template=f"{template}-plan", arguments=[*arguments, wanted, here, *shared])
        Step(
            name=f"{task}-part",
            template=f"{template}-part",
            with_param=f"{{{{{planned}.parameters.partitions}}}}",
            arguments=[
                Parameter(name="partition", value="{{item}}"),
                # As the plan hands it on: a run that takes over the plan of another finds that one's parts.
                Parameter(name="place", value=handed_on),
                m.Artifact(name="plan", from_=f"{{{{{planned}.artifacts.plan}}}}"),
                *shared,
            ],
        )
    return steps


def made_in_parts(task: str, name: str) -> m.Artifact:
    """The argument for the input that takes what the parts of a task left; absent if there were none."""
    place = f"{{{{tasks.{task}-parts.outputs.parameters.place}}}}"
    return m.Artifact(name=name, s3=m.S3Artifact(key=place), optional=True)


def after_parts(task: str) -> str:
    """The condition under which a task with parts goes on."""
    return f"({task}-parts.Succeeded || {task}-parts.Skipped)"
