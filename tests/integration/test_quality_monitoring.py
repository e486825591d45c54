"""quality-monitoring over a real gateway, model server, registry and labels; the pipeline's test has a reference."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.labels import DirectoryLabels
from setpoint.adapters.mlflow_registry import MlflowRegistry
from setpoint.adapters.prediction_log import DirectoryPredictionLog
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.clients.inference import InferenceClient
from setpoint.components import run_component_async
from setpoint.components.quality_monitoring import QualityVerdict, monitor_quality
from setpoint.core.models import INPUT_NAME
from setpoint.core.monitors.reference import REFERENCE_FILE
from setpoint.core.serving.tensors import make_tensor
from setpoint.ports.clock import Clock
from setpoint.ports.predictions import Label, LabelSource, PredictionLog
from setpoint.ports.registry import ModelRegistry
from setpoint.ports.resources import ResourceApi
from tests.registries import new_registry
from tests.serving_plane import Plane, control_plane
from tests.tiny_model import tiny_windows, write_tiny_model

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


async def monitor(
    plane: Plane, registry: MlflowRegistry, report: Path, **values: str
) -> tuple[QualityVerdict, dict[str, Any]]:
    ports: dict[type, object] = {
        ResourceApi: plane.resources,
        ModelRegistry: registry,
        PredictionLog: DirectoryPredictionLog(plane.home),
        LabelSource: DirectoryLabels(plane.home),
        Clock: SystemClock(),
    }
    given = {"service": "reactor", "report": str(report)} | {k.replace("_", "-"): v for k, v in values.items()}
    found = await run_component_async(monitor_quality, given, ports=ports)
    assert isinstance(found, QualityVerdict)
    return found, json.loads((report / "verdict.json").read_text())


async def ask(url: str, count: int, client: str = "historian") -> list[tuple[str, str]]:
    """Ask about so many records, one after another; id and label of each answer."""
    answered = []
    async with InferenceClient(url, "reactor", client=client) as inference:
        for number, window in enumerate(tiny_windows(count)):
            when = (BEGIN + number * timedelta(seconds=180)).isoformat()
            response = await inference.infer(
                [make_tensor(INPUT_NAME, window[None])], parameters={"asset": "reactor-1", "event_time": when}
            )
            answered.append((response.id or "", response.output("label").array.ravel()[0].decode()))
    return answered


async def test_a_version_without_reference_is_judged_by_labels_and_says_so(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    registry = new_registry(tmp_path_factory)
    model = write_tiny_model(tmp_path / "model")
    version = registry.register("reactor", model, parameters={}, metrics={}, tags={})
    async with control_plane(tmp_path / "home") as plane:
        with pytest.raises(NotFound):
            await monitor(plane, registry, tmp_path / "r", service="nobody")
        await plane.put(model)
        url = (await plane.ready()).status.url
        with pytest.raises(NotFound, match="deploy it by model-deployment"):
            await monitor(plane, registry, tmp_path / "r")
        facts = {"model-name": "reactor", "model-version": version.version}
        await plane.resources.create(
            ConfigMap(metadata=ObjectMeta(name="reactor-model", namespace="default"), data=facts)
        )
        for values, words in (
            ({"window": "0"}, "longer than 0"),
            ({"false_alarm_days": "0"}, "no number of days above 0"),
            ({"false_alarm_days": "inf"}, "no number of days above 0"),
            ({"alpha": "1"}, "no probability"),
        ):
            with pytest.raises(InvalidSpec, match=words):
                await monitor(plane, registry, tmp_path / "r", **values)
        assert not (tmp_path / "r").exists()

        nobody, _ = await monitor(plane, registry, tmp_path / "none")
        assert (nobody.verdict, nobody.records) == ("unknown", 0)

        await ask(url, 5, client="setpoint-probe")  # its own checks are no data of the plant
        answered = await ask(url, 60)
        unlabelled, document = await monitor(plane, registry, tmp_path / "unlabelled")
        assert (unlabelled.verdict, unlabelled.records, unlabelled.labelled) == ("unknown", 60, 0)
        notes = " ".join(document["notes"])
        assert "no reference profile" in notes
        assert "No label has come" in notes

        labels = [Label(inference_id=name, label=said, author="lab", at=BEGIN) for name, said in answered[:50]]
        wrong = [
            Label(inference_id=name, label=str((int(said) + 1) % 3), author="lab", at=BEGIN)
            for name, said in answered[50:]
        ]
        stray = Label(inference_id="nobody-asked", label="0", author="lab", at=BEGIN)
        DirectoryLabels(plane.home).add("default", "reactor", [*labels, *wrong, stray])
        known, document = await monitor(plane, registry, tmp_path / "known")
        assert (known.verdict, known.labelled) == ("ok", 60)
        assert known.accuracy == pytest.approx(50 / 60)
        assert "1 labels are of requests that are not in this window or not in the log (nobody-asked)" in " ".join(
            document["notes"]
        )
        metrics = (tmp_path / "known" / "metrics.prom").read_text()
        assert 'setpoint_quality_label_coverage_ratio{inferenceservice="reactor",namespace="default"} 1.0' in metrics
        assert "Accuracy on labelled answers: 0.833" in (tmp_path / "known" / "report.html").read_text()

        stored = registry.download(registry.get("reactor", version.version), tmp_path / "copy")
        (stored / REFERENCE_FILE).write_text('{"columns": 3}')
        with pytest.raises(InvalidSpec, match=f"{REFERENCE_FILE} of the model directory cannot be read"):
            await monitor(plane, registry, tmp_path / "broken")
