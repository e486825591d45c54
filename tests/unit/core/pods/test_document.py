"""The Pod object of an engine's pod: what of a request it shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from setpoint.apis.meta import OwnerReference
from setpoint.apis.pod import DEFAULT_CONTAINER, LAUNCH, Pod
from setpoint.apis.pods import Container, ContainerEnd, Mount, PodAbout, PodExit, PodPhase, PodRequest
from setpoint.core.pods.document import FINALIZER, pod_body, pod_metadata, pod_uid
from setpoint.core.pods.sources import env_references, shown_order, volume_references
from setpoint.core.pods.status import ended_status, pending_status, qos_class, running_status
from setpoint.core.workflow.commands import EnvSource, LaunchPod, ObjectKind, VolumeSource

NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
OWNER = OwnerReference(api_version="argoproj.io/v1alpha1", kind="Workflow", name="w", uid="u", controller=True)


def request(**fields: Any) -> PodRequest:
    main = Container(name="main", image="busybox", command=("sh",), args=("-c", "x"), env={"A": "1"})
    given = {"main": main, "about": PodAbout(owner=OWNER, node="w-1", node_name="w[0]"), **fields}
    return PodRequest(id="launch", name="w-step-1", namespace="default", **given)


def document(asked: PodRequest, status: dict[str, Any], *, ended: bool = False) -> Pod:
    """Read back as a client would: every field must be one of a Pod's."""
    tree = {**pod_body(asked, "node"), "metadata": pod_metadata(asked, NOW, ended=ended), "status": status}
    return msgspec.json.decode(json.dumps(tree), type=Pod)


def exit_(phase: PodPhase = PodPhase.SUCCEEDED, code: int | None = 0, message: str = "", **fields: Any) -> PodExit:
    if code is not None and "containers" not in fields:
        fields["containers"] = {"main": ContainerEnd(exit_code=code, message=message, started_at=NOW, finished_at=NOW)}
        fields["started_at"] = NOW
    return PodExit(phase=phase, exit_code=code, message=message, finished_at=NOW, **fields)


class TestMetadataAndSpec:
    """What it is."""

    def test_a_step_has_the_labels_and_annotations_of_a_cluster(self) -> None:
        metadata = pod_metadata(request(), NOW, ended=False)
        assert metadata["labels"] == {
            "workflows.argoproj.io/completed": "false",
            "workflows.argoproj.io/workflow": "w",
        }
        assert metadata["annotations"] == {
            LAUNCH: "launch",
            DEFAULT_CONTAINER: "main",
            "workflows.argoproj.io/node-id": "w-1",
            "workflows.argoproj.io/node-name": "w[0]",
        }
        assert metadata["finalizers"] == [FINALIZER]
        assert metadata["creationTimestamp"] == "2026-01-31T12:00:00Z"
        assert metadata["uid"] == pod_uid("launch")

    def test_one_that_has_ended_already_is_held_by_nothing(self) -> None:
        metadata = pod_metadata(request(), NOW, ended=True)
        assert "finalizers" not in metadata
        assert metadata["labels"]["workflows.argoproj.io/completed"] == "true"

    def test_labels_of_the_template_win(self) -> None:
        labels = {"workflows.argoproj.io/completed": "mine", "l": "v"}
        metadata = pod_metadata(request(about=PodAbout(owner=OWNER, node="n", labels=labels)), NOW, ended=False)
        assert metadata["labels"]["workflows.argoproj.io/completed"] == "mine"

    def test_the_spec_shows_containers_volumes_and_limits(self) -> None:
        main = Container(
            name="main",
            image="busybox",
            mounts=(
                Mount(volume="data", path="/d", read_only=True),
                Mount(volume="host", path="/h", host_path="/srv"),
            ),
            cpu_milli=500,
            memory_bytes=64 * 1024 * 1024,
        )
        asked = request(main=main, sidecars=(Container(name="s", image="busybox"),))
        found = document(asked, {})
        assert [item.name for item in found.spec.containers] == ["main", "s"]
        assert found.spec.containers[0].resources == {
            "limits": {"cpu": "500m", "memory": "64Mi"},
            "requests": {"cpu": "500m", "memory": "64Mi"},
        }
        assert [(item.name, item.sources) for item in found.spec.volumes] == [
            ("data", ("emptyDir",)),
            ("host", ("hostPath",)),
        ]
        assert found.spec.node_name == "node"

    def test_what_comes_from_objects_is_shown_by_reference(self) -> None:
        main = Container(name="main", image="i", env={"PW": "", "A": "1"}, mounts=(Mount(volume="v", path="/v"),))
        order = LaunchPod(
            id="launch",
            node="n",
            request=request(main=main),
            env=(
                EnvSource(container="main", kind=ObjectKind.SECRET, object="s", name="PW", key="k"),
                EnvSource(container="main", kind=ObjectKind.CONFIG_MAP, object="c", name="P_", optional=True),
            ),
            volumes=(VolumeSource(volume="v", kind=ObjectKind.SECRET, object="s", items={"k": "p"}),),
        )
        spec = shown_order(order, order.request)
        assert spec["containers"][0]["env"] == [
            {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "A", "value": "1"},
        ]
        assert spec["containers"][0]["envFrom"] == [{"prefix": "P_", "configMapRef": {"name": "c", "optional": True}}]
        assert spec["volumes"] == [{"name": "v", "secret": {"secretName": "s", "items": [{"key": "k", "path": "p"}]}}]

    def test_the_machine_and_claims_are_references_too(self) -> None:
        node = EnvSource(container="m", kind=ObjectKind.NODE, object="", name="N", key="name")
        cpu = EnvSource(container="m", kind=ObjectKind.NODE, object="0", name="C", key="cpu")
        assert env_references([node, cpu]) == {
            "m": {
                "env": [
                    {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                    {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                ]
            }
        }
        claim = VolumeSource(volume="v", kind=ObjectKind.CLAIM, object="c")
        assert volume_references((claim,)) == {"v": {"persistentVolumeClaim": {"claimName": "c"}}}

    def test_several_sources_of_a_volume_are_a_projected_one(self) -> None:
        parts = (
            VolumeSource(volume="v", kind=ObjectKind.SECRET, object="s"),
            VolumeSource(volume="v", kind=ObjectKind.CONFIG_MAP, object="c"),
        )
        assert volume_references(parts) == {
            "v": {"projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {"name": "c"}}]}}
        }


class TestStatus:
    """How it is."""

    def test_before_main_runs_it_is_pending(self) -> None:
        found = document(request(init_containers=(Container(name="i", image="x"),)), {})
        assert found.status.phase == ""
        asked = request(init_containers=(Container(name="i", image="x"),))
        found = document(asked, pending_status(asked, NOW))
        assert found.status.phase == "Pending"
        assert found.status.container_statuses[0].state.waiting is not None
        assert {item.type: item.status for item in found.status.conditions}["Initialized"] == "False"

    def test_while_it_runs_its_containers_do(self) -> None:
        asked = request(init_containers=(Container(name="i", image="x"),))
        found = document(asked, running_status(asked, NOW, NOW, ready=True))
        assert found.status.container_statuses[0].ready
        assert found.status.init_container_statuses[0].state.terminated is not None
        assert {item.type: item.status for item in found.status.conditions}["Ready"] == "True"

    def test_a_good_end(self) -> None:
        found = document(request(), ended_status(request(), NOW, exit_()), ended=True)
        assert found.status.phase == "Succeeded"
        state = found.status.container_statuses[0].state.terminated
        assert state is not None
        assert (state.exit_code, state.reason) == (0, "Completed")

    def test_a_bad_end_tells_reason_and_message(self) -> None:
        for message, reason in (
            ("main: Error (exit code 3)", "Error"),
            ("main: OOMKilled (exit code 3): the last line", "OOMKilled"),
        ):
            found = document(request(), ended_status(request(), NOW, exit_(PodPhase.FAILED, 3, message)))
            assert found.status.phase == "Failed"
            state = found.status.container_statuses[0].state.terminated
            assert state is not None
            assert (state.reason, state.message) == (reason, "the last line" if "last" in message else "")

    def test_an_init_container_that_failed_leaves_main_waiting(self) -> None:
        asked = request(init_containers=(Container(name="i", image="x"),))
        ends = {"i": ContainerEnd(exit_code=1, message="i: Error (exit code 1)", started_at=NOW, finished_at=NOW)}
        end = exit_(PodPhase.FAILED, None, "i: Error (exit code 1)", others=ends)
        found = document(asked, ended_status(asked, NOW, end))
        assert found.status.container_statuses[0].state.waiting is not None
        failed = found.status.init_container_statuses[0].state.terminated
        assert failed is not None
        assert failed.exit_code == 1

    def test_a_lost_pod_does_not_know_how_its_containers_ended(self) -> None:
        end = exit_(PodPhase.ERROR, None, "pod deleted", started_at=NOW)
        found = document(request(), ended_status(request(), NOW, end))
        state = found.status.container_statuses[0].state.terminated
        assert state is not None
        assert state.reason == "ContainerStatusUnknown"
        assert found.status.message == "pod deleted"

    def test_the_deadline_is_a_reason(self) -> None:
        text = "Pod was active on the node longer than the specified deadline"
        found = document(request(), ended_status(request(), NOW, exit_(PodPhase.FAILED, 143, text)))
        assert found.status.reason == "DeadlineExceeded"

    def test_the_class_of_service_follows_from_the_limits(self) -> None:
        limited = Container(name="main", image="i", cpu_milli=1, memory_bytes=1)
        assert qos_class(request()) == "BestEffort"
        assert qos_class(request(main=limited)) == "Guaranteed"
        assert qos_class(request(requests={"cpu": 1})) == "Burstable"
