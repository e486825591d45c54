"""Merging specs: a workflow over its template, a template over the defaults, and the defaults of the API.

Merging is Kubernetes' strategic merge on wire values: maps merge by key, a list whose items have a key (parameters by
name, volume mounts by path) merges by it, other lists and scalars of the upper one replace those of the lower. Pure;
the upper one always wins. Invariant: merging with nothing changes nothing.
Source: Argo Workflows, "WorkflowTemplates: workflowTemplateRef" and "Template Defaults"; strategic merge keys of the
argoproj.io/v1alpha1 and v1 types.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import msgspec

from setpoint.apis.argo.kinds import CronWorkflow, Workflow
from setpoint.apis.argo.spec import WorkflowSpec
from setpoint.apis.argo.template import Template, TemplateType
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Resource

R = TypeVar("R", bound=Resource)
S = TypeVar("S", bound=msgspec.Struct)

_MERGE_KEYS = {
    "arguments.parameters": "name",
    "arguments.artifacts": "name",
    "inputs.parameters": "name",
    "inputs.artifacts": "name",
    "outputs.parameters": "name",
    "outputs.artifacts": "name",
    "templates": "name",
    "tasks": "name",
    "containers": "name",
    "initContainers": "name",
    "sidecars": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "resourceClaims": "name",
}
"""Lists that merge by a key, named by their field, with the parent's where the field alone is not enough."""

_SOURCES = ("value", "valueFrom")
"""Of a parameter: the upper one's source replaces whatever source the lower one has."""


class TemplateSource(Protocol):
    """Where specs of WorkflowTemplates and ClusterWorkflowTemplates come from."""

    def template_spec(self, name: str, *, cluster: bool) -> WorkflowSpec | None:
        """The spec of the template object, None if there is no such object."""
        ...


def resolve_spec(workflow: Workflow, templates: TemplateSource) -> WorkflowSpec:
    """The spec that a workflow runs: its own, or its own over that of the template it refers to.

    The result is what `status.storedWorkflowTemplateSpec` freezes. templateDefaults are not spread over the
    templates here, because they also reach templates of other objects: see `with_defaults`.

    Raises: InvalidSpec if the template does not exist, or `templates` stand beside the reference.
    """
    spec = workflow.spec
    ref = spec.workflow_template_ref
    if ref is None:
        return spec
    if spec.templates:
        reason = "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"
        raise InvalidSpec(reason, path="spec.templates")
    lower = templates.template_spec(ref.name, cluster=ref.cluster_scope)
    if lower is None:
        plural = "clusterworkflowtemplates" if ref.cluster_scope else "workflowtemplates"
        raise InvalidSpec(f'{plural}.argoproj.io "{ref.name}" not found', path="spec.workflowTemplateRef.name")
    merged = merge_specs(spec, lower)
    if lower.workflow_template_ref is not None:
        return merged.replace(workflow_template_ref=ref)
    return merged


def merge_specs(upper: WorkflowSpec, lower: WorkflowSpec) -> WorkflowSpec:
    """The upper spec over the lower one; parameters by name, the upper's first."""
    return _merge(upper, lower)


def with_defaults(template: Template, spec: WorkflowSpec) -> Template:
    """The template with the spec's templateDefaults under it, and the spec's retryStrategy where it has none.

    Steps and dag templates take part. The body of a type (container, script, ...) only reaches templates of that type.
    """
    defaults = spec.template_defaults
    if defaults is not None:
        kept = {item.value for item in template.types}
        wire = msgspec.to_builtins(defaults)
        bodies = {item.value for item in TemplateType}
        wire = {key: value for key, value in wire.items() if key not in bodies or key in kept}
        wire.pop("name", None)
        template = msgspec.convert(_merge_maps(msgspec.to_builtins(template), wire, ""), Template)
    if template.retry_strategy is None and spec.retry_strategy is not None:
        template = template.replace(retry_strategy=spec.retry_strategy)
    return template


def default(resource: R, namespace: str = "default", templates: TemplateSource | None = None) -> R:
    """The resource as the store is to hold it: apiVersion, kind, namespace, a cron's defaults, a workflow's metadata.

    Args:
        resource: Any resource.
        namespace: For namespaced kinds that name none.
        templates: Where a workflow's workflowTemplateRef is looked up for its workflowMetadata; a missing one adds
            nothing.
    """
    cls = type(resource)
    metadata = resource.metadata
    if cls.NAMESPACED and not metadata.namespace:
        metadata = metadata.replace(namespace=namespace)
    if isinstance(resource, Workflow):
        own = resource.spec.workflow_metadata
        ref = resource.spec.workflow_template_ref
        lower = templates.template_spec(ref.name, cluster=ref.cluster_scope) if templates and ref else None
        for source in (lower.workflow_metadata if lower is not None else None, own):
            if source is not None:
                labels, annotations = metadata.labels | source.labels, metadata.annotations | source.annotations
                metadata = metadata.replace(labels=labels, annotations=annotations)
    resource = resource.replace(api_version=cls.API_VERSION, kind=cls.KIND, metadata=metadata)
    if isinstance(resource, CronWorkflow):
        spec = resource.spec
        return resource.replace(
            spec=spec.replace(
                concurrency_policy=spec.concurrency_policy or "Allow",
                successful_jobs_history_limit=_or(spec.successful_jobs_history_limit, 3),
                failed_jobs_history_limit=_or(spec.failed_jobs_history_limit, 1),
            )
        )
    return resource


def _or(value: int | None, fallback: int) -> int:
    return fallback if value is None else value


def _merge(upper: S, lower: S) -> S:
    values = _merge_maps(msgspec.to_builtins(upper), msgspec.to_builtins(lower), "")
    return msgspec.convert(values, type(upper))


def _merge_maps(upper: dict[str, Any], lower: dict[str, Any], name: str) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        merged[key] = _merge_values(value, lower[key], name, key) if key in lower else value
    return merged


def _merge_values(upper: Any, lower: Any, parent: str, key: str) -> Any:
    if isinstance(upper, dict) and isinstance(lower, dict):
        return _merge_maps(upper, lower, key)
    by = _MERGE_KEYS.get(f"{parent}.{key}") or _MERGE_KEYS.get(key)
    if by is None or not _keyed(upper, by) or not _keyed(lower, by):
        return upper
    below = {item[by]: item for item in lower}
    merged = [_merge_item(item, below.pop(item[by], {})) for item in upper]
    return [*merged, *below.values()]


def _merge_item(upper: dict[str, Any], lower: dict[str, Any]) -> dict[str, Any]:
    if any(source in upper for source in _SOURCES):
        lower = {key: value for key, value in lower.items() if key not in _SOURCES}
    if stores := [key for key in _STORES if key in upper]:
        lower = {key: value for key, value in lower.items() if key not in _STORES or key in stores}
    return _merge_maps(upper, lower, "")


_STORES = ("s3", "raw", "artifactory", "azure", "gcs", "git", "hdfs", "http", "oss", "plugin")
"""Of an artifact: fields of the same store merge, another store of the upper one replaces that of the lower."""


def _keyed(items: Any, by: str) -> bool:
    return isinstance(items, (list, tuple)) and all(isinstance(item, dict) and by in item for item in items)
