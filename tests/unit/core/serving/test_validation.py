"""Which InferenceServices are served here, refused, or served with a warning."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from setpoint.apis.errors import Forbidden, InvalidSpec, NotSupported
from setpoint.apis.serving import InferenceService, ModelSpec, PredictorSpec
from setpoint.core.serving import validation
from setpoint.core.serving.storage import local_path
from setpoint.core.serving.validation import check_inference_service, log_mode, warnings_of


def _service(
    predictor: dict[str, Any] | None = None, model: dict[str, Any] | None = None, **spec: Any
) -> InferenceService:
    chosen = {"modelFormat": {"name": "mlflow"}, "storageUri": "file:///models/1"} | (model or {})
    body = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "reactor", "namespace": "default"},
        "spec": {"predictor": {"model": chosen} | (predictor or {})} | spec,
    }
    return msgspec.convert(body, InferenceService)


def _found(service: InferenceService) -> dict[str, type]:
    return {item.path: type(item) for item in check_inference_service(service)}


def test_a_plain_service_is_served_without_a_word() -> None:
    service = _service({"minReplicas": 1, "maxReplicas": 1, "timeout": 60}, {"protocolVersion": "v2", "runtime": ""})
    assert check_inference_service(service) == ()
    assert warnings_of(service) == ()


@pytest.mark.parametrize(
    ("predictor", "model", "path", "kind"),
    [
        ({"minReplicas": 0}, {}, "spec.predictor.minReplicas", NotSupported),
        ({"minReplicas": 3}, {}, "spec.predictor.minReplicas", NotSupported),
        ({"timeout": 0}, {}, "spec.predictor.timeout", InvalidSpec),
        ({"canaryTrafficPercent": 10}, {}, "spec.predictor.canaryTrafficPercent", NotSupported),
        ({"canaryTrafficPercent": 0}, {}, "spec.predictor.canaryTrafficPercent", NotSupported),
        ({"containerConcurrency": 4}, {}, "spec.predictor.containerConcurrency", NotSupported),
        ({"logger": {"mode": "some"}}, {}, "spec.predictor.logger.mode", InvalidSpec),
        ({"logger": {"uri": "x"}}, {}, "spec.predictor.logger.uri", InvalidSpec),
        ({"logger": "all"}, {}, "spec.predictor.logger", InvalidSpec),
        ({"batcher": {"maxBatchSize": 8}}, {}, "spec.predictor.batcher", NotSupported),
        ({"sklearn": {"storageUri": "x"}}, {}, "spec.predictor.sklearn", NotSupported),
        ({"containers": [{"name": "x"}]}, {}, "spec.predictor.containers", NotSupported),
        ({}, {"modelFormat": {"name": "onnx"}}, "spec.predictor.model.modelFormat.name", NotSupported),
        ({}, {"protocolVersion": "v1"}, "spec.predictor.model.protocolVersion", NotSupported),
        ({}, {"runtime": "triton"}, "spec.predictor.model.runtime", NotSupported),
        ({}, {"image": "other"}, "spec.predictor.model.image", NotSupported),
        ({}, {"args": ["--x"]}, "spec.predictor.model.args", NotSupported),
        ({}, {"storage": {"key": "x"}}, "spec.predictor.model.storage", NotSupported),
        ({}, {"storageUri": ""}, "spec.predictor.model.storageUri", InvalidSpec),
        ({}, {"storageUri": "s3://bucket/x"}, "spec.predictor.model.storageUri", NotSupported),
        ({}, {"storageUri": "models/1"}, "spec.predictor.model.storageUri", InvalidSpec),
        ({}, {"storageUri": "file://models/1"}, "spec.predictor.model.storageUri", InvalidSpec),
        ({}, {"env": [{"name": "A=B"}]}, "spec.predictor.model.env[0].name", InvalidSpec),
        ({}, {"env": [{"name": "A", "valueFrom": {}}]}, "spec.predictor.model.env[0].valueFrom", NotSupported),
    ],
)
def test_what_is_refused_names_its_path(
    predictor: dict[str, Any], model: dict[str, Any], path: str, kind: type
) -> None:
    assert _found(_service(predictor, model)) == {path: kind}


@pytest.mark.parametrize("field", ["transformer", "explainer", "canary"])
def test_other_components_are_refused(field: str) -> None:
    value: Any = [] if field == "canary" else {}
    assert _found(_service(**{field: value})) == {f"spec.{field}": NotSupported}


def test_several_problems_are_told_at_once() -> None:
    found = _found(_service({"minReplicas": 0, "batcher": {"x": 1}}, {"storageUri": "gs://x"}))
    assert set(found) == {
        "spec.predictor.minReplicas",
        "spec.predictor.batcher",
        "spec.predictor.model.storageUri",
    }


def test_traversal_is_forbidden() -> None:
    (problem,) = check_inference_service(_service({}, {"storageUri": "file:///models/../etc"}))
    assert (problem.path, "'..'" in problem.reason) == ("spec.predictor.model.storageUri", True)


def test_names() -> None:
    service = _service()
    for name in ("Reactor", "1st", "a_b", "a" * 64, "a/b", ""):
        broken = service.replace(metadata=service.metadata.replace(name=name))
        assert "metadata.name" in _found(broken)


def test_what_means_nothing_here_is_warned_of() -> None:
    predictor = {
        "nodeSelector": {"zone": "a"},
        "tolerations": [{}],
        "maxReplicas": 3,
        "serviceAccountName": "x",
        "hostIPC": True,
    }
    service = _service(predictor, {"resources": {"limits": {"cpu": "1"}}})
    assert check_inference_service(service) == ()
    assert warnings_of(service) == (
        "spec.predictor.hostIPC",
        "spec.predictor.maxReplicas",
        "spec.predictor.model.resources",
        "spec.predictor.nodeSelector",
        "spec.predictor.serviceAccountName",
        "spec.predictor.tolerations",
    )


def test_every_field_has_a_fate() -> None:
    """A field that is neither honoured, refused nor ignored by name would be half-done."""
    honoured = {"model", "min_replicas", "max_replicas", "timeout", "annotations", "labels", "name"}
    honoured |= {"termination_grace_period_seconds", "logger"}
    decided = {
        *honoured,
        *validation._REFUSED_PREDICTORS,
        *validation._REFUSED_PREDICTOR_FIELDS,
        *validation._IGNORED_PREDICTOR_FIELDS,
    }
    assert {field.name for field in msgspec.structs.fields(PredictorSpec)} - decided == set()
    decided = {"model_format", "storage_uri", "protocol_version", "runtime", "env", "name"}
    decided |= {*validation._REFUSED_MODEL_FIELDS, *validation._IGNORED_MODEL_FIELDS}
    assert {field.name for field in msgspec.structs.fields(ModelSpec)} - decided == set()


@pytest.mark.parametrize(
    ("uri", "path"),
    [("file:///a/b", "/a/b"), ("file://localhost/a", "/a"), ("/a/b c", "/a/b c"), ("file:///a%20b", "/a b")],
)
def test_local_paths(uri: str, path: str) -> None:
    assert str(local_path(uri)) == path


@pytest.mark.parametrize("uri", ["/a/../b", "file:///a/%2e%2e/b", "/a\0b"])
def test_paths_that_lead_elsewhere(uri: str) -> None:
    with pytest.raises(Forbidden):
        local_path(uri)


def test_the_logger_says_what_is_written_down_and_its_sink_is_told_to_mean_nothing() -> None:
    service = _service({"logger": {"mode": "request", "url": "http://sink"}})
    assert check_inference_service(service) == ()
    assert log_mode(service) == "request"
    assert warnings_of(service) == ("spec.predictor.logger.url",)
    assert log_mode(_service()) == "all"
