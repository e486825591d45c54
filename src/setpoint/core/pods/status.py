"""The status of an engine's pod, from its request and from how it runs or ended. Pure, and plain JSON like its object.

Source: v1 PodStatus; kubernetes pkg/kubelet for reasons and for the order of conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from setpoint.apis.pods import Container, ContainerEnd, PodExit, PodPhase, PodRequest
from setpoint.core.pods.times import stamp

ADDRESS = "127.0.0.1"
"""Of every pod and of the machine: processes share the host's network."""

DEADLINE_EXCEEDED = "Pod was active on the node longer than the specified deadline"

_UNKNOWN = {
    "exitCode": 137,
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was terminated",
}


def pending_status(request: PodRequest, launched: datetime, message: str = "") -> dict[str, Any]:
    """Of a pod whose containers do not run yet: init containers run or inputs are loaded."""
    reason = "PodInitializing" if request.init_containers else "ContainerCreating"
    waiting = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return {
        "phase": "Pending",
        "conditions": _conditions(stamp(launched), initialized=not request.init_containers, ready="ContainersNotReady"),
        **_common(request, launched),
        **_containers(
            request, lambda _: (waiting, False), lambda _: ({"waiting": {"reason": "PodInitializing"}}, False)
        ),
    }


def running_status(
    request: PodRequest,
    launched: datetime,
    started: datetime,
    *,
    ready: bool,
    ends: Mapping[str, ContainerEnd] | None = None,
) -> dict[str, Any]:
    """Of a pod whose main runs.

    Args:
        request: What was launched.
        launched: When.
        started: When its containers were.
        ready: Whether its readiness probes have succeeded.
        ends: Containers of a set that have ended while others go on.
    """
    running = {"running": {"startedAt": stamp(started)}}
    done = {"terminated": _terminated(ContainerEnd(exit_code=0, started_at=launched, finished_at=started))}

    def now(container: Container) -> tuple[dict[str, Any], bool]:
        end = ends.get(container.name) if ends else None
        return (running, ready) if end is None else ({"terminated": _terminated(end)}, False)

    return {
        "phase": "Running",
        "conditions": _conditions(stamp(started), ready="" if ready else "ContainersNotReady"),
        **_common(request, launched),
        **_containers(request, now, lambda _: (done, True)),
    }


def ended_status(request: PodRequest, launched: datetime, end: PodExit) -> dict[str, Any]:
    """Of a pod that has ended."""
    well = end.phase is PodPhase.SUCCEEDED
    finished = end.finished_at or launched
    known = {**end.others, **end.containers}
    if request.main.name not in known and end.exit_code is not None:
        known[request.main.name] = ContainerEnd(
            exit_code=end.exit_code, message=end.message, started_at=end.started_at, finished_at=end.finished_at
        )
    init_failed = end.started_at is None and any(one.name in end.others for one in request.init_containers)

    def state(container: Container) -> tuple[dict[str, Any], bool]:
        found = known.get(container.name)
        if found is not None:
            return {"terminated": _terminated(found)}, False
        if end.started_at is None and (init_failed or end.phase is not PodPhase.SUCCEEDED):
            return {"waiting": {"reason": "PodInitializing"}}, False
        if well or container in request.sidecars or container in request.init_containers:
            over = ContainerEnd(exit_code=0, started_at=end.started_at, finished_at=finished)
            return {"terminated": _terminated(over)}, False
        return {"terminated": _UNKNOWN}, False

    def before(container: Container) -> tuple[dict[str, Any], bool]:
        found, _ = state(container)
        return found, found.get("terminated", {}).get("exitCode") == 0

    status = {
        "phase": "Succeeded" if well else "Failed",
        "conditions": _conditions(stamp(finished), ready="PodCompleted" if well else "PodFailed"),
        **_common(request, launched),
        **_containers(request, state, before),
    }
    if not well and end.message:
        status["message"] = end.message
    if end.message == DEADLINE_EXCEEDED:
        status["reason"] = "DeadlineExceeded"
    return status


def terminated(end: ContainerEnd) -> dict[str, Any]:
    """How a container ended, as its state says it."""
    return _terminated(end)


def _terminated(end: ContainerEnd) -> dict[str, Any]:
    reason = "Completed" if end.exit_code == 0 else "OOMKilled" if ": OOMKilled (" in end.message else "Error"
    found: dict[str, Any] = {"exitCode": end.exit_code, "reason": reason}
    _, code, detail = end.message.partition(f"(exit code {end.exit_code}): ")
    if code:
        found["message"] = detail
    if end.started_at is not None:
        found["startedAt"] = stamp(end.started_at)
    if end.finished_at is not None:
        found["finishedAt"] = stamp(end.finished_at)
    return found


def _common(request: PodRequest, launched: datetime) -> dict[str, Any]:
    return {
        "hostIP": ADDRESS,
        "hostIPs": [{"ip": ADDRESS}],
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "startTime": stamp(launched),
        "qosClass": qos_class(request),
    }


def qos_class(request: PodRequest) -> str:
    """Guaranteed where all have limits of processor and memory, BestEffort where nothing is asked for."""
    if not request.requests and all(
        item.cpu_milli is None and item.memory_bytes is None for item in request.containers
    ):
        return "BestEffort"
    limited = all(item.cpu_milli is not None and item.memory_bytes is not None for item in request.containers)
    return "Guaranteed" if limited else "Burstable"


def conditions(
    moment: str, *, initialized: bool = True, ready: str = "", scheduled: str = "True"
) -> list[dict[str, Any]]:
    """The four that a kubelet keeps; `ready` is the reason why the pod is not, "" if it is."""
    return _conditions(moment, initialized=initialized, ready=ready, scheduled=scheduled)


def _conditions(
    moment: str, *, initialized: bool = True, ready: str = "", scheduled: str = "True"
) -> list[dict[str, Any]]:
    why = {"reason": ready} if ready else {}
    is_ready = "False" if ready else "True"
    first = {} if initialized else {"reason": "ContainersNotInitialized"}
    return [
        {"type": "PodScheduled", "status": scheduled, "lastTransitionTime": moment},
        {"type": "Initialized", "status": str(initialized), "lastTransitionTime": moment, **first},
        {"type": "ContainersReady", "status": is_ready, "lastTransitionTime": moment, **why},
        {"type": "Ready", "status": is_ready, "lastTransitionTime": moment, **why},
    ]


def _containers(request: PodRequest, state: Any, before: Any) -> dict[str, Any]:
    mains = (request.main, *request.fellows, *request.sidecars)
    found: dict[str, Any] = {"containerStatuses": _statuses(request.id, mains, state)}
    if request.init_containers:
        found["initContainerStatuses"] = _statuses(request.id, request.init_containers, before)
    return found


def _statuses(launch: str, containers: Iterable[Container], state: Any) -> list[dict[str, Any]]:
    statuses = []
    for container in containers:
        now, ready = state(container)
        statuses.append(
            {
                "name": container.name,
                "image": container.image,
                "imageID": "",
                "containerID": f"setpoint://{launch}/{container.name}",
                "ready": ready,
                "restartCount": 0,
                "started": "running" in now,
                "state": now,
                "lastState": {},
            }
        )
    return statuses
