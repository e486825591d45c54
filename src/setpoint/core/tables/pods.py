"""What `kubectl get pods` says of a pod: how many containers are ready, its state in one word, restarts.

Source: kubernetes, pkg/printers/internalversion printPod.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from setpoint.core.tables.durations import since

Json = Mapping[str, Any]


def pod_ready(item: Json, now: datetime) -> str:
    """`1/2`: of the containers that are there, those that are ready."""
    wanted = len((item.get("spec") or {}).get("containers") or ())
    ready = sum(bool(one.get("ready")) for one in _states(item, "containerStatuses"))
    return f"{ready}/{wanted}"


def pod_status(item: Json, now: datetime) -> str:
    """`Running`, `Completed`, `CrashLoopBackOff`, `Init:0/1`, `Terminating` and the like."""
    status = item.get("status") or {}
    reason = status.get("reason") or status.get("phase") or "Pending"
    found, initializing = _of_init(item, reason)
    if not initializing:
        found = _of_containers(item, found)
    if (item.get("metadata") or {}).get("deletionTimestamp") and status.get("reason") != "NodeLost":
        ended = status.get("phase") in ("Succeeded", "Failed")
        return found if ended else "Terminating"
    return found


def pod_restarts(item: Json, now: datetime) -> str:
    """How often containers were started again, and how long ago that was last."""
    states = [*_states(item, "initContainerStatuses"), *_states(item, "containerStatuses")]
    count = sum(one.get("restartCount") or 0 for one in states)
    ends = [(((one.get("lastState") or {}).get("terminated")) or {}).get("finishedAt") for one in states]
    last = max(filter(None, ends), default=None)
    return f"{count} ({since(last, now)} ago)" if count and last else str(count)


def _states(item: Json, field: str) -> list[Json]:
    return list((item.get("status") or {}).get(field) or ())


def _of_init(item: Json, reason: str) -> tuple[str, bool]:
    init = (item.get("spec") or {}).get("initContainers") or ()
    sidecars = {one.get("name") for one in init if one.get("restartPolicy") == "Always"}
    for index, one in enumerate(_states(item, "initContainerStatuses")):
        state = one.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if (ended and ended.get("exitCode") == 0) or (one.get("name") in sidecars and one.get("started")):
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
        elif one.get("ready") and state.get("running"):
            running = True
    return "Running" if reason == "Completed" and running else reason


def _end(ended: Json) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"
