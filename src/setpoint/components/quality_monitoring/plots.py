"""The plots of quality: evidence over time, how far features moved, accuracy by cohort, coverage of labels."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from setpoint.components._drawing import BAD, INK, MAIN, QUIET, SECOND, STYLE, canvas, to_svg
from setpoint.components._monitor import Plot
from setpoint.core.monitors.effect import PSI_MOVED, PSI_SHIFTED, Effects
from setpoint.core.monitors.performance import Cohort, Estimate
from setpoint.core.monitors.quality import Quality
from setpoint.core.monitors.quality_view import Decision
from setpoint.core.monitors.reference import ModelFacts

_COLOURS = {"inputs": MAIN, "instruments": SECOND, "answers": "#8b5fbf", "errors": "#2f9e7c"}
_MOST_FEATURES = 15


def draw(quality: Quality, model: ModelFacts) -> dict[str, Plot]:
    """The plots that have something to show, by name."""
    plots: dict[str, Plot] = {}
    shown = [decision for decision in quality.decisions if len(decision.ends)]
    if shown:
        plots["evidence"] = Plot(
            svg=_evidence(shown),
            caption="Evidence that something has changed, by decision, over the plant's time. What is below the line "
            "happens by chance; a decision that reaches it raises an alarm and starts anew.",
        )
    if quality.effects is not None and quality.records:
        units = {column.name: column.unit for column in model.columns}
        plots["features"] = Plot(
            svg=_features(quality.effects, units),
            caption="How far each feature moved from its values in normal operation (population stability index; "
            "above 0.25 it has shifted). An effect size, no test: of few records it is large by chance.",
        )
    if sum(cohort.labelled > 0 for cohort in quality.cohorts) > 1:
        plots["accuracy"] = Plot(
            svg=_accuracy(quality.cohorts, quality.performance.accuracy),
            caption="Accuracy of the answers given in each stretch, on those labelled by now; the band is the interval "
            "over all.",
        )
    if len(quality.cohorts) > 1:
        plots["labels"] = Plot(
            svg=_coverage(quality.cohorts), caption="Answers in each stretch, and how many have labels."
        )
    return plots


def _evidence(decisions: list[Decision]) -> str:
    with rc_context(STYLE):
        figure, axes = canvas(8.4, 3.0)
        for decision in decisions:
            axes.plot(
                decision.ends.astype("datetime64[us]").astype(np.int64) / 86_400e6,
                decision.watched.values / np.log(10),
                color=_COLOURS.get(decision.name, QUIET),
                linewidth=1.4,
                label=decision.name,
            )
            for alarm in decision.watched.alarms[:1].tolist():
                axes.plot(
                    decision.ends[alarm].astype("datetime64[us]").astype(np.int64) / 86_400e6,
                    decision.watched.values[alarm] / np.log(10),
                    marker="v",
                    color=BAD,
                    markersize=7,
                )
        axes.axhline(
            np.log10(max(decision.horizon for decision in decisions)), color=BAD, linewidth=1.0, linestyle="--"
        )
        axes.set(ylabel="log10 of the e-value")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(decisions))
        _time_axis(axes)
        return to_svg(figure, "Evidence over time")


def _features(effects: Effects, units: dict[str, str]) -> str:
    order = np.argsort(-effects.psi)[:_MOST_FEATURES]
    names = [f"{effects.names[index]} {units.get(effects.names[index], '')}".strip() for index in order.tolist()]
    values = effects.psi[order]
    colours = [BAD if value >= PSI_SHIFTED else SECOND if value >= PSI_MOVED else MAIN for value in values.tolist()]
    with rc_context(STYLE):
        figure, axes = canvas(8.4, 0.9 + 0.26 * len(names))
        axes.barh([name[:40] for name in names], values, color=colours, height=0.6)
        axes.axvline(PSI_SHIFTED, color=INK, linewidth=0.8, linestyle="--")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(xlabel="population stability index")
        return to_svg(figure, "How far features moved")


def _accuracy(cohorts: tuple[Cohort, ...], estimate: Estimate | None) -> str:
    known = [cohort for cohort in cohorts if cohort.labelled]
    with rc_context(STYLE):
        figure, axes = canvas(8.4, 2.6)
        axes.plot(_moments(known), [cohort.accuracy for cohort in known], color=MAIN, marker="o", markersize=4)
        if estimate is not None and estimate.blocks:
            axes.axhspan(estimate.low, estimate.high, color=MAIN, alpha=0.15)
        axes.set(ylabel="accuracy", ylim=(-0.03, 1.03))
        _time_axis(axes)
        return to_svg(figure, "Accuracy by cohort")


def _coverage(cohorts: tuple[Cohort, ...]) -> str:
    moments = _moments(list(cohorts))
    width = 0.9 * float(np.min(np.diff(moments)))
    with rc_context(STYLE):
        figure, axes = canvas(8.4, 2.2)
        axes.bar(moments, [c.answers for c in cohorts], width=width, align="edge", color=QUIET, label="answers")
        axes.bar(moments, [c.labelled for c in cohorts], width=width, align="edge", color=MAIN, label="labelled")
        axes.set(ylabel="records", ylim=(0, 1.35 * max(c.answers for c in cohorts)))
        axes.legend(loc="upper left", ncols=2)
        _time_axis(axes)
        return to_svg(figure, "Answers and labels")


def _moments(cohorts: list[Cohort]) -> Any:
    return np.array([cohort.begin for cohort in cohorts]).astype("datetime64[us]").astype(np.int64) / 86_400e6


def _time_axis(axes: Axes) -> None:
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # matplotlib's dates have no types
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]  # the same
    axes.xaxis.set_major_formatter(formatter)
