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
from setpoint.core.monitors.effect import PSI_SHIFTED, Effects, measure_effects
from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.inputs import SCORES, score_inputs
from setpoint.core.monitors.quality_view import Decision, View
from setpoint.core.monitors.sensors import score_sensors

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Evidence = dict[str, float | int | str | None]

_HARM_BITS, _LEAST = 0.1, 20  # records on either side
_CALLED = 0.5  # share of answers that name one fault: then the model has seen it


def decide_inputs(view: View) -> tuple[Decision, Floats]:
    """The test on the inputs' scores, with its p-values in order of time, (b, 4)."""
    scores = score_inputs(view.reference.inputs, view.values)
    found = p_values(view.reference.inputs_calibration, scores, view.blocks.follows)
    return view.decide("inputs", found), found[view.order]


def decide_sensors(view: View) -> Decision:
    """The test on the worst instrument's deviation."""
    scores = score_sensors(view.reference.sensors, view.standard)
    found = p_values(view.reference.sensors_calibration, scores, view.blocks.follows)
    return view.decide("instruments", found)


def decide_answers(view: View) -> tuple[Decision, Floats] | None:
    """The test on the answers' scores, with its p-values; None if the reference has nothing to compare with."""
    calibration = view.reference.answers_calibration
    if calibration is None:
        return None
    scores = score_answers(view.blocks.of(view.alarm_scores))
    found = p_values(calibration, scores, view.blocks.follows)
    return view.decide("answers", found), found[view.order]


def find_covariate_drift(view: View, decision: Decision, p: Floats) -> Finding:
    """Whether the inputs are those of normal operation, jointly."""
    if decision.alarm is None:
        return _quiet("covariate-drift", decision, "Inputs are as in normal operation.")
    _, records = view.since(decision)
    since, seen = view.moments(decision)
    leading = SCORES[_leading(decision, p)]
    effects = effects_of(view, records)
    worst = np.argsort(-effects.psi)[:3].tolist()
    answer, share = _answer(view, records)
    explained = answer != view.model.normal_label and share >= _CALLED
    evidence: Evidence = {"score": leading, "answer": answer, "answer_share": round(share, 3)}
    evidence |= {f"psi {effects.names[index]}": round(float(effects.psi[index]), 3) for index in worst}
    says = f"The model calls it {answer} in {100 * share:.0f} % of its answers since."
    return Finding(
        name="covariate-drift",
        subject=view.asset_of(decision),
        severity=Severity.WARNING if explained else Severity.ALARM,
        message=f"Inputs have left normal operation, most of all {_list([effects.names[i] for i in worst])}. {says}",
        value=float(np.exp(decision.watched.values.max())),
        threshold=decision.horizon,
        since=since,
        seen_at=seen,
        harmful=_harm(view, records),
        evidence=evidence,
    )


def find_sensor_fault(view: View, decision: Decision) -> Finding:
    """Whether an instrument fails, and how."""
    if decision.alarm is None:
        return _quiet("sensor-fault", decision, "No instrument deviates from what the others say of it.")
    blocks, records = view.since(decision)
    since, seen = view.moments(decision)
    found = diagnose(view.reference.sensors, view.standard[blocks], columns_of(view), view.model.sample_period_seconds)
    one = found.kind != PLANT
    evidence: Evidence = {"kind": found.kind, "share": round(found.share, 3), "columns": ", ".join(found.columns)}
    evidence |= {"detail": found.detail} if found.detail else {}
    column = found.columns[0]
    return Finding(
        name="sensor-fault",
        subject="/".join(part for part in (view.asset_of(decision), column if one else "") if part),
        severity=Severity.ALARM if one else Severity.WARNING,
        message=_words(found),
        value=float(np.exp(decision.watched.values.max())),
        threshold=decision.horizon,
        since=since,
        seen_at=seen,
        harmful=_harm(view, records),
        evidence=evidence,
    )


def find_output_drift(view: View, decision: Decision, p: Floats) -> Finding:
    """Whether the model answers as it did in normal operation."""
    if decision.alarm is None:
        return _quiet("output-drift", decision, "Answers are as in normal operation.")
    _, records = view.since(decision)
    since, seen = view.moments(decision)
    leading = ANSWER_SCORES[_leading(decision, p)]
    answer, share = _answer(view, records)
    mean = float(view.alarm_scores[records].mean())
    calibration = view.reference.answers_calibration
    if (
        calibration is not None and np.log(max(mean, 1e-12)) > calibration.cap[0]
    ):  # a fault that lasts is answered evenly too
        leading = ANSWER_SCORES[0]
    said = {
        "more-alarming": f"The model sees more of faults than in normal operation (alarm score {mean:.2g})",
        "less-alarming": f"The model is surer of normal operation than it ever was (alarm score {mean:.2g})",
        "frozen": f"Answers hardly vary any more (alarm score {mean:.2g})",
    }[leading]
    return Finding(
        name="output-drift",
        subject=view.asset_of(decision),
        severity=Severity.WARNING if leading == "more-alarming" else Severity.ALARM,
        message=f"{said}; {100 * share:.0f} % of answers since are {answer}.",
        value=float(np.exp(decision.watched.values.max())),
        threshold=decision.horizon,
        since=since,
        seen_at=seen,
        harmful=True,
        evidence={"score": leading, "answer": answer, "answer_share": round(share, 3), "alarm_score": round(mean, 4)},
    )


def effects_of(view: View, records: Mask) -> Effects:
    """Effect sizes of the chosen records by feature."""
    return measure_effects(view.stream.rows[records], view.reference.features)


def shifted(effects: Effects) -> list[str]:
    """Features whose shift is large by custom, largest first."""
    order = np.argsort(-effects.psi)
    return [effects.names[index] for index in order.tolist() if effects.psi[index] >= PSI_SHIFTED]


def columns_of(view: View) -> tuple[Column, ...]:
    """The model's columns as normal operation had them."""
    profile = view.reference.inputs
    return tuple(
        Column(name=column.name, unit=column.unit, center=center, scale=scale)
        for column, center, scale in zip(view.model.columns, profile.center, profile.scale, strict=True)
    )


def _quiet(name: str, decision: Decision, message: str) -> Finding:
    highest = float(np.exp(decision.watched.values.max())) if len(decision.watched.values) else 0.0
    return Finding(name=name, severity=Severity.OK, message=message, value=highest, threshold=decision.horizon)


def _leading(decision: Decision, p: Floats) -> int:
    """The score that tells most against normal operation, from the onset to the alarm."""
    assert decision.alarm is not None, "there was an alarm"  # noqa: S101  (callers look)
    return int(np.log(p[decision.onset : decision.alarm + 1]).sum(axis=0).argmin())


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
    return f"Several columns left their ties together ({_list(found.columns)}): the plant, not one instrument."


def _list(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:3])
