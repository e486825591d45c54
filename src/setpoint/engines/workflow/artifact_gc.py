"""Deletion of artifacts by `artifactGC`: when their workflow completes, or when it is deleted.

A workflow with such a strategy carries a finalizer from its start on, so that a deletion waits for its artifacts. What
is deleted is noted in the nodes, so that doing it twice does nothing. Artifacts in stores of their own stay: a cluster
deletes them by pods with the credentials of the artifact, which are not kept here.
Source: argo-workflows `artifact_gc.go`; SEMANTICS section 10.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import msgspec

from setpoint.apis.argo import Artifact, NodeStatus, Workflow, WorkflowSpec
from setpoint.apis.errors import NotFound, SetpointError
from setpoint.engines.runner import EventRecorder
from setpoint.engines.workflow.head import WorkflowHead
from setpoint.ports.artifacts import ArtifactStore
from setpoint.ports.journal import Change, WorkflowJournal
from setpoint.ports.resources import ResourceApi

FINALIZER = "workflows.argoproj.io/artifact-gc"
ON_COMPLETION, ON_DELETION, NEVER = "OnWorkflowCompletion", "OnWorkflowDeletion", "Never"

_log = logging.getLogger(__name__)


def deletes_artifacts(spec: WorkflowSpec) -> bool:
    """Whether artifacts of the workflow are deleted at some time."""
    own = [spec.artifact_gc] + [
        item.artifact_gc for template in spec.templates for item in template.outputs.artifacts if item.artifact_gc
    ]
    return any(gc is not None and gc.strategy not in ("", NEVER) for gc in own)


def strategy_of(artifact: Artifact, spec: WorkflowSpec) -> str:
    """When the artifact is deleted; its own strategy wins over the workflow's."""
    if artifact.artifact_gc is not None and artifact.artifact_gc.strategy:
        return artifact.artifact_gc.strategy
    return (spec.artifact_gc.strategy if spec.artifact_gc is not None else "") or NEVER


class ArtifactCollector:
    """Deletes the artifacts of workflows that have ended or are about to go."""

    def __init__(
        self, resources: ResourceApi, journal: WorkflowJournal, store: ArtifactStore, recorder: EventRecorder
    ) -> None:
        self._resources = resources
        self._journal = journal
        self._store = store
        self._recorder = recorder

    async def completed(self, head: WorkflowHead) -> None:
        """Delete what goes when the workflow has ended."""
        await self._collect(head, (ON_COMPLETION,))

    async def deleted(self, head: WorkflowHead) -> None:
        """Delete what goes with the workflow, then let it go."""
        whole = await self._collect(head, (ON_COMPLETION, ON_DELETION))
        gc = head.spec.artifact_gc
        if whole or (gc is not None and gc.force_finalizer_removal):
            left = [item for item in head.metadata.finalizers if item != FINALIZER]
            patch = {"metadata": {"finalizers": left}}
            await self._resources.patch(Workflow, head.metadata.namespace, head.metadata.name, patch)

    async def _collect(self, head: WorkflowHead, strategies: tuple[str, ...]) -> bool:
        """Whether all of it went."""
        try:
            workflow = await self._resources.get(Workflow, head.metadata.namespace, head.metadata.name)
        except NotFound:
            return True
        spec = workflow.status.stored_workflow_template_spec or workflow.spec
        whole = True
        for node in workflow.status.nodes.values():
            if _lies_elsewhere(node, spec):
                continue
            gone = []
            for artifact in _due(node, spec, strategies):
                try:
                    assert artifact.s3 is not None  # noqa: S101  `_due` has looked
                    await asyncio.to_thread(self._store.delete, artifact.s3.key)
                    gone.append(artifact.name)
                except (SetpointError, OSError) as error:
                    whole = False
                    await self._recorder.warning(workflow, "ArtifactGCFailed", f"{artifact.name}: {error}")
            if gone:
                await self._journal.commit(head.metadata.uid, Change(nodes={node.id: _without(node, gone)}))
        return whole


def _lies_elsewhere(node: NodeStatus, spec: WorkflowSpec) -> bool:
    """Whether key-only artifacts of the node are in a repository or location of their own."""
    if spec.artifact_repository_ref is not None:
        return True
    locations = (item.archive_location for item in spec.templates if item.name == node.template_name)
    return any(item is not None and item.s3 is not None and not item.s3.key_only for item in locations)


def _due(node: NodeStatus, spec: WorkflowSpec, strategies: tuple[str, ...]) -> Iterator[Artifact]:
    for artifact in node.outputs.artifacts if node.outputs is not None else ():
        embedded = artifact.s3 is not None and artifact.s3.key_only
        if embedded and not artifact.deleted and strategy_of(artifact, spec) in strategies:
            yield artifact


def _without(node: NodeStatus, gone: list[str]) -> bytes:
    """The row of a node whose artifacts are deleted."""
    assert node.outputs is not None  # noqa: S101  it had artifacts
    artifacts = tuple(item.replace(deleted=True) if item.name in gone else item for item in node.outputs.artifacts)
    return msgspec.json.encode(node.replace(outputs=node.outputs.replace(artifacts=artifacts)))
