"""Pods in one line each: what is ready, the state in one word, restarts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from setpoint.core.tables.pods import pod_address, pod_gates, pod_ready, pod_restarts, pod_status

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
RUNNING: dict[str, Any] = {"state": {"running": {}}, "ready": True}
DONE = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}


def ended(code: int, reason: str = "", signal: int = 0) -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, "reason": reason, "signal": signal}}}


def waiting(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}}


def pod(
    phase: str,
    containers: list[Any] | None = None,
    init: list[Any] | None = None,
    conditions: list[str] | None = None,
    spec: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    conditions_ = [{"type": name, "status": "True"} for name in conditions or ()]
    return {
        "metadata": metadata or {},
        "spec": {"containers": [{"name": f"c{i}"} for i in range(len(containers or [{}]))], **(spec or {})},
        "status": {
            "phase": phase,
            "containerStatuses": containers or [],
            "initContainerStatuses": init or [],
            "conditions": conditions_,
            **status,
        },
    }


SIDECAR: dict[str, Any] = {
    "initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}],
}
DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("item", "word"),
    [
        ({}, "Pending"),
        (pod("Pending"), "Pending"),
        (pod("Running", [RUNNING]), "Running"),
        (pod("Succeeded", [DONE]), "Completed"),
        (pod("Failed", [ended(1, "Error")]), "Error"),
        (pod("Failed", [ended(3)]), "ExitCode:3"),
        (pod("Failed", [ended(137, signal=9)]), "Signal:9"),
        (pod("Running", [waiting("CrashLoopBackOff")]), "CrashLoopBackOff"),
        (pod("Failed", [], reason="Evicted"), "Evicted"),
        (pod("Running", [RUNNING, DONE], conditions=["Ready"]), "Running"),
        (pod("Running", [RUNNING, DONE]), "NotReady"),
        (pod("Running", [RUNNING], metadata=DELETED), "Terminating"),
        (pod("Succeeded", [DONE], metadata=DELETED), "Completed"),
        (pod("Running", [RUNNING], metadata=DELETED, reason="NodeLost"), "Unknown"),
        (pod("Pending", init=[{"state": {}}], spec={"initContainers": [{}, {}]}), "Init:0/2"),
        (pod("Pending", init=[ended(0), {"state": {"running": {}}}], spec={"initContainers": [{}, {}]}), "Init:1/2"),
        (pod("Pending", init=[ended(2, "Error")], spec={"initContainers": [{}]}), "Init:Error"),
        (pod("Pending", init=[ended(2)], spec={"initContainers": [{}]}), "Init:ExitCode:2"),
        (pod("Pending", init=[waiting("ImagePullBackOff")], spec={"initContainers": [{}]}), "Init:ImagePullBackOff"),
        (pod("Pending", init=[waiting("PodInitializing")], spec={"initContainers": [{}]}), "Init:0/1"),
        (
            pod("Running", [RUNNING], init=[{"name": "s", "started": True}, {"name": "i", **ended(0)}], spec=SIDECAR),
            "Running",
        ),
    ],
)
def test_the_state_in_one_word(item: dict[str, Any], word: str) -> None:
    assert pod_status(item, NOW) == word


def test_a_pod_that_a_gate_holds_back_says_so() -> None:
    item = pod("Pending")
    item["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]
    assert pod_status(item, NOW) == "SchedulingGated"


def test_init_containers_that_last_are_counted() -> None:
    sidecar = {"name": "s", "started": True, "ready": True}
    item = pod("Running", [RUNNING, waiting("x")], init=[sidecar, {"name": "i", **ended(0)}], spec=SIDECAR)
    assert pod_ready(item, NOW) == "2/3"
    assert pod_ready(pod("Pending"), NOW) == "0/1"


def test_restarts_tell_when_the_last_was() -> None:
    last = {"lastState": {"terminated": {"finishedAt": "2026-01-01T00:00:00Z"}}}
    container = {**RUNNING, "restartCount": 2, **last}
    init = [{"name": "s", "restartCount": 1, "started": True}, {"name": "i", "restartCount": 4, **ended(0)}]
    assert pod_restarts(pod("Running", [container]), NOW) == "2 (60m ago)"
    assert pod_restarts(pod("Running", [container], init=init, spec=SIDECAR), NOW) == "3 (60m ago)"
    assert pod_restarts(pod("Pending", [container], init=[waiting("x")], spec=SIDECAR), NOW) == "0"
    assert pod_restarts(pod("Running", [RUNNING]), NOW) == "0"


def test_addresses_and_gates() -> None:
    assert pod_address(pod("Running", podIPs=[{"ip": "10.0.0.1"}, {"ip": "::1"}]), NOW) == "10.0.0.1"
    assert pod_address(pod("Running", podIP="10.0.0.2"), NOW) == "10.0.0.2"
    assert pod_address({}, NOW) == "<none>"
    gated = pod("Running", spec={"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]}, conditions=["a"])
    assert pod_gates(gated, NOW) == "1/2"
    assert pod_gates({}, NOW) == "<none>"
