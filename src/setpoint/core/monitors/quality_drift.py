"""Checks without labels: inputs that left normal operation, instruments that fail, answers that are not as they were.

Each check is one decision by one anytime-valid test; effect sizes and names of columns say more about a change that was
found, and decide nothing.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from setpoint.core.monitors.answers import SCORES as ANSWER_SCORES
from setpoint.core.monitors.answers import score_answers
from setpoint.core.monitors.calibration import p_values
from setpoint.core.monitors.clients import divergence
from setpoint.core.monitors.diagnosis import PLANT, Column, Diagnosis, diagnose
from setpoint.core.monitors.effect import Effects, measure_effects
from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.inputs import SCORES, score_inputs
from setpoint.core.monitors.quality_view import Decision, View
from setpoint.core.monitors.sensors import score_sensors

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Evidence = dict[str, float | int | str | None]

_HARM_BITS, _LEAST = 0.1, 20  # records on either side
_CALLED = 0.5  # share of answers that name one fault: then the model has seen it


def decide_inputs(view: View) -> Decision:
    """The test on the inputs' scores."""
    scores = score_inputs(view.reference.inputs, view.values)
    return view.decide("inputs", p_values(view.reference.inputs_calibration, scores, view.blocks.follows))


def decide_sensors(view: View) -> Decision:
    """The test on the worst instrument's deviation."""
    scores = score_sensors(view.reference.sensors, view.standard)
    return view.decide("instruments", p_values(view.reference.sensors_calibration, scores, view.blocks.follows))


def decide_answers(view: View) -> Decision | None:
    """The test on the answers' scores; None if the reference has nothing to compare with."""
    calibration = view.reference.answers_calibration
    if calibration is None:
        return None
    scores = score_answers(view.blocks.of(view.alarm_scores))
    return view.decide("answers", p_values(calibration, scores, view.blocks.follows))


def find_covariate_drift(view: View, decision: Decision) -> Finding:
    """Whether the inputs are those of normal operation, jointly."""
    if decision.alarm is None:
        return decision.finding("covariate-drift", "Inputs are as in normal operation.")
    _, records = view.since(decision)
    effects = effects_of(view, records)
    worst = np.argsort(-effects.psi)[:3].tolist()
    answer, share = _answer(view, records)
    explained = answer != view.model.normal_label and share >= _CALLED
    evidence: Evidence = {"score": SCORES[decision.leading], "answer": answer, "answer_share": round(share, 3)}
    evidence |= {f"psi {effects.names[index]}": round(float(effects.psi[index]), 3) for index in worst}
    names = ", ".join(effects.names[index] for index in worst)
    return _alarmed(
        view,
        decision,
        "covariate-drift",
        f"Inputs have left normal operation, most of all {names}. "
        f"The model calls it {answer} in {100 * share:.0f} % of its answers since.",
        Severity.WARNING if explained else Severity.ALARM,
        harmful=_harm(view, records),
        evidence=evidence,
    )


def find_sensor_fault(view: View, decision: Decision) -> Finding:
    """Whether an instrument fails, and how."""
    if decision.alarm is None:
        return decision.finding("sensor-fault", "No instrument deviates from what the others say of it.")
    blocks, records = view.since(decision)
    found = diagnose(view.reference.sensors, view.standard[blocks], columns_of(view), view.model.sample_period_seconds)
    one = found.kind != PLANT
    evidence: Evidence = {"kind": found.kind, "share": round(found.share, 3), "columns": ", ".join(found.columns)}
    evidence |= {"detail": found.detail} if found.detail else {}
    return _alarmed(
        view,
        decision,
        "sensor-fault",
        _words(found),
        Severity.ALARM if one else Severity.WARNING,
        column=found.columns[0] if one else "",
        harmful=_harm(view, records),
        evidence=evidence,
    )


def find_output_drift(view: View, decision: Decision) -> Finding:
    """Whether the model answers as it did in normal operation."""
    if decision.alarm is None:
        return decision.finding("output-drift", "Answers are as in normal operation.")
    _, records = view.since(decision)
    answer, share = _answer(view, records)
    mean = float(view.alarm_scores[records].mean())
    leading = ANSWER_SCORES[decision.leading]
    calibration = view.reference.answers_calibration
    # A fault that lasts is answered evenly too: that answers are frozen is not what is odd then.
    if calibration is not None and np.log(max(mean, 1e-12)) > calibration.cap[0]:
        leading = ANSWER_SCORES[0]
    said = {
        "more-alarming": f"The model sees more of faults than in normal operation (alarm score {mean:.2g})",
        "less-alarming": f"The model is surer of normal operation than it ever was (alarm score {mean:.2g})",
        "frozen": f"Answers hardly vary any more (alarm score {mean:.2g})",
    }[leading]
    return _alarmed(
        view,
        decision,
        "output-drift",
        f"{said}; {100 * share:.0f} % of answers since are {answer}.",
        Severity.WARNING if leading == "more-alarming" else Severity.ALARM,
        harmful=True,
        evidence={"score": leading, "answer": answer, "answer_share": round(share, 3), "alarm_score": round(mean, 4)},
    )


def effects_of(view: View, records: Mask) -> Effects:
    """Effect sizes of the chosen records by feature."""
    return measure_effects(view.stream.rows[records], view.reference.features)


def columns_of(view: View) -> tuple[Column, ...]:
    """The model's columns as normal operation had them."""
    profile = view.reference.inputs
    return tuple(
        Column(name=column.name, unit=column.unit, center=center, scale=scale)
        for column, center, scale in zip(view.model.columns, profile.center, profile.scale, strict=True)
    )


def _alarmed(
    view: View,
    decision: Decision,
    name: str,
    message: str,
    severity: Severity,
    *,
    column: str = "",
    harmful: bool | None,
    evidence: Evidence,
) -> Finding:
    """The finding of a decision that has raised an alarm."""
    since, seen = view.moments(decision)
    return decision.finding(
        name,
        message,
        severity,
        subject="/".join(part for part in (view.asset_of(decision), column) if part),
        since=since,
        seen_at=seen,
        harmful=harmful,
        evidence=evidence,
    )


def _answer(view: View, records: Mask) -> tuple[str, float]:
    """The commonest answer and its share."""
    counted = Counter(view.stream.labels[records].tolist())
    answer, count = counted.most_common(1)[0]
    return str(answer), count / max(counted.total(), 1)


def _harm(view: View, records: Mask) -> bool | None:
    """Whether answers of these records differ from the others'; None if there are too few."""
    parts = [Counter(view.stream.labels[mask].tolist()) for mask in (records, ~records)]
    if min(part.total() for part in parts) < _LEAST:
        return None
    return divergence(*parts) > _HARM_BITS


def _words(found: Diagnosis) -> str:
    column, detail = found.columns[0], found.detail
    more = f" ({detail})" if detail else ""
    match found.kind:
        case "stuck":
            return f"{column} is stuck: it repeats one value."
        case "drop-out":
            return f"{column} loses readings{more}."
        case "noise":
            return f"{column} is noisier than it was{more}."
        case "unit":
            return f"{column} comes in another unit: {detail}."
        case "ramp":
            return f"{column} drifts away from what all others say of it."
        case "delay":
            return f"{column} comes late{more} beside what all others say of it."
        case "offset":
            return f"{column} alone deviates{more}: that instrument, or what acts on it alone."
    return f"Several columns left their ties together ({', '.join(found.columns[:3])}): the plant, not one instrument."
