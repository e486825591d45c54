"""Finds the model behind a service and its reference, reads prediction log and labels, judges, writes the report.

Decides what is looked at; what is odd in it is decided in `core.monitors.quality`. Invariant: a finding is a result and
no failure: the component fails only where it could not look.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.apis.serving import InferenceService
from setpoint.components._component import Output, component
from setpoint.components._runner import say
from setpoint.ports.clock import Clock
from setpoint.ports.predictions import LabelSource, PredictionLog
from setpoint.ports.registry import ModelRegistry
from setpoint.ports.resources import ResourceApi

if TYPE_CHECKING:
    import polars as pl

    from setpoint.core.monitors.finding import Verdict
    from setpoint.core.monitors.quality import Quality
    from setpoint.core.monitors.quality_view import QualityRules
    from setpoint.core.monitors.reference import ModelFacts, Reference

_PARTS = 24  # that a window is read in: what lies in memory at a time is one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityVerdict:
    """How good a service's answers are.

    Attributes:
        verdict: ok, unknown, warning or alarm.
        findings: What is not in order, a line each.
        records: Records that were judged.
        labelled: Those whose true label is known.
        accuracy: On those; NaN without any.
        expected_accuracy: Of all, by their confidence; NaN where there is nothing to go by.
        alarms: Names of findings that are alarms, with commas between.
    """

    verdict: str
    findings: str
    records: int
    labelled: int
    accuracy: float
    expected_accuracy: float
    alarms: str


@component("quality-monitoring", description="Judge a model's inputs, answers and errors against its training.")
async def monitor_quality(
    *,
    service: Annotated[str, "Name of the InferenceService"],
    namespace: Annotated[str, "Its namespace"] = "default",
    window: Annotated[str, "What is judged, back from now, such as 24h"] = "24h",
    false_alarm_days: Annotated[float, "On average at most one false alarm in so many days, of all decisions"] = 30.0,
    alpha: Annotated[float, "Probability that an interval ever misses"] = 0.05,
    report: Annotated[Path, Output("verdict.json, report.html, metrics.prom, plots")] = Path("quality"),
    resources: ResourceApi,
    registry: ModelRegistry,
    log: PredictionLog,
    labels: LabelSource,
    clock: Clock,
) -> QualityVerdict:
    """Judge the quality of the version that serves.

    Raises:
        NotFound: There is no such InferenceService, or it says nothing of the model version behind it.
        InvalidSpec: A parameter is no legal one, or the version's files are not what this version writes.
        Unavailable: Log, labels or registry cannot be read, or the report cannot be written.
    """
    from setpoint.components._monitor import summary_of, window_of  # noqa: PLC0415  (start-up: matplotlib, polars)

    span, rules = window_of(window), _rules(false_alarm_days, alpha)
    found = await resources.get(InferenceService, namespace, service)
    now = clock.now()
    model, reference, version = await _model_of(resources, registry, found)
    say(f"{namespace}/{service} serves version {version}", 1, 3)
    verdict, quality = await asyncio.to_thread(
        _judge, found, version, model, reference, rules, log, labels, now - span, now
    )
    say(f"{quality.records} records judged: {verdict.severity.value}", 2, 3)
    await asyncio.to_thread(_write, report, verdict, quality, model)
    say(summary_of(verdict), 3, 3)
    performance = quality.performance
    return QualityVerdict(
        verdict=verdict.severity.value,
        findings=summary_of(verdict),
        records=quality.records,
        labelled=performance.labelled,
        accuracy=float("nan") if performance.accuracy is None else performance.accuracy.value,
        expected_accuracy=float("nan") if performance.expected is None else performance.expected.value,
        alarms=",".join(sorted({one.name for one in verdict.findings if one.severity.value == "alarm"})),
    )


def _rules(false_alarm_days: float, alpha: float) -> QualityRules:
    from setpoint.core.monitors.quality_view import QualityRules  # noqa: PLC0415  (start-up)

    if not 0 < false_alarm_days < float("inf"):
        raise InvalidSpec(f"{false_alarm_days} is no number of days above 0", path="false-alarm-days")
    if not 0 < alpha < 1:
        raise InvalidSpec(f"{alpha} is no probability between 0 and 1", path="alpha")
    return QualityRules(false_alarm_days=false_alarm_days, alpha=alpha)


async def _model_of(
    resources: ResourceApi, registry: ModelRegistry, service: InferenceService
) -> tuple[ModelFacts, Reference | None, str]:
    """What the version behind the service is, and what its training wrote for monitors."""
    namespace, name = service.metadata.namespace, service.metadata.name
    try:
        facts = (await resources.get(ConfigMap, namespace, f"{name}-model")).data
        model, version = facts["model-name"], facts["model-version"]
    except (NotFound, KeyError) as error:
        raise NotFound(
            "model version of InferenceService", f"{namespace}/{name} (deploy it by model-deployment)"
        ) from error
    found = await asyncio.to_thread(registry.get, model, version)
    with tempfile.TemporaryDirectory(prefix="setpoint-model-") as scratch:
        directory = await asyncio.to_thread(registry.download, found, Path(scratch) / "model")
        read = await asyncio.to_thread(_read, directory)
    return (*read, version)


def _read(directory: Path) -> tuple[ModelFacts, Reference | None]:
    """Facts of the model directory, and its reference if it has one."""
    from setpoint.core.models import MODEL_FILE, parse_document  # noqa: PLC0415  (start-up)
    from setpoint.core.monitors.reference import (  # noqa: PLC0415  (start-up)
        REFERENCE_FILE,
        ModelFacts,
        parse_reference,
    )

    try:
        document = parse_document((directory / MODEL_FILE).read_bytes())
    except FileNotFoundError as error:
        raise NotFound("model file", MODEL_FILE) from error
    path = directory / REFERENCE_FILE
    if path.is_file():
        reference = parse_reference(path.read_bytes())
        return reference.model, reference
    facts = ModelFacts(
        columns=document.columns,
        classes=document.classes,
        normal_label=document.normal_label,
        sample_period_seconds=document.sample_period_seconds,
        window=document.features.spec.window,
    )
    return facts, None


def _judge(
    service: InferenceService,
    version: str,
    model: ModelFacts,
    reference: Reference | None,
    rules: QualityRules,
    log: PredictionLog,
    labels: LabelSource,
    begin: datetime,
    end: datetime,
) -> tuple[Verdict, Quality]:
    from setpoint.components._monitor import notes_on_dropped  # noqa: PLC0415  (start-up: matplotlib)
    from setpoint.core.monitors.finding import Severity, Verdict, worst  # noqa: PLC0415  (start-up)
    from setpoint.core.monitors.quality import judge_quality  # noqa: PLC0415  (start-up)
    from setpoint.core.monitors.stream import join, unpack  # noqa: PLC0415  (start-up)

    namespace, name = service.metadata.namespace, service.metadata.name
    unpacked = unpack(
        _tables(service, log, begin, end),
        window=model.window,
        columns=len(model.columns),
        classes=len(model.classes),
        period_seconds=model.sample_period_seconds,
    )
    truth = join(unpacked.stream, labels.read(namespace, name))
    quality = judge_quality(unpacked, truth, model, reference, rules)
    notes = (*quality.notes, *notes_on_dropped(log.dropped(namespace, name)))
    judged = quality.records and (quality.decisions or quality.performance.labelled)
    verdict = Verdict(
        monitor="quality",
        namespace=namespace,
        service=name,
        severity=worst(quality.findings) if judged else Severity.UNKNOWN,
        begin=begin,
        end=end,
        findings=quality.findings,
        notes=notes,
        versions=(version,),
    )
    return verdict, quality


def _tables(service: InferenceService, log: PredictionLog, begin: datetime, end: datetime) -> Iterator[pl.DataFrame]:
    """What the present revision was asked, part by part: another version's answers say nothing of this one."""
    step = (end - begin) / _PARTS
    for part in range(_PARTS):
        until = end if part == _PARTS - 1 else begin + (part + 1) * step
        table = log.read(service.metadata.namespace, service.metadata.name, since=begin + part * step, until=until)
        yield table.filter(table["revision"] == service.status.ready_revision)


def _write(report: Path, verdict: Verdict, quality: Quality, model: ModelFacts) -> None:
    from setpoint.components._monitor import write_verdict  # noqa: PLC0415  (start-up: matplotlib)
    from setpoint.components.quality_monitoring.exports import figures_of, tiles_of  # noqa: PLC0415  (start-up)
    from setpoint.components.quality_monitoring.plots import draw  # noqa: PLC0415  (start-up: matplotlib)

    write_verdict(
        report,
        verdict,
        title="Quality",
        tiles=tiles_of(quality),
        plots=draw(quality, model),
        figures=figures_of(quality),
    )
