"""How good a service's answers are: inputs, instruments, answers and errors, each decided once, and all figures.

Decides from records out of the prediction log, labels as far as they have come, and the reference that training wrote.
Invariant: what could not be judged is said in a note; nothing is called well that was not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.monitors.effect import Effects
from setpoint.core.monitors.finding import Finding, Severity, ranked
from setpoint.core.monitors.performance import Cohort, cohorts
from setpoint.core.monitors.quality_drift import (
    decide_answers,
    decide_inputs,
    decide_sensors,
    effects_of,
    find_covariate_drift,
    find_output_drift,
    find_sensor_fault,
)
from setpoint.core.monitors.quality_labels import (
    Performance,
    decide_errors,
    describe_performance,
    find_concept_drift,
    measure_performance,
)
from setpoint.core.monitors.quality_records import check_classes, check_clock, check_gaps, notes_on
from setpoint.core.monitors.quality_view import Decision, QualityRules, View
from setpoint.core.monitors.reference import ModelFacts, Reference
from setpoint.core.monitors.sequential import watch
from setpoint.core.monitors.stream import Truth, Unpacked

Mask = npt.NDArray[np.bool_]

_DAY = 86_400.0
_COHORTS = 24  # at most so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is promised of false alarms, and what was found on held-out normal operation of the training data."""

    days: float  # at most one false alarm in so many, of all decisions together
    measured_days: float
    measured_alarms: int
    blocks: int  # that p-values rest on


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Findings (worst first), notes on what was not judged, and figures for pictures."""

    records: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    decisions: tuple[Decision, ...]
    effects: Effects | None  # of what came since inputs left normal operation, else of all records
    performance: Performance
    cohorts: tuple[Cohort, ...]
    promise: Promise | None  # None without a reference


def judge_quality(
    unpacked: Unpacked, truth: Truth, model: ModelFacts, reference: Reference | None, rules: QualityRules
) -> Quality:
    """Judge the records.

    Args:
        unpacked: Of one version of the model, as `stream.unpack` gives them.
        truth: Labels of these records, as `stream.join` gives them.
        model: That version.
        reference: What its training wrote; None if it wrote none: then only labels are looked at.
        rules: What is promised.
    """
    view = View(unpacked, truth, model, reference, rules)
    drift = _judge_drift(view) if view.has_reference else _Drift()
    performance = measure_performance(view)
    findings = (
        *check_gaps(view),
        *check_classes(view),
        *check_clock(view),
        *drift.findings,
        *describe_performance(performance),
    )
    return Quality(
        records=len(view.stream),
        findings=ranked(findings),
        notes=(*notes_on(view), *drift.notes),
        decisions=drift.decisions,
        effects=drift.effects,
        performance=performance,
        cohorts=_cohorts(view),
        promise=drift.promise,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drift:
    """What needs the reference."""

    decisions: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    effects: Effects | None = None
    promise: Promise | None = None


def _judge_drift(view: View) -> _Drift:
    promise = measure_promise(view)
    decisions: list[Decision] = []
    findings = [_promised(promise)]
    notes: tuple[str, ...] = ()
    records: Mask = np.ones(len(view.stream), dtype=bool)
    if len(view.blocks):
        inputs, instruments, answers = decide_inputs(view), decide_sensors(view), decide_answers(view)
        decisions += [inputs, instruments]
        findings += [find_covariate_drift(view, inputs), find_sensor_fault(view, instruments)]
        if inputs.alarm is not None:
            records = view.since(inputs)[1]
        if answers is not None:
            decisions.append(answers)
            findings.append(find_output_drift(view, answers))
        else:
            notes = ("Whether answers drift is not judged: training held out too few windows of normal operation.",)
    if (errors := decide_errors(view)) is not None:
        decisions.append(errors.decision)
        findings.append(find_concept_drift(view, errors))
    return _Drift(
        decisions=tuple(decisions),
        findings=tuple(findings),
        notes=notes,
        effects=effects_of(view, records) if len(view.stream) else None,
        promise=promise,
    )


def measure_promise(view: View) -> Promise:
    """The detectors' alarms on held-out normal operation, ranked among other held-out blocks."""
    reference = view.reference
    alarms, longest = 0, 0
    for trial in reference.trials.values():
        if trial:
            alarms += len(watch(np.array(trial), view.detector).alarms)
            longest = max(longest, len(trial))
    return Promise(
        days=view.rules.false_alarm_days,
        measured_days=longest * reference.block * view.model.sample_period_seconds / _DAY,
        measured_alarms=alarms,
        blocks=reference.inputs_calibration.blocks,
    )


def _promised(promise: Promise) -> Finding:
    short = promise.measured_days < promise.days
    proof = ", which is too short to prove it" if short else ""
    return Finding(
        name="promise",
        severity=Severity.OK,
        message=f"At most one false alarm in {promise.days:g} days is promised; on {promise.measured_days:.3g} days of "
        f"held-out normal operation {promise.measured_alarms} were raised{proof}.",
        value=float(promise.measured_alarms),
        threshold=promise.measured_days / promise.days,
        evidence={"days": promise.days, "measured_days": round(promise.measured_days, 3), "blocks": promise.blocks},
    )


def _cohorts(view: View) -> tuple[Cohort, ...]:
    """By when answers were given, in steps that are round."""
    times = view.stream.times
    if not len(times):
        return ()
    span = float((times.max() - times.min()) / np.timedelta64(1, "s"))
    steps = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400)
    length = next((step for step in steps if span <= step * _COHORTS), 30 * 86_400)
    return cohorts(
        times,
        view.stream.labels.tolist(),
        view.truth.labels.tolist(),
        view.truth.said_at,
        length=np.timedelta64(length, "s").astype("timedelta64[us]"),
    )
