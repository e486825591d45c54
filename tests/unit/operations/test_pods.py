"""What of a user's Pod is refused or ignored, with path and reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.pod import Pod
from setpoint.operations.pods import admit_pod, check_pod_change

GOOD: dict[str, Any] = {"name": "a", "image": "busybox"}


def pod(**spec: Any) -> Pod:
    tree = {"metadata": {"name": "p"}, "spec": {"containers": [GOOD], **spec}}
    return msgspec.convert(tree, Pod)


def test_a_plain_pod_is_fine_and_so_is_what_clients_fill_in() -> None:
    report = admit_pod(pod(restartPolicy="Always", dnsPolicy="ClusterFirst", serviceAccountName="default"))
    assert report.ok
    assert report.warnings == ()


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"containers": []}, "spec.containers"),
        ({"containers": [GOOD, GOOD]}, "spec.containers[1].name"),
        ({"containers": [{"name": "a"}]}, "spec.containers[0].image"),
        ({"containers": [{"image": "x"}]}, "spec.containers[0].name"),
        ({"restartPolicy": "Sometimes"}, "spec.restartPolicy"),
        ({"containers": [{**GOOD, "restartPolicy": "Always"}]}, "spec.containers[0].restartPolicy"),
        ({"initContainers": [{**GOOD, "name": "i", "livenessProbe": {}}]}, "spec.initContainers[0].livenessProbe"),
        (
            {"containers": [{**GOOD, "resources": {"limits": {"cpu": "much"}}}]},
            "spec.containers[0].resources.limits.cpu",
        ),
        ({"containers": [{**GOOD, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}, "spec"),
    ],
)
def test_what_a_cluster_refuses_is_refused(spec: dict[str, Any], path: str) -> None:
    (error,) = admit_pod(pod(**spec)).errors
    assert error.path == path
    assert not isinstance(error, NotSupported)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]}, "spec.volumes[0].nfs"),
        ({"ephemeralContainers": [{"name": "e"}]}, "spec.ephemeralContainers"),
        ({"containers": [{**GOOD, "lifecycle": {"preStop": {}}}]}, "spec.containers[0].lifecycle"),
    ],
)
def test_what_is_not_done_on_one_machine_is_refused_as_such(spec: dict[str, Any], path: str) -> None:
    (error,) = admit_pod(pod(**spec)).errors
    assert error.path == path
    assert isinstance(error, NotSupported)


def test_what_has_no_meaning_is_ignored_with_a_word() -> None:
    report = admit_pod(pod(nodeSelector={"a": "b"}, securityContext={"runAsUser": 1}))
    assert report.ok
    assert [warning.path for warning in report.warnings] == ["spec.nodeSelector", "spec.securityContext"]


def test_the_annotation_of_engines_is_not_for_users() -> None:
    wanted = pod()
    wanted = wanted.replace(metadata=wanted.metadata.replace(annotations={"setpoint.dev/launch": "x"}))
    assert [error.path for error in admit_pod(wanted).errors] == ["metadata.annotations"]


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, False),
        ({"containers": [GOOD | {"image": "alpine"}]}, False),
        ({"activeDeadlineSeconds": 3, "tolerations": [{"operator": "Exists"}]}, False),
        ({"containers": [GOOD | {"command": ["x"]}]}, True),
        ({"containers": [GOOD, GOOD | {"name": "b"}]}, True),
        ({"restartPolicy": "Never"}, True),
    ],
)
def test_a_pod_runs_as_it_was_made(changed: dict[str, Any], refused: bool) -> None:
    old = {"spec": {"containers": [GOOD]}}
    new = {"spec": old["spec"] | changed}
    if refused:
        with pytest.raises(InvalidSpec, match=r"^spec: Forbidden: pod updates may not change fields other than"):
            check_pod_change(new, old)
    else:
        check_pod_change(new, old)
