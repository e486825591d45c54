"""What `kubectl get pods` says of a pod: how many containers are ready, its state in one word, restarts.

Source: kubernetes, pkg/printers/internalversion printPod.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from setpoint.core.tables.durations import since

Json = Mapping[str, Any]

_GATED = "SchedulingGated"


def pod_ready(item: Json, now: datetime) -> str:
    """`1/2`: of the containers that are there, those that are ready; init containers that last count."""
    spec = item.get("spec") or {}
    sidecars = _sidecars(item)
    wanted = len(spec.get("containers") or ()) + len(sidecars)
    lasting = [one for one in _states(item, "initContainerStatuses") if one.get("name") in sidecars]
    ready = sum(bool(one.get("started") and one.get("ready")) for one in lasting)
    running = (one for one in _states(item, "containerStatuses") if (one.get("state") or {}).get("running") is not None)
    return f"{ready + sum(bool(one.get('ready')) for one in running)}/{wanted}"


def pod_status(item: Json, now: datetime) -> str:
    """`Running`, `Completed`, `CrashLoopBackOff`, `Init:0/1`, `Terminating` and the like."""
    status = item.get("status") or {}
    reason = status.get("reason") or status.get("phase") or "Pending"
    if any(one.get("type") == "PodScheduled" and one.get("reason") == _GATED for one in _conditions(item)):
        reason = _GATED
    found, initializing = _of_init(item, reason)
    if not initializing or _holds(item, "Initialized"):
        found = _of_containers(item, found)
    if (item.get("metadata") or {}).get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            return "Unknown"
        ended = status.get("phase") in ("Succeeded", "Failed")
        return found if ended else "Terminating"
    return found


def pod_restarts(item: Json, now: datetime) -> str:
    """How often containers were started again, and how long ago that was last.

    Once init containers have ended only those of them count that last.
    """
    init, sidecars = _states(item, "initContainerStatuses"), _sidecars(item)
    if not _of_init(item, "")[1] or _holds(item, "Initialized"):
        lasting = [one for one in init if one.get("name") in sidecars]
        states = [*lasting, *_states(item, "containerStatuses")]
    else:
        states = init
    count = sum(one.get("restartCount") or 0 for one in states)
    ends = [(((one.get("lastState") or {}).get("terminated")) or {}).get("finishedAt") for one in states]
    last = max(filter(None, ends), default=None)
    return f"{count} ({since(last, now)} ago)" if count and last else str(count)


def pod_address(item: Json, now: datetime) -> str:
    """Its first address."""
    status = item.get("status") or {}
    first: Json = next(iter(status.get("podIPs") or ()), {})
    return first.get("ip") or status.get("podIP") or "<none>"


def pod_gates(item: Json, now: datetime) -> str:
    """`1/2`: of the readiness gates, those whose condition holds."""
    gates = (item.get("spec") or {}).get("readinessGates") or ()
    return f"{sum(_holds(item, gate.get('conditionType', '')) for gate in gates)}/{len(gates)}" if gates else "<none>"


def _states(item: Json, field: str) -> list[Json]:
    return list((item.get("status") or {}).get(field) or ())


def _conditions(item: Json) -> list[Json]:
    return _states(item, "conditions")


def _holds(item: Json, kind: str) -> bool:
    return any(one.get("type") == kind and one.get("status") == "True" for one in _conditions(item))


def _sidecars(item: Json) -> frozenset[str]:
    """Names of init containers that run as long as the pod."""
    init = (item.get("spec") or {}).get("initContainers") or ()
    return frozenset(one.get("name", "") for one in init if one.get("restartPolicy") == "Always")


def _of_init(item: Json, reason: str) -> tuple[str, bool]:
    init, sidecars = (item.get("spec") or {}).get("initContainers") or (), _sidecars(item)
    for index, one in enumerate(_states(item, "initContainerStatuses")):
        state = one.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if (ended and ended.get("exitCode", 0) == 0) or (one.get("name") in sidecars and one.get("started")):
            continue
        if ended:
            return f"Init:{_end(ended)}", True
        if waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}", True
        return f"Init:{index}/{len(init)}", True
    return reason, False


def _of_containers(item: Json, reason: str) -> str:
    running = False
    for one in reversed(_states(item, "containerStatuses")):
        state = one.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif ended:
            reason = _end(ended)
        elif one.get("ready") and state.get("running") is not None:
            running = True
    if reason == "Completed" and running:
        return "Running" if _holds(item, "Ready") else "NotReady"
    return reason


def _end(ended: Json) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"
