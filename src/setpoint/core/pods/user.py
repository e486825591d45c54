"""A Pod that a user made: the order to run it, and its status from how it runs. Pure.

Source: v1 PodStatus; kubernetes pkg/kubelet, `convertToAPIContainerStatuses`, `getPhase`, `GeneratePodReadyCondition`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from setpoint.apis.pod import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    HostIP,
    Pod,
    PodCondition,
    PodContainer,
    PodIP,
    PodStatus,
    attempt_of,
    launch_of,
)
from setpoint.apis.pods import POD_DELETED, ContainerEnd, ContainerLive, PodExit, PodPhase, PodRequest, PodState
from setpoint.core.pods.order import ALWAYS, deadline_of, make_order
from setpoint.core.pods.status import ADDRESS, DEADLINE_EXCEEDED, qos_class
from setpoint.core.workflow.commands import LaunchPod
from setpoint.core.workflow.pod_sources import PodIdentity

IGNORED = "setpoint.dev/FieldsIgnored"
"""The condition that says what of a pod has no meaning on one machine."""

_FIRST_PAUSE, _LONGEST_PAUSE = 10, 300
_UNKNOWN = ContainerStateTerminated(
    exit_code=137,
    reason="ContainerStatusUnknown",
    message="The container could not be located when the pod was terminated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a pod has not been launched yet; `scheduled` is False while it waits for room."""

    reason: str = "ContainerCreating"
    message: str = ""
    scheduled: bool = True


def user_order(pod: Pod, now: datetime) -> LaunchPod:
    """The order to run the pod. Raises: InvalidSpec, NotSupported."""
    meta, spec = pod.metadata, pod.spec
    identity = PodIdentity(
        name=meta.name,
        namespace=meta.namespace,
        pod_id=launch_of(meta),
        labels=meta.labels,
        annotations=meta.annotations,
        service_account=str(spec.service_account_name or "default"),
        known_uid=meta.uid,
    )
    deadline = deadline_of(spec.active_deadline_seconds, pod.status.start_time, now)
    order = make_order(spec, identity, now=now, deadline=deadline)
    request = order.request.replace(restart_policy=str(spec.restart_policy or ALWAYS))
    return LaunchPod(id=order.id, node=order.node, request=request, env=order.env, volumes=order.volumes)


def user_status(
    pod: Pod,
    request: PodRequest | None,
    state: PodState | None,
    now: datetime,
    waiting: Waiting | None = None,
    ignored: str = "",
) -> PodStatus:
    """The status of the pod.

    Args:
        pod: With its status as it was.
        request: What was launched, None if nothing could be made of the pod yet.
        state: How it runs or ended; None before its launch.
        now: The moment.
        waiting: Why it was not launched yet.
        ignored: What of the pod has no meaning here; said once, it stays.
    """
    over = state is not None and state.exit is not None
    live = _live(state)
    wait = waiting or Waiting()
    ready = frozenset(state.ready) if state is not None and not over else frozenset()
    spec = pod.spec
    inits = tuple(
        _status(pod, one, live, ready, over, _before(one, spec.init_containers, wait)) for one in spec.init_containers
    )
    initialized = all(_is_past(one, status) for one, status in zip(spec.init_containers, inits, strict=True))
    idle = wait if initialized else Waiting(reason="PodInitializing")
    mains = tuple(_status(pod, one, live, ready, over, idle) for one in spec.containers)
    phase = _phase(state, mains)
    end = state.exit if state is not None else None
    reason, message = _why(end)
    kept = {item.type: item for item in pod.status.conditions}
    conditions = tuple(
        _kept(kept, item, now)
        for item in _conditions(
            wait, initialized=initialized or phase == "Succeeded", phase=phase, statuses=(*inits, *mains)
        )
    )
    if ignored and IGNORED not in kept:
        kept[IGNORED] = PodCondition(type=IGNORED, status="True", message=ignored, last_transition_time=now)
    conditions += (kept[IGNORED],) if IGNORED in kept else ()
    launched = state is not None
    return PodStatus(
        phase=phase,
        reason=reason,
        message=message,
        conditions=conditions,
        host_ip=ADDRESS if launched else "",
        host_ips=(HostIP(ip=ADDRESS),) if launched else (),
        pod_ip=ADDRESS if launched else "",
        pod_ips=(PodIP(ip=ADDRESS),) if launched else (),
        start_time=pod.status.start_time or (now if wait.scheduled else None),
        init_container_statuses=inits,
        container_statuses=mains,
        qos_class=qos_class(request) if request is not None else pod.status.qos_class,
    )


def is_launched_anew(pod: Pod, end: PodExit) -> bool:
    """Whether the processes of a pod were lost (the machine was restarted) and its policy wants new ones."""
    return end.message == POD_DELETED and str(pod.spec.restart_policy or ALWAYS) in (ALWAYS, "OnFailure")


def refused_status(pod: Pod, reason: str, message: str, now: datetime) -> PodStatus:
    """Of a pod that is not run at all."""
    return PodStatus(phase="Failed", reason=reason, message=message, start_time=pod.status.start_time or now)


def _live(state: PodState | None) -> dict[str, ContainerLive]:
    if state is None:
        return {}
    return dict(state.live if state.exit is None else state.exit.live)


def _before(container: PodContainer, among: Iterable[PodContainer], wait: Waiting) -> Waiting:
    """An init container waits for those before it."""
    first = next(iter(among), None)
    return wait if container is first else Waiting(reason="PodInitializing")


def _status(
    pod: Pod,
    container: PodContainer,
    live: dict[str, ContainerLive],
    ready: frozenset[str],
    over: bool,
    wait: Waiting,
) -> ContainerStatus:
    name = container.name or "main"
    held = live.get(name)
    runs = held is not None and held.end is None and not over
    is_ready = runs and (container.readiness_probe is None or name in ready)
    state = _state(pod, name, held, over, wait)
    if state.terminated is not None and state.terminated.exit_code == 0 and container in pod.spec.init_containers:
        is_ready = True
    before = held.before if held is not None else None
    if held is not None and state.waiting is not None:
        before = held.end
    return ContainerStatus(
        name=name,
        image=container.image,
        image_id="",
        ready=is_ready,
        restart_count=attempt_of(pod.metadata) + (held.restarts if held is not None else 0),
        started=runs,
        state=state,
        last_state=ContainerState(terminated=_terminated(before)) if before is not None else ContainerState(),
        container_id=f"setpoint://{pod.metadata.uid}/{name}" if held is not None else "",
    )


def _state(pod: Pod, name: str, held: ContainerLive | None, over: bool, wait: Waiting) -> ContainerState:
    if held is None:
        return ContainerState(waiting=ContainerStateWaiting(reason=wait.reason, message=wait.message))
    if held.end is None:
        if over:
            return ContainerState(terminated=_UNKNOWN)
        return ContainerState(running=ContainerStateRunning(started_at=held.started_at))
    if held.due is not None and not over:
        pause = min(_FIRST_PAUSE << max(0, min(held.restarts, 16) - 1), _LONGEST_PAUSE)
        text = f"{pause // 60}m{pause % 60}s" if pause >= 60 else f"{pause}s"
        where = f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"
        message = f"back-off {text} restarting failed container={name} pod={where}"
        return ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff", message=message))
    return ContainerState(terminated=_terminated(held.end))


def _terminated(end: ContainerEnd) -> ContainerStateTerminated:
    reason = "Completed" if end.exit_code == 0 else "OOMKilled" if ": OOMKilled (" in end.message else "Error"
    _, _, detail = end.message.partition(f"(exit code {end.exit_code}): ")
    return ContainerStateTerminated(
        exit_code=end.exit_code,
        reason=reason,
        message=detail,
        started_at=_whole(end.started_at),
        finished_at=_whole(end.finished_at),
    )


def _whole(moment: datetime | None) -> datetime | None:
    return moment.replace(microsecond=0) if moment is not None else None


def _is_past(container: PodContainer, status: ContainerStatus) -> bool:
    """Whether what comes after an init container may begin."""
    if container.restart_policy == ALWAYS:
        return status.container_id != ""
    return status.state.terminated is not None and status.state.terminated.exit_code == 0


def _phase(state: PodState | None, mains: Iterable[ContainerStatus]) -> str:
    if state is not None and state.exit is not None:
        return "Succeeded" if state.exit.phase is PodPhase.SUCCEEDED else "Failed"
    return "Running" if any(item.container_id for item in mains) else "Pending"


def _why(end: PodExit | None) -> tuple[str, str]:
    """Reason and message of the pod itself; how a container ended is said of that."""
    if end is None or end.phase is PodPhase.SUCCEEDED:
        return "", ""
    if end.message == DEADLINE_EXCEEDED:
        return "DeadlineExceeded", end.message
    if end.message == POD_DELETED:
        return "Error", "its processes were lost: the machine or their supervisor was stopped"
    return ("Error", end.message) if end.phase is PodPhase.ERROR else ("", "")


def _conditions(
    wait: Waiting, *, initialized: bool, phase: str, statuses: Iterable[ContainerStatus]
) -> Iterable[PodCondition]:
    statuses = tuple(statuses)
    if wait.scheduled:
        yield PodCondition(type="PodScheduled", status="True")
    else:
        yield PodCondition(type="PodScheduled", status="False", reason="Unschedulable", message=wait.message)
        return
    waits_for = [item.name for item in statuses if not item.ready]
    unready = f"containers with unready status: [{' '.join(waits_for)}]"
    if initialized:
        yield PodCondition(type="Initialized", status="True")
    else:
        yield PodCondition(type="Initialized", status="False", reason="ContainersNotInitialized")
    over = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "")
    for kind in ("ContainersReady", "Ready"):
        if over:
            yield PodCondition(type=kind, status="False", reason=over)
        elif waits_for:
            yield PodCondition(type=kind, status="False", reason="ContainersNotReady", message=unready)
        else:
            yield PodCondition(type=kind, status="True")


def _kept(held: dict[str, PodCondition], item: PodCondition, now: datetime) -> PodCondition:
    """With the time of the last change of its status."""
    old = held.get(item.type)
    same = old is not None and old.status == item.status
    return item.replace(last_transition_time=old.last_transition_time if same and old is not None else now)
