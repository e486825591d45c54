"""A template's pod: its containers and volumes, with the podSpecPatches of workflow and template applied.

Source: SEMANTICS sections 13 and 19; argo-workflows `createWorkflowPod`, `ApplyPodSpecPatch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from setpoint.apis import argo, pods
from setpoint.apis.argo import ResourceRequirements, Template, Volume, WorkflowSpec
from setpoint.apis.argo.pod_spec import PodSpec
from setpoint.apis.argo.scalars import IntOrString
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import load_documents
from setpoint.apis.meta import to_wire
from setpoint.apis.strategic_merge import POD_MERGE_KEYS, strategic_merge

PATCH_ERROR = "Error applying PodSpecPatch"
_ENGINES_OWN = ("wait", "init")
_CONTAINER_FIELDS = frozenset(argo.Container.__struct_encode_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod in the terms of its template. `grace_seconds` None means Kubernetes' 30."""

    mains: tuple[argo.Container, ...]
    init_containers: tuple[argo.Container, ...]
    sidecars: tuple[argo.Container, ...]
    volumes: Mapping[str, Volume]
    active_deadline_seconds: IntOrString | None
    grace_seconds: int | None
    host_aliases: tuple[dict[str, Any], ...]
    resources: ResourceRequirements | None
    service_account: str = ""
    automount: bool | None = None

    @property
    def containers(self) -> tuple[argo.Container, ...]:
        """Every container."""
        return (*self.mains, *self.init_containers, *self.sidecars)


def make_pod(
    template: Template, spec: WorkflowSpec, claims: tuple[dict[str, Any], ...], patches: tuple[str, ...]
) -> Pod:
    """The pod of a filled-in template.

    Args:
        template: A template with a main container.
        spec: The workflow's.
        claims: Volumes of the claims that the workflow has made.
        patches: The patches in the order of their application, all tags filled in.

    Raises:
        InvalidSpec: A patch cannot be applied.
    """
    mains = template.mains
    mirrored = mains[0].volume_mounts
    own = msgspec.convert(claims, tuple[Volume, ...]) if claims else ()
    volumes = {item.name: item for item in (*own, *spec.volumes, *template.volumes)}
    pod = Pod(
        mains=mains,
        init_containers=tuple(_with_mirror(item, mirrored) for item in template.init_containers),
        sidecars=tuple(_with_mirror(item, mirrored) for item in template.sidecars),
        volumes=volumes,
        active_deadline_seconds=template.active_deadline_seconds,
        grace_seconds=None,
        host_aliases=(*spec.host_aliases, *template.host_aliases),
        resources=template.pod_resources or spec.pod_resources,
        service_account=template.service_account_name or spec.service_account_name,
        automount=template.automount_service_account_token
        if template.automount_service_account_token is not None
        else spec.automount_service_account_token,
    )
    return _patched(pod, patches) if patches else pod


def _with_mirror(item: argo.UserContainer, mounts: tuple[argo.VolumeMount, ...]) -> argo.Container:
    return item.replace(volume_mounts=(*item.volume_mounts, *mounts)) if item.mirror_volume_mounts else item


def _patched(pod: Pod, patches: tuple[str, ...]) -> Pod:
    """Raises: InvalidSpec in the words of a cluster, which do not say what is wrong; lint does."""
    try:
        tree = _tree(pod)
        for patch in patches:
            change = read_patch(patch)
            msgspec.convert(change, PodSpec)
            tree = strategic_merge(tree, change, POD_MERGE_KEYS)
        spec = msgspec.convert(tree, PodSpec)
    except (InvalidSpec, msgspec.ValidationError) as error:
        raise InvalidSpec(PATCH_ERROR) from error
    mains = {item.name: item for item in pod.mains}
    containers = [item for item in spec.containers if item.name not in _ENGINES_OWN]
    return Pod(
        mains=tuple(_as_main(item, mains[item.name]) for item in containers if item.name in mains),
        init_containers=tuple(item for item in spec.init_containers if item.name not in _ENGINES_OWN),
        sidecars=tuple(item for item in containers if item.name not in mains),
        volumes={item.name: item for item in spec.volumes},
        active_deadline_seconds=spec.active_deadline_seconds
        if spec.active_deadline_seconds is not None
        else pod.active_deadline_seconds,
        grace_seconds=spec.termination_grace_period_seconds,
        host_aliases=spec.host_aliases,
        resources=spec.resources,
        service_account=spec.service_account_name or spec.service_account or pod.service_account,
        automount=pod.automount
        if spec.automount_service_account_token is None
        else bool(spec.automount_service_account_token),
    )


def read_patch(text: str) -> Any:
    """A patch as JSON has it. Raises: InvalidSpec if it is neither YAML nor JSON of a map."""
    documents = load_documents(text, "podSpecPatch")
    change = documents[0].builtins() if documents else {}
    if not isinstance(change, dict):
        raise InvalidSpec(f"a patch must be a map, found {change!r}")
    return change


def _tree(pod: Pod) -> dict[str, Any]:
    """The spec that a patch is laid over; the cluster's own containers are in it by name."""
    tree: dict[str, Any] = {
        "containers": [*({"name": "wait"},), *map(_container_tree, (*pod.mains, *pod.sidecars))],
        "initContainers": [{"name": "init"}, *map(_container_tree, pod.init_containers)],
        "volumes": to_wire(tuple(pod.volumes.values())),
        "hostAliases": list(pod.host_aliases),
    }
    return tree | ({"resources": to_wire(pod.resources)} if pod.resources is not None else {})


def _container_tree(container: argo.Container) -> dict[str, Any]:
    tree = {key: value for key, value in to_wire(container).items() if key in _CONTAINER_FIELDS}
    if isinstance(container, argo.ScriptTemplate) and container.source:
        tree["args"] = [*container.args, pods.SCRIPT_PATH]  # on a cluster the script's path is an argument like any
    return tree


def _as_main(container: argo.Container, original: argo.Container) -> argo.Container:
    """The patched container with what Kubernetes does not know of it: source or dependencies."""
    fields = {name: getattr(container, name) for name in argo.Container.__struct_fields__}
    if isinstance(original, argo.ScriptTemplate) and container.args[-1:] == (pods.SCRIPT_PATH,):
        return argo.ScriptTemplate(**{**fields, "args": container.args[:-1]}, source=original.source)
    if isinstance(original, argo.ContainerNode):
        return argo.ContainerNode(**fields, dependencies=original.dependencies)
    return container
