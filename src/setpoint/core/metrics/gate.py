"""Promote or reject: a candidate's figures against declared thresholds and against the champion.

Decides from numbers alone. Invariant: promote if and only if every declared check holds; each check leaves one
sentence with the figure and the threshold, whichever way it went.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire
from setpoint.core.metrics.bootstrap import Interval


class Verdict(StrEnum):
    """What the gate says."""

    PROMOTE = "promote"
    REJECT = "reject"


class GateRules(Wire, frozen=True, kw_only=True):
    """Thresholds; None switches a check off. All are ratios, 0..1."""

    min_accuracy: float | None = None
    min_recall: float | None = None
    min_roc_auc: float | None = None
    max_false_alarm_rate: float | None = None
    max_loss_to_champion: float | None = 0.02  # of accuracy, on the same windows
    max_loss_to_baseline: float | None = None  # of accuracy to the linear model, on the same windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One threshold and how it went."""

    name: str
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict and every check behind it."""

    verdict: Verdict
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> str:
        """The failed checks' sentences, or all of them if none failed."""
        failed = [check.sentence for check in self.checks if not check.passed]
        return " ".join(failed or [check.sentence for check in self.checks])


def check_rules(rules: GateRules) -> None:
    """Refuse thresholds that are no ratios.

    Raises:
        InvalidSpec: With the field's name as path.
    """
    for name in rules.__struct_fields__:
        value = getattr(rules, name)
        if value is not None and not 0 <= value <= 1:
            raise InvalidSpec(f"a threshold of {value} lies outside 0..1", path=name)


def decide(
    rules: GateRules,
    figures: Mapping[str, float],
    *,
    over_champion: Interval | None = None,
    over_baseline: Interval | None = None,
) -> Decision:
    """Apply the rules.

    Args:
        rules: The declared thresholds.
        figures: `accuracy`, `recall`, `roc_auc`, `false_alarm_rate` of the candidate; NaN fails its check.
        over_champion: Candidate's accuracy minus the champion's on the same windows; None if there is no champion.
        over_baseline: Candidate's accuracy minus the baseline's on the same windows; None if there is none.
    """
    checks = [
        *_at_least("accuracy", "Accuracy", rules.min_accuracy, figures),
        *_at_least("recall", "Macro recall", rules.min_recall, figures),
        *_at_least("roc_auc", "Macro ROC AUC", rules.min_roc_auc, figures),
        *_at_most("false_alarm_rate", "The false-alarm rate", rules.max_false_alarm_rate, figures),
    ]
    if rules.max_loss_to_champion is not None and over_champion is not None:
        margin = rules.max_loss_to_champion
        checks.append(_margin("champion", over_champion, margin))
    if rules.max_loss_to_baseline is not None and over_baseline is not None:
        checks.append(_margin("linear baseline", over_baseline, rules.max_loss_to_baseline))
    if over_champion is None:
        checks.append(Check(name="first", passed=True, sentence="There is no champion to compare with."))
    verdict = Verdict.PROMOTE if all(check.passed for check in checks) else Verdict.REJECT
    return Decision(verdict=verdict, checks=tuple(checks))


def _at_least(name: str, title: str, limit: float | None, figures: Mapping[str, float]) -> list[Check]:
    if limit is None:
        return []
    value = figures[name]
    passed = value >= limit
    word = "reaches" if passed else "is below"
    return [Check(name=name, passed=passed, sentence=f"{title} {value:.3f} {word} the minimum {limit:.3f}.")]


def _at_most(name: str, title: str, limit: float | None, figures: Mapping[str, float]) -> list[Check]:
    if limit is None:
        return []
    value = figures[name]
    passed = value <= limit
    word = "keeps" if passed else "exceeds"
    return [Check(name=name, passed=passed, sentence=f"{title} {value:.3f} {word} the maximum {limit:.3f}.")]


def _margin(name: str, difference: Interval, allowed: float) -> Check:
    passed = difference.estimate >= -allowed
    word = "within" if passed else "beyond"
    sentence = (
        f"Accuracy differs from the {name}'s by {difference.estimate:+.3f} [{difference.low:+.3f}, "
        f"{difference.high:+.3f}] on the same windows, {word} the loss of {allowed:.3f} that is allowed."
    )
    return Check(name=name, passed=passed, sentence=sentence)
