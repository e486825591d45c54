"""Checks of the records themselves: gaps, clocks, labels that fit nothing; and notes on what cannot be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.quality_view import View
from setpoint.core.monitors.stream import as_datetime

_GAP = 1.5  # periods between two records: more is a gap
_GAP_SHARE = 0.05  # of records missing: then it is a finding
_SKEW = 60.0  # seconds by which one asset's clock may differ from the others'
_BEHIND = 3600.0  # seconds between measuring and asking that are worth a note


def check_gaps(view: View) -> Iterator[Finding]:
    """Records that the plant must have made and the log does not hold."""
    stream, period = view.stream, view.model.sample_period_seconds
    if not view.told or len(stream) < 2:
        return
    steps = np.diff(stream.plant_times) / np.timedelta64(1, "us") / 1e6 / period
    same = view.codes[1:] == view.codes[:-1]
    gaps = np.flatnonzero(same & (steps > _GAP))
    if not len(gaps):
        yield Finding(name="log-gap", severity=Severity.OK, message="No record is missing in between.", value=0.0)
        return
    missing = int(np.rint(steps[gaps] - 1).sum())
    share = missing / (missing + len(stream))
    longest = int(gaps[steps[gaps].argmax()])
    yield Finding(
        name="log-gap",
        severity=Severity.WARNING if share >= _GAP_SHARE else Severity.OK,
        message=f"{missing} records are missing in {len(gaps)} gaps, {100 * share:.2g} % of all: what happened there "
        "is not judged.",
        subject=str(stream.assets[longest]),
        value=share,
        threshold=_GAP_SHARE,
        since=as_datetime(stream.plant_times[longest]),
        evidence={
            "missing": missing,
            "gaps": len(gaps),
            "longest_seconds": round(float(steps[longest]) * period, 3),
            "until": as_datetime(stream.plant_times[longest + 1]).isoformat(),
        },
    )


def check_classes(view: View) -> Iterator[Finding]:
    """Labels that name what the model does not know."""
    names = view.truth.labels[(view.truth.labels != "") & ~np.isin(view.truth.labels, np.array(view.model.classes))]
    if not len(names):
        return
    counted = Counter(names.tolist())
    name, count = counted.most_common(1)[0]
    yield Finding(
        name="unknown-class",
        severity=Severity.WARNING,
        message=f"{len(names)} records are labelled with what the model does not know, most often {name} ({count}): "
        "it cannot be right there.",
        subject=str(name),
        value=float(len(names)),
        evidence={"classes": ", ".join(sorted(counted)[:10])},
    )


def check_clock(view: View) -> Iterator[Finding]:
    """Clocks of assets that are apart: how long after measuring they ask differs by more than it should."""
    stream = view.stream
    if not view.told or len(view.assets) < 2:
        return
    behind = (stream.times - stream.plant_times) / np.timedelta64(1, "s")
    middles = np.array([np.median(behind[view.codes == code]) for code in range(len(view.assets))])
    spreads = np.array([np.ptp(behind[view.codes == code]) for code in range(len(view.assets))])
    # A replay asks faster than the plant measured, so its distance is no clock's.
    steady = spreads < view.model.sample_period_seconds + _SKEW
    if np.count_nonzero(steady) < 2:
        return
    middle = float(np.median(middles[steady]))
    far = int(np.where(steady, np.abs(middles - middle), 0.0).argmax())
    skew = float(middles[far] - middle)
    odd = abs(skew) > _SKEW + view.model.sample_period_seconds
    said = f"{abs(skew):.3g} s {'behind' if skew > 0 else 'ahead of'} the others"
    yield Finding(
        name="clock",
        severity=Severity.WARNING if odd else Severity.OK,
        message=f"The clock of {view.assets[far]} is {said}." if odd else "The assets' clocks agree.",
        subject=str(view.assets[far]) if odd else "",
        value=skew,
        threshold=_SKEW + view.model.sample_period_seconds,
    )


def notes_on(view: View) -> Iterator[str]:
    """What was not judged, and why."""
    stream, unpacked = view.stream, view.unpacked
    if not len(stream):
        yield "No record was answered in this window: nothing is judged."
        return
    if not len(view.blocks):
        yield (f"{len(stream)} records make no whole block of {view.block}: drift is not judged; take a longer window.")
    if not view.told:
        yield "Clients do not say when records were measured (event_time): they are taken in the order of asking."
    else:
        behind = float(np.median((stream.times - stream.plant_times) / np.timedelta64(1, "s")))
        if abs(behind) > _BEHIND:
            word = "before" if behind > 0 else "after"
            hours = abs(behind) / 3600
            yield f"Records were measured {hours:.3g} h {word} they were asked about: moments are the plant's."
    if not (view.truth.labels != "").any():
        yield "No label has come: how good the answers are is known from their confidence alone."
    if not view.has_reference:
        yield (
            "This version has no reference profile (reference.json): drift is not judged. Train it again to get one; "
            "too little normal operation in the training data makes none."
        )
    if unpacked.unfit:
        yield f"{unpacked.unfit} of {unpacked.requests} answered requests are not of this model's shape: left out."
    if unpacked.repeated:
        yield f"{unpacked.repeated} records were asked about more than once: the first answer counts."
    if view.truth.unknown:
        some = ", ".join(view.truth.unknown[:3])
        yield (
            f"{len(view.truth.unknown)} labels are of requests that are not in this window or not in the log ({some}): "
            "left out."
        )
