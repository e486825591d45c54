"""The plots of an evaluation.

Decides what a plot shows and how it is drawn; the numbers come in ready.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from setpoint.components._drawing import BAD, GRID, INK, MAIN, QUIET, SECOND, STYLE, canvas, to_svg
from setpoint.core.metrics import Detection, Scorer, reliability

Floats = npt.NDArray[np.float64]


def roc(scorer: Scorer, alarm_scores: Floats, faulty: npt.NDArray[np.bool_], worst: Sequence[str]) -> str:
    """ROC of every class against the rest (the hardest ones named), and of fault against normal."""
    with rc_context(STYLE):
        figure, axes = canvas(6.2, 4.6)
        for label in scorer.present:
            if label not in worst:
                axes.plot(*scorer.roc_curve(label), color=QUIET, linewidth=0.8, alpha=0.6)
        for label, color in zip(worst, (SECOND, BAD, "#8b5fbf"), strict=False):
            axes.plot(*scorer.roc_curve(label), color=color, linewidth=1.5, label=f"class {label} against the rest")
        order = np.argsort(-alarm_scores, kind="stable")
        hit = np.concatenate([[0.0], np.cumsum(faulty[order])])
        false = np.concatenate([[0.0], np.cumsum(~faulty[order])])
        if hit[-1] and false[-1]:
            axes.plot(false / false[-1], hit / hit[-1], color=MAIN, linewidth=2.2, label="any fault against normal")
        axes.plot([0, 1], [0, 1], color=GRID, linewidth=1, linestyle=":")
        axes.set(xlabel="false-positive rate", ylabel="true-positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.legend(loc="lower right")
        return to_svg(figure, "Receiver operating characteristic of every class")


def confusion(scorer: Scorer, classes: Sequence[str]) -> str:
    """Share of each true class answered as each class."""
    table, rows = scorer.confusion(), scorer.present
    with rc_context({**STYLE, "axes.grid": False, "font.size": 9}):
        width = 2.2 + 0.36 * len(classes)
        figure, axes = canvas(max(4.2, width), max(3.2, 1.4 + 0.36 * len(rows)))
        for (row, column), share in np.ndenumerate(table):
            if share < 0.005:
                continue
            right = rows[row] == classes[column]
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, color=MAIN if right else BAD, alpha=0.1 + 0.75 * share)
            )
            if share >= 0.045:
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=8)
        axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel="answer", ylabel="truth")
        axes.set_xticks(range(len(classes)), classes, rotation=45 if max(map(len, classes)) > 3 else 0)
        axes.set_yticks(range(len(rows)), rows)
        return to_svg(figure, "Confusion matrix, per cent of each true class")


def delays(faults: Sequence[Detection], minutes_per_record: float) -> str:
    """How soon each fault is detected and how much of it raises an alarm."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7.6, 1.2 + 0.3 * max(len(faults), 2)))
        left, right = figure.subplots(1, 2, sharey=True)
        positions = np.arange(len(faults))
        hours = np.array([row.delay_records * minutes_per_record / 60 for row in faults])
        known = ~np.isnan(hours)
        left.barh(positions[known], hours[known], color=MAIN, height=0.62)
        reach = max(float(np.nanmax(hours)) if known.any() else 1.0, 0.1)
        for position, hour in zip(positions, hours, strict=True):
            text = "not detected" if np.isnan(hour) else f"{hour:.2f} h"
            start = 0.0 if np.isnan(hour) else hour
            left.text(start + 0.02 * reach, position, text, va="center", color=BAD if np.isnan(hour) else INK)
        left.set(xlabel="hours from the fault to its detection", xlim=(0, 1.3 * reach), ylabel="fault")
        left.set_yticks(positions, [row.label for row in faults])
        left.invert_yaxis()
        right.barh(positions, [row.detection_rate for row in faults], color=SECOND, height=0.62)
        right.set(xlabel="share of faulty windows above the limit", xlim=(0, 1.02))
        for axes in (left, right):
            axes.grid(axis="y", visible=False)
        return to_svg(figure, "Detection delay and detection rate per fault")


def calibration(confidence: Floats, correct: npt.NDArray[np.bool_]) -> str:
    """How often an answer of some confidence is right."""
    mean, right, share = reliability(confidence, correct)
    error = float((share * np.abs(mean - right)).sum())
    with rc_context(STYLE):
        figure, axes = canvas(5.2, 4.2)
        axes.bar(mean, share, width=0.06, color=QUIET, alpha=0.45, label="share of windows")
        axes.plot([0, 1], [0, 1], color=GRID, linestyle=":")
        axes.plot(mean, right, color=MAIN, marker="o", linewidth=2, label="share that is right")
        axes.set(xlabel="probability of the answer", xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set_title(f"expected calibration error {error:.3f}", loc="left", fontsize=10)
        axes.legend(loc="upper left")
        return to_svg(figure, "Calibration of the most probable answer")


def false_alarms(rows: Sequence[Detection], target_rate: float) -> str:
    """Realised false-alarm rate of every run that has normal windows, with the declared target."""
    held = [row for row in rows if row.normal_windows]
    with rc_context(STYLE):
        figure, axes = canvas(7.6, 3.2)
        positions = np.arange(len(held))
        rates = [row.false_alarm_rate for row in held]
        axes.bar(positions, rates, color=[BAD if rate > 3 * target_rate else MAIN for rate in rates], width=0.6)
        axes.axhline(target_rate, color=INK, linewidth=1.2, linestyle="--", label=f"target {target_rate:.1%}")
        axes.set(xlabel="run", ylabel="share of normal windows\nabove the limit")
        axes.set_ylim(0, max([*rates, 3 * target_rate]) * 1.15)
        names = _short([row.run for row in held])
        turned = sum(map(len, names)) > 60
        axes.set_xticks(positions, names if len(names) <= 40 else [""] * len(names), rotation=90 if turned else 0)
        axes.grid(axis="x", visible=False)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0))
        return to_svg(figure, "Realised false-alarm rate per run")


def _short(names: Sequence[str]) -> list[str]:
    """Names of runs without the file that all of them come from."""
    files = {name.rpartition("/")[0] for name in names}
    return [name.rpartition("/")[2] for name in names] if len(files) == 1 else list(names)
