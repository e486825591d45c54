"""The status of a user's Pod, from how its containers are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.pod import Pod, PodStatus
from setpoint.apis.pods import ContainerEnd, ContainerLive, PodExit, PodPhase, PodState
from setpoint.core.pods.user import Waiting, is_launched_anew, user_order, user_status

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
GOOD = ContainerEnd(exit_code=0, started_at=NOW, finished_at=NOW)
BAD = ContainerEnd(exit_code=1, message="a: Error (exit code 1)", started_at=NOW, finished_at=NOW)


def pod(status: PodStatus | None = None, **spec: Any) -> Pod:
    tree = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u", "labels": {"app": "x"}},
        "spec": {"containers": [{"name": "a", "image": "busybox", "command": ["true"]}], **spec},
    }
    found = msgspec.convert(tree, Pod)
    return found if status is None else found.replace(status=status)


def state(live: dict[str, ContainerLive], *, ready: tuple[str, ...] = (), end: PodExit | None = None) -> PodState:
    phase = PodPhase.RUNNING if end is None else end.phase
    if end is not None:
        return PodState(id="u", phase=phase, exit=end.replace(live=live))
    return PodState(id="u", phase=phase, live=live, ready=ready)


def conditions(status: PodStatus) -> dict[str, str]:
    return {item.type: item.status for item in status.conditions}


class TestOrder:
    """What is asked of the launcher."""

    def test_the_launch_id_follows_from_uid_and_attempt(self) -> None:
        assert user_order(pod(), NOW).id == "u"
        again = pod()
        again = again.replace(metadata=again.metadata.replace(annotations={"setpoint.dev/attempt": "2"}))
        assert user_order(again, NOW).id == "u-2"

    def test_restarts_are_always_by_default(self) -> None:
        assert user_order(pod(), NOW).request.restart_policy == "Always"
        assert user_order(pod(restartPolicy="Never"), NOW).request.restart_policy == "Never"

    def test_init_containers_with_a_policy_of_their_own_go_on_beside(self) -> None:
        inits = [{"name": "i", "image": "busybox"}, {"name": "s", "image": "busybox", "restartPolicy": "Always"}]
        request = user_order(pod(initContainers=inits), NOW).request
        assert [(item.name, item.restarts) for item in request.init_containers] == [("i", False), ("s", True)]

    def test_what_is_set_aside_counts_those_that_go_on(self) -> None:
        def asks(name: str, cpu: str, **more: str) -> dict[str, Any]:
            return {"name": name, "image": "x", "resources": {"requests": {"cpu": cpu}}, **more}

        inits = [asks("s", "1", restartPolicy="Always"), asks("i", "3")]
        request = user_order(pod(containers=[asks("a", "2")], initContainers=inits), NOW).request
        assert request.requests == {"cpu": 4000}
        request = user_order(pod(containers=[asks("a", "5")], initContainers=inits), NOW).request
        assert request.requests == {"cpu": 6000}

    def test_it_has_no_variables_of_workflows(self) -> None:
        assert user_order(pod(), NOW).request.main.env == {}

    def test_the_deadline_counts_from_the_start(self) -> None:
        started = PodStatus(start_time=NOW - timedelta(seconds=60))
        request = user_order(pod(started, activeDeadlineSeconds=100), NOW).request
        assert request.deadline == NOW + timedelta(seconds=40)

    def test_a_mount_without_volume_is_refused(self) -> None:
        containers = [{"name": "a", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]
        with pytest.raises(InvalidSpec):
            user_order(pod(containers=containers), NOW)


class TestStatus:
    """What is told."""

    def test_before_its_launch_it_waits_for_a_reason(self) -> None:
        waiting = Waiting(reason="CreateContainerConfigError", message='configmap "c" not found')
        status = user_status(pod(), None, None, NOW, waiting)
        assert status.phase == "Pending"
        (container,) = status.container_statuses
        assert container.state.waiting is not None
        assert container.state.waiting.reason == "CreateContainerConfigError"
        assert conditions(status)["PodScheduled"] == "True"

    def test_without_room_it_is_not_scheduled(self) -> None:
        text = "0/1 nodes are available: 1 Insufficient cpu."
        status = user_status(pod(), None, None, NOW, Waiting(message=text, scheduled=False))
        assert conditions(status) == {"PodScheduled": "False"}
        assert status.conditions[0].message == text
        assert status.start_time is None

    def test_it_runs_and_is_ready_as_its_probes_say(self) -> None:
        probe = {"exec": {"command": ["true"]}}
        wanted = pod(containers=[{"name": "a", "image": "i", "readinessProbe": probe}])
        live = {"a": ContainerLive(pid=1, started_at=NOW)}
        assert conditions(user_status(wanted, None, state(live), NOW))["Ready"] == "False"
        status = user_status(wanted, None, state(live, ready=("a",)), NOW)
        assert status.phase == "Running"
        assert conditions(status)["Ready"] == "True"

    def test_times_of_conditions_are_those_of_their_last_change(self) -> None:
        live = {"a": ContainerLive(pid=1, started_at=NOW)}
        first = user_status(pod(), None, state(live), NOW)
        later = user_status(pod(first), None, state(live), NOW + timedelta(minutes=1))
        assert later == first

    def test_a_container_that_fails_again_and_again_backs_off(self) -> None:
        for restarts, pause in ((1, "10s"), (2, "20s"), (4, "1m20s"), (9, "5m0s")):
            live = {"a": ContainerLive(pid=1, started_at=NOW, restarts=restarts, end=BAD, due=NOW)}
            status = user_status(pod(), None, state(live), NOW)
            (container,) = status.container_statuses
            assert container.state.waiting is not None
            assert container.state.waiting.reason == "CrashLoopBackOff"
            assert container.state.waiting.message == (
                f"back-off {pause} restarting failed container=a pod=p_default(u)"
            )
            assert container.last_state.terminated is not None
            assert container.restart_count == restarts
            assert status.phase == "Running"

    def test_init_containers_come_first(self) -> None:
        wanted = pod(initContainers=[{"name": "i", "image": "x"}, {"name": "j", "image": "x"}])
        status = user_status(wanted, None, state({"i": ContainerLive(pid=1, started_at=NOW)}), NOW)
        assert status.phase == "Pending"
        assert conditions(status)["Initialized"] == "False"
        assert status.container_statuses[0].state.waiting is not None
        assert status.container_statuses[0].state.waiting.reason == "PodInitializing"
        done = {name: ContainerLive(pid=1, started_at=NOW, end=GOOD) for name in ("i", "j")}
        status = user_status(wanted, None, state({**done, "a": ContainerLive(pid=2, started_at=NOW)}), NOW)
        assert conditions(status)["Initialized"] == "True"
        assert [item.ready for item in status.init_container_statuses] == [True, True]

    def test_ends(self) -> None:
        good = user_status(
            pod(), None, state({"a": ContainerLive(end=GOOD)}, end=PodExit(phase=PodPhase.SUCCEEDED)), NOW
        )
        assert good.phase == "Succeeded"
        bad = user_status(pod(), None, state({"a": ContainerLive(end=BAD)}, end=PodExit(phase=PodPhase.FAILED)), NOW)
        assert (bad.phase, bad.reason, bad.message) == ("Failed", "", "")
        lost = PodExit(phase=PodPhase.ERROR, message="pod deleted")
        gone = user_status(pod(), None, state({"a": ContainerLive(pid=1, started_at=NOW)}, end=lost), NOW)
        state_of = gone.container_statuses[0].state.terminated
        assert state_of is not None
        assert state_of.reason == "ContainerStatusUnknown"

    def test_lost_processes_are_launched_anew_unless_the_policy_is_never(self) -> None:
        lost = PodExit(phase=PodPhase.ERROR, message="pod deleted")
        assert is_launched_anew(pod(), lost)
        assert not is_launched_anew(pod(restartPolicy="Never"), lost)
        assert not is_launched_anew(pod(), PodExit(phase=PodPhase.FAILED, message=""))
