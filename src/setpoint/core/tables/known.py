"""The columns of Kubernetes' own kinds, computed as kubectl's printers do it.

Source: kubernetes, pkg/printers/internalversion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from setpoint.apis.definitions import Column
from setpoint.core.tables.durations import human_duration, since
from setpoint.core.tables.events import (
    event_count,
    event_first_seen,
    event_last_seen,
    event_message,
    event_object,
    event_source,
)
from setpoint.core.tables.pods import pod_address, pod_gates, pod_ready, pod_restarts, pod_status

Json = Mapping[str, Any]
Cell = Callable[[Json, datetime], Any]

_NONE = "<none>"
_ACCESS = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def dig(item: Any, *path: str) -> Any:
    """What is at a path of fields, None if nothing is."""
    for name in path:
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def _field(*path: str, missing: Any = "") -> Cell:
    def cell(item: Json, now: datetime) -> Any:
        found = dig(item, *path)
        return missing if found is None or found == "" else found

    return cell


def _age(item: Json, now: datetime) -> str:
    return since(dig(item, "metadata", "creationTimestamp"), now)


def _created(item: Json, now: datetime) -> str:
    return dig(item, "metadata", "creationTimestamp") or ""


def _count(*fields: str) -> Cell:
    return lambda item, now: sum(len(item.get(field) or ()) for field in fields)


def _column(name: str, cell: Cell, *, wide: bool = False, type: str = "string") -> tuple[Column, Cell]:
    return Column(name=name, type=type, priority=int(wide)), cell


_AGE = _column("Age", _age)


def _job_status(item: Json, now: datetime) -> str:
    conditions = dig(item, "status", "conditions") or ()
    held = {one.get("type") for one in conditions if one.get("status") == "True"}
    if dig(item, "metadata", "deletionTimestamp"):
        held.add("Terminating")
    states = ("Complete", "Failed", "Terminating", "Suspended", "FailureTarget")
    return next((name for name in states if name in held), "Running")


def _job_completions(item: Json, now: datetime) -> str:
    done = dig(item, "status", "succeeded") or 0
    wanted, parallelism = dig(item, "spec", "completions"), dig(item, "spec", "parallelism") or 0
    if wanted is not None:
        return f"{done}/{wanted}"
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def _job_duration(item: Json, now: datetime) -> str:
    start, end = dig(item, "status", "startTime"), dig(item, "status", "completionTime")
    if not start:
        return ""
    return human_duration((datetime.fromisoformat(end) if end else now) - datetime.fromisoformat(start))


def _containers(*path: str) -> tuple[tuple[Column, Cell], ...]:
    def joined(name: str) -> Cell:
        return lambda item, now: ",".join(str(one.get(name, "")) for one in dig(item, *path, "containers") or ())

    return _column("Containers", joined("name"), wide=True), _column("Images", joined("image"), wide=True)


def _selector(*path: str) -> Cell:
    def cell(item: Json, now: datetime) -> str:
        labels = dig(item, *path) or {}
        return ",".join(f"{key}={value}" for key, value in labels.items()) or _NONE

    return cell


def _suspended(item: Json, now: datetime) -> str:
    return "True" if dig(item, "spec", "suspend") else "False"


def _last_schedule(item: Json, now: datetime) -> str:
    last = dig(item, "status", "lastScheduleTime")
    return since(last, now) if last else _NONE


def _ports(item: Json, now: datetime) -> str:
    parts = []
    for port in dig(item, "spec", "ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        parts.append(f"{port.get('port')}{node}/{port.get('protocol') or 'TCP'}")
    return ",".join(parts) or _NONE


def _external_address(item: Json, now: datetime) -> str:
    outer = list(dig(item, "spec", "externalIPs") or ())
    match dig(item, "spec", "type"):
        case "ExternalName":
            return dig(item, "spec", "externalName") or ""
        case "LoadBalancer":
            ingress = dig(item, "status", "loadBalancer", "ingress") or ()
            given = sorted({one.get("ip") or one.get("hostname") or "" for one in ingress} - {""})
            return ",".join([*given, *outer]) or "<pending>"
        case _:
            return ",".join(outer) or _NONE


def _access_modes(item: Json, now: datetime) -> str:
    return ",".join(_ACCESS.get(mode, mode) for mode in dig(item, "spec", "accessModes") or ())


def _claim_status(item: Json, now: datetime) -> str:
    gone = dig(item, "metadata", "deletionTimestamp")
    return "Terminating" if gone else dig(item, "status", "phase") or "Bound"


def _capacity(item: Json, now: datetime) -> str:
    return dig(item, "status", "capacity", "storage") or ""


def _role(item: Json, now: datetime) -> str:
    reference = item.get("roleRef") or {}
    return f"{reference.get('kind', '')}/{reference.get('name', '')}"


def _subjects(kind: str) -> Cell:
    def cell(item: Json, now: datetime) -> str:
        names = []
        for subject in item.get("subjects") or ():
            if subject.get("kind") == kind:
                namespace = f"{subject['namespace']}/" if subject.get("namespace") else ""
                names.append(f"{namespace}{subject.get('name', '')}")
        return ", ".join(names)

    return cell


_BINDING = (
    _column("Role", _role),
    _AGE,
    _column("Users", _subjects("User"), wide=True),
    _column("Groups", _subjects("Group"), wide=True),
    _column("ServiceAccounts", _subjects("ServiceAccount"), wide=True),
)


def _node_status(item: Json, now: datetime) -> str:
    ready = [one for one in dig(item, "status", "conditions") or () if one.get("type") == "Ready"]
    words = [("Ready" if ready[0].get("status") == "True" else "NotReady") if ready else "Unknown"]
    return ",".join([*words, *(["SchedulingDisabled"] if dig(item, "spec", "unschedulable") else [])])


def _node_roles(item: Json, now: datetime) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = dig(item, "metadata", "labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or _NONE


def _node_address(kind: str) -> Cell:
    def cell(item: Json, now: datetime) -> str:
        found = (one["address"] for one in dig(item, "status", "addresses") or () if one.get("type") == kind)
        return next(found, _NONE)

    return cell


KNOWN: Mapping[str, tuple[tuple[Column, Cell], ...]] = {
    "Pod": (
        _column("Ready", pod_ready),
        _column("Status", pod_status),
        _column("Restarts", pod_restarts),
        _AGE,
        _column("IP", pod_address, wide=True),
        _column("Node", _field("spec", "nodeName", missing=_NONE), wide=True),
        _column("Nominated Node", _field("status", "nominatedNodeName", missing=_NONE), wide=True),
        _column("Readiness Gates", pod_gates, wide=True),
    ),
    "Job.batch": (
        _column("Status", _job_status),
        _column("Completions", _job_completions),
        _column("Duration", _job_duration),
        _AGE,
        *_containers("spec", "template", "spec"),
        _column("Selector", _selector("spec", "selector", "matchLabels"), wide=True),
    ),
    "CronJob.batch": (
        _column("Schedule", _field("spec", "schedule")),
        _column("Timezone", _field("spec", "timeZone", missing=_NONE)),
        _column("Suspend", _suspended, type="boolean"),
        _column("Active", lambda item, now: len(dig(item, "status", "active") or ()), type="integer"),
        _column("Last Schedule", _last_schedule),
        _AGE,
        *_containers("spec", "jobTemplate", "spec", "template", "spec"),
        _column("Selector", _selector("spec", "jobTemplate", "spec", "selector", "matchLabels"), wide=True),
    ),
    "Service": (
        _column("Type", _field("spec", "type", missing="ClusterIP")),
        _column("Cluster-IP", _field("spec", "clusterIP", missing=_NONE)),
        _column("External-IP", _external_address),
        _column("Port(s)", _ports),
        _AGE,
        _column("Selector", _selector("spec", "selector"), wide=True),
    ),
    "Namespace": (_column("Status", _field("status", "phase")), _AGE),
    "ConfigMap": (_column("Data", _count("data", "binaryData")), _AGE),
    "Secret": (
        _column("Type", _field("type", missing="Opaque")),
        _column("Data", _count("data"), type="integer"),
        _AGE,
    ),
    "ServiceAccount": (_column("Secrets", _count("secrets")), _AGE),
    "Event": (
        _column("Last Seen", event_last_seen),
        _column("Type", _field("type", missing="Normal")),
        _column("Reason", _field("reason")),
        _column("Object", event_object),
        _column("Subobject", _field("involvedObject", "fieldPath"), wide=True),
        _column("Source", event_source, wide=True),
        _column("Message", event_message),
        _column("First Seen", event_first_seen, wide=True),
        _column("Count", event_count, wide=True),
        (Column(name="Name", format="name", priority=1), _field("metadata", "name")),
    ),
    "PersistentVolumeClaim": (
        _column("Status", _claim_status),
        _column("Volume", _field("spec", "volumeName")),
        _column("Capacity", _capacity),
        _column("Access Modes", _access_modes),
        _column("StorageClass", _field("spec", "storageClassName")),
        _column("VolumeAttributesClass", _field("spec", "volumeAttributesClassName", missing="<unset>")),
        _AGE,
        _column("VolumeMode", _field("spec", "volumeMode", missing="Filesystem"), wide=True),
    ),
    "Role.rbac.authorization.k8s.io": (_column("Created At", _created),),
    "ClusterRole.rbac.authorization.k8s.io": (_column("Created At", _created),),
    "RoleBinding.rbac.authorization.k8s.io": _BINDING,
    "ClusterRoleBinding.rbac.authorization.k8s.io": _BINDING,
    "Lease.coordination.k8s.io": (_column("Holder", _field("spec", "holderIdentity")), _AGE),
    "CustomResourceDefinition.apiextensions.k8s.io": (_column("Created At", _created),),
    "Node": (
        _column("Status", _node_status),
        _column("Roles", _node_roles),
        _AGE,
        _column("Version", _field("status", "nodeInfo", "kubeletVersion")),
        _column("Internal-IP", _node_address("InternalIP"), wide=True),
        _column("External-IP", _node_address("ExternalIP"), wide=True),
        _column("OS-Image", _field("status", "nodeInfo", "osImage", missing="<unknown>"), wide=True),
        _column("Kernel-Version", _field("status", "nodeInfo", "kernelVersion", missing="<unknown>"), wide=True),
        _column(
            "Container-Runtime",
            _field("status", "nodeInfo", "containerRuntimeVersion", missing="<unknown>"),
            wide=True,
        ),
    ),
}
"""By `Kind.group`; the name comes before, except for those of `NAMELESS`."""

NAMELESS = frozenset({"Event"})
