"""What a pod asks of the machine and may use of it.

As Kubernetes counts: the containers that run side by side together, or the largest init container if that is more; a
limit without a request is a request too; resources of the pod as a whole win over those of its containers.
Source: Kubernetes, "Resource Management for Pods and Containers", "Init Containers: resource sharing".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from setpoint.apis import argo
from setpoint.apis.quantity import parse_quantity
from setpoint.core.workflow.pod_spec import Pod

GPU = "nvidia.com/gpu"
UNCOUNTED = ("ephemeral-storage",)
"""Resources that are neither set aside nor limited here."""


def amount(resource: str, quantity: Any) -> int:
    """A quantity in the unit it is counted in: cpu in thousandths, all else as is. Raises: InvalidSpec."""
    number = parse_quantity(quantity)
    return math.ceil(number * 1000 if resource == "cpu" else number)


def limit_of(container: argo.Container, resource: str) -> int | None:
    """The container's limit, None without one. Raises: InvalidSpec."""
    limits = (container.resources or {}).get("limits") or {}
    return amount(resource, limits[resource]) if resource in limits else None


def pod_limit(pod: Pod, resource: str) -> int | None:
    """The limit of all containers together, None without one. Raises: InvalidSpec."""
    limits = pod.resources.limits if pod.resources is not None else {}
    return amount(resource, limits[resource]) if resource in limits else None


def pod_requests(pod: Pod) -> dict[str, int]:
    """What is to be set aside for the pod; empty for one that asks for nothing. Raises: InvalidSpec."""
    if pod.resources is None and all(not item.resources for item in pod.containers):
        return {}
    together = _sum(container_requests(item.resources or {}) for item in (*pod.mains, *pod.sidecars))
    for item in pod.init_containers:
        for name, number in container_requests(item.resources or {}).items():
            together[name] = max(together.get(name, 0), number)
    if pod.resources is not None:
        together |= container_requests({"limits": pod.resources.limits, "requests": pod.resources.requests})
    return {name: number for name, number in together.items() if number and name not in UNCOUNTED}


def requests_beside(
    containers: Iterable[argo.Container], before: Iterable[tuple[argo.Container, bool]]
) -> dict[str, int]:
    """What is set aside for a pod some of whose init containers go on beside the others.

    Args:
        containers: Those that run side by side.
        before: Init containers in their order, and whether they go on.
    """
    along: dict[str, int] = {}
    most: dict[str, int] = {}
    for item, goes_on in before:
        wanted = _sum((along, container_requests(item.resources or {})))
        most = {name: max(most.get(name, 0), wanted.get(name, 0)) for name in {**most, **wanted}}
        along = wanted if goes_on else along
    together = _sum((along, *(container_requests(item.resources or {}) for item in containers)))
    found = {name: max(together.get(name, 0), most.get(name, 0)) for name in {**together, **most}}
    return {name: number for name, number in found.items() if number and name not in UNCOUNTED}


def container_requests(resources: Mapping[str, Any]) -> dict[str, int]:
    """What the `resources` of a container ask for, a limit without a request too. Raises: InvalidSpec."""
    wanted = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: amount(name, quantity) for name, quantity in wanted.items()}


def _sum(tables: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for table in tables:
        for name, number in table.items():
            total[name] = total.get(name, 0) + number
    return total
