"""The gate: rows of rules and figures against verdicts and the sentence that says why."""

from __future__ import annotations

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.core.metrics import GateRules, Interval, Verdict, check_rules, decide

FIGURES = {"accuracy": 0.8, "recall": 0.7, "roc_auc": 0.9, "false_alarm_rate": 0.05}
NONE = GateRules(max_loss_to_champion=None)


def _difference(estimate: float) -> Interval:
    return Interval(estimate=estimate, low=estimate - 0.01, high=estimate + 0.01)


@pytest.mark.parametrize(
    ("rules", "verdict", "sentence"),
    [
        (NONE, Verdict.PROMOTE, "There is no champion to compare with."),
        (NONE.replace(min_accuracy=0.8), Verdict.PROMOTE, "Accuracy 0.800 reaches the minimum 0.800."),
        (NONE.replace(min_accuracy=0.81), Verdict.REJECT, "Accuracy 0.800 is below the minimum 0.810."),
        (NONE.replace(min_recall=0.71), Verdict.REJECT, "Macro recall 0.700 is below the minimum 0.710."),
        (NONE.replace(min_roc_auc=0.95), Verdict.REJECT, "Macro ROC AUC 0.900 is below the minimum 0.950."),
        (
            NONE.replace(max_false_alarm_rate=0.01),
            Verdict.REJECT,
            "The false-alarm rate 0.050 exceeds the maximum 0.010.",
        ),
        (NONE.replace(max_false_alarm_rate=0.05), Verdict.PROMOTE, "0.050 keeps the maximum 0.050."),
    ],
)
def test_thresholds(rules: GateRules, verdict: Verdict, sentence: str) -> None:
    decision = decide(rules, FIGURES)
    assert decision.verdict is verdict
    assert sentence in decision.reasons


@pytest.mark.parametrize(
    ("loss", "verdict"), [(0.03, Verdict.PROMOTE), (-0.02, Verdict.PROMOTE), (-0.021, Verdict.REJECT)]
)
def test_the_champion_may_be_missed_by_the_margin_and_no_more(loss: float, verdict: Verdict) -> None:
    decision = decide(GateRules(max_loss_to_champion=0.02), FIGURES, over_champion=_difference(loss))
    assert decision.verdict is verdict
    assert f"{loss:+.3f}" in decision.reasons


def test_the_baseline_has_its_own_margin() -> None:
    rules = NONE.replace(max_loss_to_baseline=0.0)
    assert decide(rules, FIGURES, over_baseline=_difference(0.001)).verdict is Verdict.PROMOTE
    assert decide(rules, FIGURES, over_baseline=_difference(-0.001)).verdict is Verdict.REJECT


def test_a_figure_without_meaning_fails_its_check() -> None:
    nothing = FIGURES | {"false_alarm_rate": float("nan")}
    assert decide(NONE.replace(max_false_alarm_rate=0.5), nothing).verdict is Verdict.REJECT


def test_a_rejection_names_the_failed_checks_only() -> None:
    decision = decide(NONE.replace(min_accuracy=0.5, min_recall=0.9), FIGURES)
    assert "Accuracy" not in decision.reasons and "Macro recall" in decision.reasons
    assert [check.passed for check in decision.checks] == [True, False, True]


def test_a_threshold_that_is_no_ratio_is_refused() -> None:
    with pytest.raises(InvalidSpec) as caught:
        check_rules(GateRules(min_accuracy=70))
    assert caught.value.path == "min_accuracy"
