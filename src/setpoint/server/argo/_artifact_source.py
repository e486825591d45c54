"""Where an artifact of a node lies, as its status and the workflow's artifact repository say."""

from __future__ import annotations

from setpoint.apis.argo import Artifact, Workflow
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import NotFound
from setpoint.apis.pods import Archive, ArtifactInput
from setpoint.core.workflow.artifact_gc import template_of
from setpoint.core.workflow.context import Cache, Library
from setpoint.core.workflow.places import place_of
from setpoint.core.workflow.repository import Repository, of_template, read_repository
from setpoint.engines.workflow.environment import filled_place
from setpoint.ports.resources import ResourceApi


async def input_of(resources: ResourceApi, workflow: Workflow, item: Artifact, node_id: str) -> ArtifactInput:
    """What is to be read for an artifact of a node.

    Raises: NotFound if it is stored nowhere; InvalidSpec for a repository that cannot be read, or a secret that is
        missing; NotSupported for a store that is not served on one machine.
    """
    if item.raw is not None:
        return ArtifactInput(name=item.name, path="", raw=item.raw.data)
    status, namespace = workflow.status, workflow.metadata.namespace
    repository = await _repository(resources, namespace, status.artifact_repository_ref)
    spec = status.stored_workflow_template_spec or workflow.spec
    template = template_of(status.nodes[node_id], spec, status.stored_templates)
    located = (of_template(template, repository) if template is not None else repository).located(item)
    place = place_of(located)
    if place is not None:
        place = await filled_place(resources, namespace, place)
        return ArtifactInput(name=item.name, path="", archive=_archive(item), place=place)
    key = located.s3.key if located.s3 is not None else ""
    if not key:
        raise NotFound("Artifact", item.name, namespace)
    return ArtifactInput(name=item.name, path="", archive=_archive(item), key=key)


async def _repository(resources: ResourceApi, namespace: str, ref: dict[str, object] | None) -> Repository:
    name = str((ref or {}).get("configMap", ""))
    if not name:
        return Repository()
    try:
        found = await resources.get(ConfigMap, namespace, name)
        held: Cache | None = Cache(data=found.data, annotations=found.metadata.annotations)
    except NotFound:
        held = None
    return read_repository(ref, Library(caches={name: held}))


def _archive(item: Artifact) -> Archive | None:
    if item.archive is None:
        return None
    if item.archive.none is not None:
        return Archive.NONE
    return Archive.ZIP if item.archive.zip is not None else Archive.TAR
