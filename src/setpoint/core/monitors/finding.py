"""What a monitor says: a verdict made of findings, each with its evidence in figures.

Invariant: a verdict is as bad as its worst finding; nothing is called `ok` that was not looked at (then it is
`unknown`, and a note says why).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from setpoint.apis.meta import Wire


class Severity(StrEnum):
    """How bad it is, in rising order (`RANK`)."""

    OK = "ok"
    UNKNOWN = "unknown"  # nothing to judge by: no data, no labels, no reference
    WARNING = "warning"
    ALARM = "alarm"


RANK = (Severity.OK, Severity.UNKNOWN, Severity.WARNING, Severity.ALARM)


class Finding(Wire, frozen=True, kw_only=True):
    """One thing that was judged, also if it is in order.

    `name` is the kind of trouble in kebab-case (`silence`, `surge`, `covariate-drift`), `subject` what it is about (a
    feature, a client, a cohort). `value` was compared with `threshold`; `evidence` holds further figures.
    `since` is the moment from which on it is so, `seen_at` when it could be known (their difference is the delay).
    """

    name: str
    severity: Severity
    message: str  # one sentence for a person at the plant
    subject: str = ""
    value: float | None = None
    threshold: float | None = None
    since: datetime | None = None
    seen_at: datetime | None = None
    harmful: bool | None = None  # whether predictions moved with it; None if that was not looked at
    evidence: dict[str, float | int | str | None] = {}


class Verdict(Wire, frozen=True, kw_only=True):
    """What a monitor says about a service over a window, findings worst first."""

    monitor: str  # traffic or quality
    namespace: str
    service: str
    severity: Severity
    begin: datetime
    end: datetime
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()  # what was not judged, and why
    versions: tuple[str, ...] = ()  # of the model, that answered in the window


def worst(findings: tuple[Finding, ...]) -> Severity:
    """The worst severity; unknown without findings."""
    return max((one.severity for one in findings), key=RANK.index, default=Severity.UNKNOWN)


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first; of equally bad ones those that moved predictions, then by name."""
    return tuple(sorted(findings, key=lambda one: (-RANK.index(one.severity), not one.harmful, one.name)))
