"""Which artifacts `artifactGC` lets go, and when: with the end of their workflow, or with the workflow. Pure.

What is deleted is noted in the nodes of pods, so that doing it twice does nothing.
Source: argo-workflows `artifact_gc.go`; SEMANTICS section 10.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from setpoint.apis.argo import (
    Artifact,
    ArtifactGC,
    NodeStatus,
    NodeType,
    Outputs,
    Template,
    WorkflowSpec,
    WorkflowStatus,
)
from setpoint.apis.argo.merge import with_defaults
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Condition
from setpoint.apis.pods import ArtifactPlace
from setpoint.core.workflow.ids import fnv1a
from setpoint.core.workflow.places import place_of
from setpoint.core.workflow.repository import Repository, of_template

ON_COMPLETION: Final = "OnWorkflowCompletion"
ON_DELETION: Final = "OnWorkflowDeletion"
NEVER: Final = "Never"
GC_ERROR = "ArtifactGCError"
"""Type of the condition of a workflow some of whose artifacts could not be deleted."""

_SHORT = {ON_COMPLETION: "wfcomp", ON_DELETION: "wfdel"}


def strategy_of(artifact: Artifact, spec: WorkflowSpec) -> str:
    """When the artifact is deleted; its own strategy wins over the workflow's."""
    if artifact.artifact_gc is not None and artifact.artifact_gc.strategy:
        return artifact.artifact_gc.strategy
    return (spec.artifact_gc.strategy if spec.artifact_gc is not None else "") or NEVER


def specifies_gc(artifacts: Iterable[Artifact], spec: WorkflowSpec) -> bool:
    """Whether one of these outputs is deleted at some time. Logs alone, which no template declares, do not count."""
    return any(item.path and strategy_of(item, spec) != NEVER for item in artifacts)


def first_gc_status(spec: WorkflowSpec) -> dict[str, Any] | None:
    """`status.artifactGCStatus` of a workflow that starts; None if it says nothing of the matter."""
    declared = [item for template in spec.templates for item in template.outputs.artifacts]
    if spec.artifact_gc is None and all(item.artifact_gc is None for item in declared):
        return None
    return {} if specifies_gc(declared, spec) else {"notSpecified": True}


def with_gc(status: WorkflowStatus, artifacts: Iterable[Artifact], spec: WorkflowSpec) -> WorkflowStatus:
    """The status of a workflow with these outputs: perhaps of a template that was fetched, or written into a call."""
    known = needs_finalizer(status) or not specifies_gc(artifacts, spec)
    return status if known else status.replace(artifact_gc_status={})


def needs_finalizer(status: WorkflowStatus) -> bool:
    """Whether a deletion has to wait for artifacts."""
    return status.artifact_gc_status is not None and not status.artifact_gc_status.get("notSpecified")


def due(node: NodeStatus, spec: WorkflowSpec, strategy: str) -> tuple[Artifact, ...]:
    """The artifacts of a node that go by the strategy and have not gone yet."""
    outputs = node.outputs.artifacts if node.type is NodeType.POD and node.outputs is not None else ()
    return tuple(item for item in outputs if not item.deleted and strategy_of(item, spec) == strategy)


def with_places(outputs: Outputs, spec: WorkflowSpec, repository: Repository) -> Outputs:
    """The outputs of a template that is stored nowhere: what is to be deleted says itself where it lies."""
    artifacts = tuple(
        item if strategy_of(item, spec) == NEVER else repository.located(item) for item in outputs.artifacts
    )
    return outputs.replace(artifacts=artifacts)


def without(node: NodeStatus, gone: Iterable[str]) -> NodeStatus:
    """The node with these artifacts deleted."""
    if node.outputs is None:
        return node
    names = frozenset(gone)
    artifacts = tuple(item.replace(deleted=True) if item.name in names else item for item in node.outputs.artifacts)
    return node.replace(outputs=node.outputs.replace(artifacts=artifacts))


def lies_at(artifact: Artifact, template: Template | None, repository: Repository) -> str | ArtifactPlace:
    """Where an output lies: its key in the embedded store, or a place elsewhere.

    Args:
        artifact: As its node has it.
        template: Which made it, if that is known.
        repository: Of the workflow.

    Raises:
        InvalidSpec: It is stored nowhere. NotSupported: The store is not served on one machine.
    """
    located = (of_template(template, repository) if template is not None else repository).located(artifact)
    place = place_of(located)
    if place is not None:
        return place
    if located.s3 is None or not located.s3.key:
        raise InvalidSpec(f"artifact {artifact.name!r} has no key, so it cannot be deleted")
    return located.s3.key


def template_of(node: NodeStatus, spec: WorkflowSpec, stored: dict[str, Template]) -> Template | None:
    """The template of a node, by the workflow's status; None for one that was written into its call."""
    if node.template_ref is not None:
        kind = "cluster" if node.template_ref.cluster_scope else "namespaced"
        found = stored.get(f"{kind}/{node.template_ref.name}/{node.template_ref.template}")
    elif node.template_scope.startswith("local/"):
        found = spec.template(node.template_name)
    else:
        found = stored.get(f"{node.template_scope}/{node.template_name}")
    return with_defaults(found, spec) if found is not None else None


def gc_pod_name(workflow: str, strategy: str, artifact: Artifact, spec: WorkflowSpec) -> str:
    """The name of the pod that a cluster would delete the artifact with: one for each identity and metadata."""
    account, labels, annotations = "", dict[str, str](), dict[str, str]()
    levels: tuple[ArtifactGC | None, ...] = (spec.artifact_gc, artifact.artifact_gc)
    for level in levels:
        if level is None:
            continue
        account = level.service_account_name or account
        if level.pod_metadata is not None:
            labels |= level.pod_metadata.labels
            annotations |= level.pod_metadata.annotations
    pairs = (*sorted(labels.items()), *sorted(annotations.items()))
    digest = fnv1a(account + "".join(f"{key}{value}" for key, value in pairs))
    return f"{workflow}-artgc-{_SHORT[strategy]}-{digest}"


def processed(status: WorkflowStatus, strategies: Iterable[str], pods: Iterable[str], failure: str) -> WorkflowStatus:
    """The status after a round of deletions.

    Args:
        status: Before it.
        strategies: Which were carried out.
        pods: Names of what would have been the pods of it.
        failure: What went wrong, empty if nothing did.
    """
    found = dict(status.artifact_gc_status or {})
    found.pop("notSpecified", None)
    for key, names in (("strategiesProcessed", strategies), ("podsRecouped", pods)):
        known = {**found.get(key, {}), **dict.fromkeys(names, True)}
        if known:
            found[key] = known
    conditions = tuple(item for item in status.conditions if item.type != GC_ERROR)
    if failure:
        conditions += (Condition(type=GC_ERROR, status="True", message=failure),)
    return status.replace(artifact_gc_status=found, conditions=conditions)
