"""The Pod object of an engine's pod: metadata and spec from the request that was launched. Pure.

Made as plain JSON, since a burst of steps makes thousands: a typed object would be built to be taken apart. Values that
came from a secret or a config map are never in it: where there are any, `about.shown` was made before they were read.
Source: v1 Pod; argo-workflows `workflowpod.go` for labels, annotations and names; batch/v1 for those of jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from setpoint.apis.meta import to_wire
from setpoint.apis.pod import DEFAULT_CONTAINER, LAUNCH
from setpoint.apis.pods import Container, Mount, PodAbout, PodRequest
from setpoint.core.pods.times import stamp

FINALIZER = "setpoint.dev/pod"
"""Holds a Pod object until its processes have ended."""

COMPLETED = "workflows.argoproj.io/completed"

OPEN = f"{COMPLETED}!=true"
"""Selects the pods that may still change, of workflows; all others."""

_MI = 1024 * 1024


def pod_uid(launch: str) -> str:
    """The uid of the Pod object of a launch: drawn from its id, so that the pod itself is told the same one."""
    return str(uuid5(NAMESPACE_OID, launch))


def pod_metadata(request: PodRequest, now: datetime, *, ended: bool) -> dict[str, Any]:
    """The metadata of a new object.

    Args:
        request: With an `about`.
        now: When the pod was launched.
        ended: Whether it has ended already; then nothing holds the object.
    """
    about = request.about or PodAbout()
    labels, annotations = dict(about.labels), {**about.annotations, LAUNCH: request.id}
    annotations.setdefault(DEFAULT_CONTAINER, request.main.name)
    if about.node and about.owner is not None:
        labels = {COMPLETED: str(ended).lower(), "workflows.argoproj.io/workflow": about.owner.name} | labels
        annotations |= {
            "workflows.argoproj.io/node-id": about.node,
            "workflows.argoproj.io/node-name": about.node_name,
        }
    metadata: dict[str, Any] = {
        "name": request.name,
        "namespace": request.namespace or "default",
        "uid": pod_uid(request.id),
        "generation": 1,
        "creationTimestamp": stamp(now),
        "labels": labels,
        "annotations": annotations,
    }
    if not ended:
        metadata["finalizers"] = [FINALIZER]
    if about.owner is not None:
        metadata["ownerReferences"] = [to_wire(about.owner)]
    return metadata


def pod_body(request: PodRequest, machine: str) -> dict[str, Any]:
    """All of a new object but metadata and status; `machine` is its node."""
    about = request.about or PodAbout()
    spec = about.shown if about.shown is not None else shown_spec(request)
    rest = {"nodeName": machine, "serviceAccountName": about.service_account or "default"}
    return {"apiVersion": "v1", "kind": "Pod", "spec": {**spec, **rest}}


def shown_spec(
    request: PodRequest,
    env: Mapping[str, Mapping[str, list[dict[str, Any]]]] | None = None,
    sources: Mapping[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The spec as far as the request tells.

    Args:
        request: As it was ordered: variables that are to be read from objects are empty.
        env: By container, `env` and `envFrom` entries of variables that come from objects, in place of their values.
        sources: By volume, where it comes from, in place of what its mounts say.
    """
    given = env or {}
    spec: dict[str, Any] = {
        "containers": [
            _shown(item, given.get(item.name, {})) for item in request.containers if not _before(item, request)
        ],
        "restartPolicy": request.restart_policy or "Never",
        "terminationGracePeriodSeconds": int(request.grace_seconds),
    }
    if request.init_containers:
        spec["initContainers"] = [_shown(item, given.get(item.name, {})) for item in request.init_containers]
    if volumes := _volumes(request.containers, sources or {}):
        spec["volumes"] = volumes
    if request.host_aliases:
        spec["hostAliases"] = to_wire(request.host_aliases)
    return spec


def _before(container: Container, request: PodRequest) -> bool:
    return any(container is item for item in request.init_containers)


def _shown(container: Container, given: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": container.name, "image": container.image}
    if container.command:
        shown["command"] = list(container.command)
    if container.args:
        shown["args"] = list(container.args)
    if container.working_dir:
        shown["workingDir"] = container.working_dir
    read = {item["name"]: item for item in given.get("env", ())}
    if container.env:
        shown["env"] = [read.get(name) or {"name": name, "value": value} for name, value in container.env.items()]
    if given.get("envFrom"):
        shown["envFrom"] = given["envFrom"]
    if container.mounts:
        shown["volumeMounts"] = [_shown_mount(item) for item in container.mounts]
    if resources := _resources(container):
        shown["resources"] = {"limits": resources, "requests": resources}
    if container.restarts:
        shown["restartPolicy"] = "Always"
    return shown


def _shown_mount(mount: Mount) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": mount.volume, "mountPath": mount.path}
    if mount.read_only:
        shown["readOnly"] = True
    if mount.sub_path:
        shown["subPath"] = mount.sub_path
    if mount.sub_path_expr:
        shown["subPathExpr"] = mount.sub_path_expr
    return shown


def _resources(container: Container) -> dict[str, str]:
    found = {}
    if container.cpu_milli is not None:
        found["cpu"] = f"{container.cpu_milli}m"
    if container.memory_bytes is not None:
        whole, rest = divmod(container.memory_bytes, _MI)
        found["memory"] = str(container.memory_bytes) if rest else f"{whole}Mi"
    if container.gpus:
        found["nvidia.com/gpu"] = str(container.gpus)
    return found


def _volumes(containers: Iterable[Container], sources: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for container in containers:
        for mount in container.mounts:
            if mount.volume not in found:
                own = {"hostPath": {"path": mount.host_path}} if mount.host_path else {"emptyDir": {}}
                found[mount.volume] = {"name": mount.volume, **sources.get(mount.volume, own)}
    return list(found.values())
