"""A workflow made of a template or a cron workflow, with what is to be different for this run.

Source: argo-workflows `server/workflow/workflow_server.go` `SubmitWorkflow`, `workflow/util` `ApplySubmitOpts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from setpoint.apis.argo import (
    LABEL_CLUSTER_WORKFLOW_TEMPLATE,
    LABEL_WORKFLOW_TEMPLATE,
    Artifact,
    ClusterWorkflowTemplate,
    CronWorkflow,
    Parameter,
    S3Artifact,
    Workflow,
    WorkflowSpec,
    WorkflowTemplate,
    WorkflowTemplateRef,
)
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.core.cron.children import run_now
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import SubmitOptions

_UPSTREAM_SHORT = "cwftmpl"  # the Argo Server's own short name of a cluster template


def submittable(kind: str) -> type[WorkflowTemplate] | type[ClusterWorkflowTemplate] | type[CronWorkflow]:
    """The class of a kind's name, singular, plural or short. Raises: InvalidSpec."""
    wanted = kind.lower()
    if wanted == _UPSTREAM_SHORT:
        return ClusterWorkflowTemplate
    for cls in (WorkflowTemplate, ClusterWorkflowTemplate, CronWorkflow):
        if wanted in (cls.KIND.lower(), cls.PLURAL, *cls.SHORT_NAMES):
            return cls
    raise InvalidSpec(
        f"Resource kind '{kind}' is not supported for submitting",
        path="resourceKind",
        allowed=(WorkflowTemplate.KIND, ClusterWorkflowTemplate.KIND, CronWorkflow.KIND),
    )


async def workflow_from(
    resources: ResourceApi, namespace: str, kind: str, name: str, options: SubmitOptions, now: datetime
) -> Workflow:
    """The workflow, not stored yet. Raises: NotFound if there is no such template; InvalidSpec for wrong options."""
    cls = submittable(kind)
    if cls is CronWorkflow:
        workflow = run_now(await resources.get(CronWorkflow, namespace, name), now)
    else:
        cluster = cls is ClusterWorkflowTemplate
        await resources.get(cls, "" if cluster else namespace, name)
        label = LABEL_CLUSTER_WORKFLOW_TEMPLATE if cluster else LABEL_WORKFLOW_TEMPLATE
        ref = WorkflowTemplateRef(name=name, cluster_scope=cluster)
        metadata = ObjectMeta(generate_name=f"{name}-", namespace=namespace, labels={label: name})
        workflow = Workflow(metadata=metadata, spec=WorkflowSpec(workflow_template_ref=ref))
    return applied(workflow, options)


def applied(workflow: Workflow, options: SubmitOptions) -> Workflow:
    """The workflow with the options over it. Raises: InvalidSpec."""
    meta, spec = workflow.metadata, workflow.spec
    if options.name or options.generate_name:
        meta = meta.replace(name=options.name, generate_name=options.generate_name)
    if options.owner_reference is not None:
        meta = meta.replace(owner_references=(*meta.owner_references, options.owner_reference))
    meta = meta.replace(
        labels={**meta.labels, **labels_of(options.labels, "labels")},
        annotations={**meta.annotations, **labels_of(options.annotations, "annotations")},
    )
    changes: dict[str, object] = {
        "entrypoint": options.entry_point or spec.entrypoint,
        "service_account_name": options.service_account or spec.service_account_name,
        "pod_priority_class_name": options.pod_priority_class_name or spec.pod_priority_class_name,
        "priority": spec.priority if options.priority is None else options.priority,
    }
    parameters = pairs_of(options.parameters, "parameters")
    artifacts = pairs_of(options.artifacts, "artifacts")
    arguments = spec.arguments
    given = {key: Parameter(name=key, value=value) for key, value in parameters.items()}
    kept = tuple(given.pop(item.name, item) for item in arguments.parameters)
    keyed = {key: Artifact(name=key, s3=S3Artifact(key=value)) for key, value in artifacts.items()}
    left = tuple(keyed.pop(item.name, item) for item in arguments.artifacts)
    arguments = arguments.replace(parameters=(*kept, *given.values()), artifacts=(*left, *keyed.values()))
    return workflow.replace(metadata=meta, spec=spec.replace(arguments=arguments, **changes))


def pairs_of(texts: Iterable[str], path: str) -> dict[str, str]:
    """`["a=b"]` as `{"a": "b"}`. Raises: InvalidSpec."""
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise InvalidSpec(f"{text!r} is not of the form NAME=VALUE", path=path)
        pairs[name] = value
    return pairs


def labels_of(text: str, path: str) -> dict[str, str]:
    """`a=b,c=d` as a map; a part without `=` has an empty value. Raises: InvalidSpec."""
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key, _, value = part.partition("=")
        if not key:
            raise InvalidSpec(f"{part!r} is not of the form KEY=VALUE", path=path)
        found[key] = value
    return found
