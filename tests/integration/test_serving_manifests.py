"""What serving writes is what a cluster accepts: objects and status against the official schemas."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from setpoint.apis.meta import ObjectMeta, Resource, render_wire
from setpoint.apis.serving import FailureInfo, FailureReason, InferenceService
from setpoint.components.model_deployment.environment import make_environment
from setpoint.components.model_deployment.service import make_service
from setpoint.core.serving.plan import ServingState
from setpoint.core.serving.revisions import make_replica
from setpoint.core.serving.status import make_status
from setpoint.core.serving.validation import check_inference_service
from setpoint.ports.registry import ModelVersion

NOW = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.shared


def _validate(shared: Path, resource: Resource) -> None:
    body = json.loads(json.dumps(render_wire(resource)))
    index = json.loads((shared / "schemas" / "index.json").read_text())
    schema = json.loads((shared / "schemas" / index[f"{body['apiVersion']}/{body['kind']}"]).read_text())
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(body)]
    assert errors == []


def _service() -> InferenceService:
    version = ModelVersion(name="reactor", version="3", source="file:///models/3")
    return make_service(version, "reactor", "plant", approved_by="Ada")


def test_the_deployed_service_is_valid_and_served_here(shared: Path) -> None:
    _validate(shared, _service())
    assert check_inference_service(_service()) == ()


@pytest.mark.parametrize("index", range(6))
def test_the_environment_is_valid(shared: Path, index: int) -> None:
    _validate(shared, make_environment("reactor", "plant", {"window": "40"})[index])


@pytest.mark.parametrize("failing", [False, True])
def test_the_status_is_valid(shared: Path, failing: bool) -> None:
    service = _service()
    service = service.replace(metadata=service.metadata.replace(generation=1, uid="u"))
    replica = make_replica(service).replace(ready_at=NOW, launched_at=NOW)
    failure = FailureInfo(
        reason=FailureReason.MODEL_LOAD_FAILED, message="x", exit_code=1, model_revision_name=replica.revision, time=NOW
    )
    state = ServingState(candidate=replica.replace(ready_at=None), failure=failure)
    if not failing:
        state = ServingState(active=replica)
    status = make_status(service, state, problems=(), url="http://127.0.0.1:1/x", serving=not failing, now=NOW)
    _validate(shared, service.replace(status=status, metadata=ObjectMeta(name="reactor", namespace="plant")))


def test_every_field_of_the_schema_is_read(shared: Path) -> None:
    """A manifest with any one legal field of predictor and model is read whole, then judged, never a parse error."""
    path = shared / "schemas" / "serving.kserve.io" / "InferenceService-v1beta1.json"
    predictor = json.loads(path.read_text())["properties"]["spec"]["properties"]["predictor"]["properties"]
    samples: dict[str, Any] = {
        "string": "x", "integer": 1, "boolean": True, "array": [], "object": {}, "number": 1.0
    }  # fmt: skip
    model = {"modelFormat": {"name": "mlflow"}, "storageUri": "file:///m"}
    for name, schema in predictor.items():
        if name != "model":
            _read({"model": model, name: samples[schema.get("type", "object")]})
    for name, schema in predictor["model"]["properties"].items():
        if name not in model:
            _read({"model": model | {name: samples[schema.get("type", "object")]}})


def _read(predictor: dict[str, Any]) -> None:
    body = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "reactor"},
        "spec": {"predictor": predictor},
    }
    assert render_wire(msgspec.convert(body, InferenceService))["spec"]["predictor"]["model"]
