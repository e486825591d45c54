"""Shapes: what the API takes of a field is checked in full, though the program keeps plain JSON."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import msgspec.inspect as mi
import pytest

from setpoint.apis.batch import CronJob, Job
from setpoint.apis.core import PersistentVolumeClaim
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.kinds import KINDS, SERVED
from setpoint.apis.manifest import collect_problems, decode_tolerant, load_documents
from setpoint.apis.meta import Resource, Wire
from setpoint.apis.pod import Pod
from setpoint.apis.podspec import PodTemplateSpec
from setpoint.apis.shapes import fits, prepare, shape, wire_type


class Inner(Wire, frozen=True, kw_only=True):
    size: int
    inner: tuple[int, ...] = ()


class Outer(Wire, frozen=True, kw_only=True):
    one: Annotated[dict[str, Any], shape(Inner)] | None = None
    many: tuple[Annotated[dict[str, Any], shape(Inner)], ...] = ()
    named: dict[str, Annotated[dict[str, Any], shape(Inner)]] = {}
    again: Outer | None = None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, True),
        ({"one": {"size": 1}}, True),
        ({"one": {"size": "1"}}, False),
        ({"one": {}}, False),
        ({"one": {"size": 1, "more": 1}}, False),
        ({"one": None}, True),
        ({"many": [{"size": 1}, {"size": 2}]}, True),
        ({"many": [{"size": 1}, {"size": None}]}, False),
        ({"named": {"a": {"size": 1}}}, True),
        ({"named": {"a": {}}}, False),
        ({"again": {"again": {"one": {"size": True}}}}, False),
    ],
)
def test_what_a_shape_does_not_take_does_not_fit(value: Any, expected: bool) -> None:
    msgspec.convert(value, Outer)  # the program reads it
    assert fits(value, Outer) is expected


def test_the_type_of_the_wire_is_the_shape() -> None:
    info = mi.type_info(Outer)
    assert isinstance(info, mi.StructType)
    kept = next(field.type for field in info.fields if field.name == "many")
    assert isinstance(kept, mi.VarTupleType)
    wanted = wire_type(kept.item_type)
    assert isinstance(wanted, mi.StructType)
    assert wanted.cls is Inner


def pod_of(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "busybox"}], **spec}}


def job_of(pod: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "j"}, "spec": {"template": {"spec": pod["spec"]}}}


def cron_job_of(pod: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"name": "c"},
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": job_of(pod)["spec"]}},
    }


@pytest.mark.parametrize(
    ("cls", "body", "path"),
    [
        (Pod, pod_of(hostName="x"), ("spec", "hostName")),
        (Pod, pod_of(volumes=[{"name": "v", "emptyDir": {"size": 1}}]), ("spec", "volumes", 0, "emptyDir", "size")),
        (Pod, pod_of(tolerations=[{"kee": "x"}]), ("spec", "tolerations", 0, "kee")),
        (Job, job_of(pod_of(hostName="x")), ("spec", "template", "spec", "hostName")),
        (
            CronJob,
            cron_job_of(pod_of(securityContext={"user": 1})),
            ("spec", "jobTemplate", "spec", "template", "spec", "securityContext", "user"),
        ),
        (
            PersistentVolumeClaim,
            {"metadata": {"name": "c"}, "spec": {"accessMode": "ReadWriteOnce"}},
            ("spec", "accessMode"),
        ),
    ],
)
def test_an_unknown_field_of_a_shape_is_told_and_left_out(
    cls: type[Resource], body: dict[str, Any], path: tuple[Any, ...]
) -> None:
    resource, unknown = decode_tolerant(body, cls)
    assert unknown == (path,)
    again, left = decode_tolerant(msgspec.json.decode(msgspec.json.encode(resource)), cls)
    assert (again, left) == (resource, ())


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"tolerations": "all"}, "spec.tolerations"),
        ({"affinity": {"nodeAffinity": []}}, "spec.affinity.nodeAffinity"),
        ({"dnsConfig": {"options": [{"name": 1}]}}, "spec.dnsConfig.options[0].name"),
        ({"containers": [{"image": "busybox"}]}, "spec.containers[0].name"),
        ({"containers": [{"name": "a", "ports": [{"name": "http"}]}]}, "spec.containers[0].ports[0].containerPort"),
        ({"containers": [{"name": "a", "resources": {"limits": {"cpu": []}}}]}, "spec.containers[0].resources.limits"),
    ],
)
def test_a_value_that_a_shape_does_not_take_is_refused_with_its_path(spec: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        decode_tolerant(pod_of(**spec), Pod)
    assert caught.value.path.startswith(path)


def test_nothing_and_null_are_the_same_in_a_shape() -> None:
    body = job_of(pod_of(volumes=None, securityContext={"runAsUser": None}))
    body["spec"]["template"]["metadata"] = {"creationTimestamp": None}
    resource, unknown = decode_tolerant(body, Job)
    assert unknown == ()
    assert resource.spec.template.spec.volumes == ()


def test_the_checker_of_manifests_names_line_and_field() -> None:
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: a}\nspec:\n  entrypoint: a\n  templates:\n"
        "  - name: a\n    container:\n      image: busybox\n      readinessProbe:\n        httpGet: {prt: 80}\n"
    )
    (unknown, missing) = collect_problems(load_documents(text, "f.yaml")[0])
    assert "unknown field 'prt', did you mean 'port'?" in str(unknown)
    assert unknown.location is not None and unknown.location.line == 11
    assert missing.path == "spec.templates[0].container.readinessProbe.httpGet.port"


def test_what_is_written_explicitly_stays() -> None:
    template = {
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "a", "securityContext": {"runAsUser": 0, "readOnlyRootFilesystem": False}}],
            "enableServiceLinks": False,
            "hostIPC": False,
            "terminationGracePeriodSeconds": 0,
            "volumes": [{"emptyDir": {}, "name": "v"}],
        }
    }
    read = msgspec.convert(template, PodTemplateSpec)
    assert msgspec.json.decode(msgspec.json.encode(read)) == template


def test_everything_can_be_prepared() -> None:
    prepare(SERVED)
    assert set(KINDS) <= set(SERVED)
