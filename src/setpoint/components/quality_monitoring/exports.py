"""The figures of a quality verdict, as the page's tiles and as gauges."""

from __future__ import annotations

from setpoint.core.monitors.effect import PSI_SHIFTED
from setpoint.core.monitors.performance import Estimate
from setpoint.core.monitors.quality import Quality
from setpoint.core.monitors.wording import words


def tiles_of(quality: Quality) -> list[tuple[str, str]]:
    """Name and value, in the order of a reader's questions."""
    performance = quality.performance
    tiles = [("records", f"{quality.records:,}")]
    if quality.effects is not None:
        shifted = int((quality.effects.psi >= PSI_SHIFTED).sum())
        tiles.append(("features far from training", f"{shifted} of {len(quality.effects.names)}"))
    if quality.records:
        tiles.append(("labelled", f"{100 * performance.coverage:.3g} %"))
    if performance.labelled:
        tiles.append(("label lag, median", words(performance.lag_seconds)))
    for name, estimate in (
        ("accuracy", performance.accuracy),
        ("recall", performance.recall),
        ("AUC", performance.auc),
    ):
        if estimate is not None and estimate.blocks:
            tiles.append((name, _interval(estimate.value, estimate.low, estimate.high)))
    if performance.expected is not None:
        expected = performance.expected
        tiles.append(("expected accuracy", _interval(expected.value, expected.low, expected.high)))
    if quality.promise is not None:
        tiles.append(("false alarms promised", f"1 in {quality.promise.days:g} d"))
        tiles.append(
            ("found on held-out data", f"{quality.promise.measured_alarms} in {quality.promise.measured_days:.3g} d")
        )
    return tiles


def figures_of(quality: Quality) -> dict[str, tuple[str, float]]:
    """Gauges: full name, help and value."""
    performance = quality.performance
    figures = {
        "setpoint_quality_records": ("Records in the window", float(quality.records)),
        "setpoint_quality_label_coverage_ratio": ("Share of records whose true label is known", performance.coverage),
    }
    if performance.labelled:
        figures["setpoint_quality_label_lag_seconds"] = ("Median time from answer to label", performance.lag_seconds)
    for name, estimate in (
        ("accuracy", performance.accuracy),
        ("recall", performance.recall),
        ("auc", performance.auc),
    ):
        if estimate is not None and estimate.blocks:
            figures |= _gauges(name, estimate)
    if performance.expected is not None:
        figures["setpoint_quality_expected_accuracy_ratio"] = (
            "Accuracy by confidence alone",
            performance.expected.value,
        )
    for decision in quality.decisions:
        if len(decision.watched.values):
            figures[f"setpoint_quality_{decision.name}_log_e_value"] = (
                f"Evidence against normal operation in {decision.name}, natural logarithm",
                float(decision.watched.values[-1]),
            )
    if quality.effects is not None and len(quality.effects.names):
        figures["setpoint_quality_largest_psi"] = (
            "Population stability index of the feature that moved most",
            float(quality.effects.psi.max()),
        )
    if quality.promise is not None:
        figures["setpoint_quality_promised_days_between_false_alarms"] = (
            "Promise of all decisions together",
            quality.promise.days,
        )
        figures["setpoint_quality_measured_false_alarms"] = (
            "Alarms of the same detectors on held-out normal operation",
            float(quality.promise.measured_alarms),
        )
    return figures


def _gauges(name: str, estimate: Estimate) -> dict[str, tuple[str, float]]:
    return {
        f"setpoint_quality_{name}_ratio": (f"{name} on labelled records", estimate.value),
        f"setpoint_quality_{name}_low_ratio": ("Lower end of its anytime-valid interval", estimate.low),
        f"setpoint_quality_{name}_high_ratio": ("Upper end of its anytime-valid interval", estimate.high),
    }


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:.3g} ({low:.2g} to {high:.2g})"
