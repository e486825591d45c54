"""The machine as a Node, and what it and its pods use as the metrics API tells it. Pure.

Source: v1 Node; metrics.k8s.io/v1beta1 PodMetrics and NodeMetrics; kubernetes pkg/kubelet/nodestatus for reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from setpoint.apis.pods import Usage
from setpoint.core.pods.status import ADDRESS
from setpoint.core.pods.times import stamp

METRICS = "metrics.k8s.io/v1beta1"
MOST_PODS = 110
"""What a kubelet allows; nothing here counts pods, but clients show it."""

_HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What is known of the machine.

    Args:
        name: Its host name.
        resources: What pods are held against: cpu in thousandths, memory in bytes, devices by number.
        disk_bytes: Size of the file system that holds the state directory.
        version: Of this program.
        kernel: Its version.
        system: The operating system in words.
        architecture: As Go names it, such as `amd64`.
        machine_id: Drawn at its installation.
        boot_id: Drawn at its start.
    """

    name: str
    resources: Mapping[str, int]
    disk_bytes: int = 0
    version: str = ""
    kernel: str = ""
    system: str = ""
    architecture: str = ""
    machine_id: str = ""
    boot_id: str = ""


def node_labels(facts: NodeFacts) -> dict[str, str]:
    """What a kubelet would put on its Node."""
    return {
        "kubernetes.io/hostname": facts.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": facts.architecture,
        "node-role.kubernetes.io/control-plane": "",
    }


def node_status(facts: NodeFacts, now: datetime, former: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The status of the Node; transitions keep the time that they have in the `former` one."""
    resources = {name: _quantity(name, number) for name, number in facts.resources.items()}
    resources |= {"pods": str(MOST_PODS)}
    if facts.disk_bytes:
        resources["ephemeral-storage"] = f"{facts.disk_bytes // 1024}Ki"
    held = {item.get("type"): item for item in (former or {}).get("conditions", ())}
    moment = stamp(now)
    conditions = []
    for kind, status, reason, message in _HEALTHY:
        old = held.get(kind, {})
        since = old.get("lastTransitionTime", moment) if old.get("status") == status else moment
        conditions.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": moment,
                "lastTransitionTime": since,
            }
        )
    return {
        "capacity": resources,
        "allocatable": dict(resources),
        "conditions": conditions,
        "addresses": [{"type": "InternalIP", "address": ADDRESS}, {"type": "Hostname", "address": facts.name}],
        "nodeInfo": {
            "machineID": facts.machine_id,
            "systemUUID": facts.machine_id,
            "bootID": facts.boot_id,
            "kernelVersion": facts.kernel,
            "osImage": facts.system,
            "containerRuntimeVersion": f"setpoint://{facts.version}",
            "kubeletVersion": f"v{facts.version}",
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": facts.architecture,
        },
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "images": [],
    }


def _quantity(name: str, number: int) -> str:
    if name == "cpu":
        return f"{number}m" if number % 1000 else str(number // 1000)
    return f"{number // 1024}Ki" if name == "memory" else str(number)


def usage_document(before: Usage, after: Usage, window: timedelta) -> dict[str, str]:
    """What was used between two measurements: cpu in billionths of a core, memory in Ki."""
    seconds = max(window.total_seconds(), 0.001)
    used = max(0.0, after.cpu_seconds - before.cpu_seconds)
    return {"cpu": f"{round(used / seconds * 1e9)}n", "memory": f"{after.memory_bytes // 1024}Ki"}


def pod_metrics(
    metadata: Mapping[str, Any], containers: Mapping[str, Mapping[str, str]], now: datetime, window: timedelta
) -> dict[str, Any]:
    """One PodMetrics; `containers` are usage documents by name."""
    return {
        "kind": "PodMetrics",
        "apiVersion": METRICS,
        "metadata": dict(metadata),
        "timestamp": stamp(now),
        "window": _window(window),
        "containers": [{"name": name, "usage": dict(usage)} for name, usage in containers.items()],
    }


def node_metrics(
    name: str, labels: Mapping[str, str], usage: Mapping[str, str], now: datetime, window: timedelta
) -> dict[str, Any]:
    """The NodeMetrics of the machine."""
    return {
        "kind": "NodeMetrics",
        "apiVersion": METRICS,
        "metadata": {"name": name, "creationTimestamp": stamp(now), "labels": dict(labels)},
        "timestamp": stamp(now),
        "window": _window(window),
        "usage": dict(usage),
    }


def metrics_list(kind: str, items: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A PodMetricsList or NodeMetricsList."""
    return {"kind": f"{kind}List", "apiVersion": METRICS, "metadata": {}, "items": list(items)}


def _window(window: timedelta) -> str:
    return f"{window.total_seconds():.3f}".rstrip("0").rstrip(".") + "s"
