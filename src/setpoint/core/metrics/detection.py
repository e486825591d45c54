"""Alarms: the limit that a target false-alarm rate asks for, and how soon and how surely faults raise one.

Decides from scores (larger is more abnormal). Invariant: a limit is set on normal windows alone and never on those it
is judged by. A delay is counted in records from the first faulty one to the first of `consecutive` alarms.
Convention: Russell, Chiang & Braatz 2000, Chemom. Intell. Lab. Syst. 51, 81 (6 alarms one after another).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One run, or one fault over all its runs. Rates are NaN without windows to count, the delay if not detected."""

    run: str
    label: str
    faulty_windows: int
    detection_rate: float
    normal_windows: int
    false_alarm_rate: float
    delay_records: float


def alarm_limit(normal_scores: Floats, target_rate: float) -> float:
    """The smallest score above which at most `target_rate` of the normal windows lie.

    Raises:
        InvalidSpec: No windows, or a rate outside 0..1.
    """
    if not 0 < target_rate < 1:
        raise InvalidSpec(f"a false-alarm rate of {target_rate} lies outside 0..1", path="false_alarm_rate")
    if not len(normal_scores):
        raise InvalidSpec("no held-out window of normal operation to set the alarm limit on; give longer normal runs")
    return float(np.quantile(normal_scores, 1 - target_rate, method="higher"))


def alarms(scores: Floats, limit: float) -> Mask:
    """Windows above the limit."""
    return scores > limit


def first_alarm(above: Mask, consecutive: int) -> int | None:
    """Index of the first of `consecutive` alarms one after another; None if there are none."""
    length = 0
    for index, value in enumerate(above.tolist()):
        length = length + 1 if value else 0
        if length == consecutive:
            return index - consecutive + 1
    return None


def detect(
    runs: Sequence[str], truth: Sequence[str], above: Mask, ends: Indexes, *, normal: str, consecutive: int
) -> tuple[Detection, ...]:
    """One row per run, in order of appearance.

    Args:
        runs: Run of each window, windows of a run contiguous and in order.
        truth: Label of each window.
        above: Whether the window is an alarm.
        ends: Row index of each window, so that a delay counts records although windows may be strided.
        normal: The label of normal operation.
        consecutive: Alarms one after another that count as detection.
    """
    names = np.asarray(runs)
    labels = np.asarray(truth)
    rows = []
    for run in dict.fromkeys(runs):
        members = names == run
        faulty = members & (labels != normal)
        quiet = members & (labels == normal)
        onset = np.flatnonzero(faulty)
        delay = float("nan")
        if len(onset):
            first = first_alarm(above[onset], consecutive)
            delay = float("nan") if first is None else float(ends[onset[first]] - ends[onset[0]])
        rows.append(
            Detection(
                run=run,
                label=str(labels[onset[0]]) if len(onset) else normal,
                faulty_windows=len(onset),
                detection_rate=_share(above, faulty),
                normal_windows=int(quiet.sum()),
                false_alarm_rate=_share(above, quiet),
                delay_records=delay,
            )
        )
    return tuple(rows)


def by_fault(rows: Sequence[Detection]) -> tuple[Detection, ...]:
    """Rows of one label joined: rates over all windows, the median delay, NaN if most runs were not detected."""
    joined = []
    for label in dict.fromkeys(row.label for row in rows):
        group = [row for row in rows if row.label == label]
        delays = [np.inf if np.isnan(row.delay_records) else row.delay_records for row in group]
        median = float(np.median(delays))
        joined.append(
            Detection(
                run=", ".join(row.run for row in group),
                label=label,
                faulty_windows=sum(row.faulty_windows for row in group),
                detection_rate=_pooled([(row.detection_rate, row.faulty_windows) for row in group]),
                normal_windows=sum(row.normal_windows for row in group),
                false_alarm_rate=_pooled([(row.false_alarm_rate, row.normal_windows) for row in group]),
                delay_records=median if np.isfinite(median) else float("nan"),
            )
        )
    return tuple(joined)


def _share(above: Mask, among: Mask) -> float:
    return float(above[among].mean()) if among.any() else float("nan")


def _pooled(parts: Sequence[tuple[float, int]]) -> float:
    total = sum(count for _, count in parts)
    return sum(rate * count for rate, count in parts if count) / total if total else float("nan")
