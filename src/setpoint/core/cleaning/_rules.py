"""What counts as a bad value, column by column, and how often each rule struck.

Pure transforms of a frame whose rows lie run after run, ordered in time. The rules only take values away (a limit may
also clip); filling is a later, separate step. Invariants: cleaning twice changes nothing that once did not; a value
that no rule names stays bit for bit; nulls come out as nulls.

Order: coded values, not finite, limits, stuck, spikes. Each stage counts by the nulls that it added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from setpoint.core.cleaning._spikes import SpikeRule, take_spikes

KINDS = ("quality", "text", "sentinel", "not_finite", "limits", "stuck", "spikes")
Counts = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRules:
    """Rules of one column; None or empty means that the rule is off.

    Attributes:
        sentinels: Values that are codes, not measurements.
        low: Engineering limits, inclusive, in the column's unit.
        high: See low.
        on_limit: What happens outside of them.
        stuck_samples: From so many equal values in a row on, all but the first are taken away.
        spike_window: Samples in the Hampel filter's window, centred.
        spike_sigmas: Distance from the window's median that makes a spike, in robust standard deviations.
        spike_minimum: Smaller distances never are one, in the column's unit.
    """

    sentinels: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    on_limit: Literal["null", "clip"] = "null"
    stuck_samples: int | None = None
    spike_window: int | None = None
    spike_sigmas: float = 6.0
    spike_minimum: float = 0.0


def clean(frame: pl.DataFrame, rules: Mapping[str, ColumnRules], *, run: str) -> tuple[pl.DataFrame, Counts]:
    """Apply the rules.

    Args:
        frame: Rows of a run are contiguous and ordered in time; ruled columns are Float64.
        rules: By column name.
        run: The column that tells runs apart; no rule looks across a change of it.

    Returns:
        The frame with bad values null, and how many each rule took, by column and kind (zeros left out).
    """
    counts: Counts = {name: {} for name in rules}
    stages: tuple[tuple[str, Callable[[str, ColumnRules], pl.Expr | None]], ...] = (
        ("sentinel", _without_sentinels),
        ("not_finite", _finite),
        ("limits", _inside_limits),
        ("stuck", lambda name, rule: _unstuck(name, rule, run)),
    )
    for kind, build in stages:
        frame = _apply(frame, {name: build(name, rule) for name, rule in rules.items()}, kind, counts)
    frame, spikes = take_spikes(
        frame,
        {
            name: SpikeRule(window=rule.spike_window, sigmas=rule.spike_sigmas, minimum=rule.spike_minimum)
            for name, rule in rules.items()
            if rule.spike_window is not None
        },
        run=run,
    )
    for name, count in spikes.items():
        counts[name]["spikes"] = count
    return frame, counts


def frozen_rows(frame: pl.DataFrame, columns: Sequence[str], *, run: str, samples: int) -> pl.Series:
    """True where all `columns` together repeat the row before, in stretches of at least `samples` rows.

    That is a recording that went on after the plant or the interface stopped. The first row of a stretch is False.
    """
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in columns)
    fresh = ~same | (pl.col(run) != pl.col(run).shift(1)) | (pl.int_range(pl.len()) == 0)
    length, offset = _stretch(fresh)
    return frame.select(((length >= samples) & (offset > 0)).alias("frozen")).to_series()


def to_numbers(column: str, *, decimal: str) -> pl.Expr:
    """Text to Float64; what is no number becomes null. A decimal comma takes points as separators of thousands."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    if decimal == ",":
        text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False).alias(column)


def fill(frame: pl.DataFrame, limits: Mapping[str, int], *, run: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """Hold the last value over gaps of at most the given number of samples; longer gaps stay whole.

    Returns:
        The frame and how many values were filled, by column.
    """
    wanted = {name: samples for name, samples in limits.items() if samples > 0}
    if not wanted:
        return frame, {}
    expressions = []
    for name, samples in wanted.items():
        fresh = pl.col(name).is_not_null() | pl.col(name).shift(1).is_not_null() | (pl.col(run) != pl.col(run).shift(1))
        length, _ = _stretch(fresh | (pl.int_range(pl.len()) == 0))
        held = pl.col(name).forward_fill().over(run)
        expressions.append(pl.when(pl.col(name).is_null() & (length <= samples)).then(held).otherwise(pl.col(name)))
    filled = frame.with_columns(expression.alias(name) for name, expression in zip(wanted, expressions, strict=True))
    counts = {name: frame[name].null_count() - filled[name].null_count() for name in wanted}
    return filled, {name: count for name, count in counts.items() if count}


def _apply(frame: pl.DataFrame, expressions: Mapping[str, pl.Expr | None], kind: str, counts: Counts) -> pl.DataFrame:
    """One stage over all columns side by side. A rule that takes adds nulls; a clipping limit only alters values."""
    used = {name: expression for name, expression in expressions.items() if expression is not None}
    if not used:
        return frame
    after = frame.with_columns(expression.alias(name) for name, expression in used.items())
    for name in used:
        changed = after[name].null_count() - frame[name].null_count()
        if kind == "limits" and not changed:
            changed = int((after[name] != frame[name]).sum())
        if changed:
            counts[name][kind] = counts[name].get(kind, 0) + changed
    return after


def _without_sentinels(name: str, rule: ColumnRules) -> pl.Expr | None:
    if not rule.sentinels:
        return None
    return pl.when(~pl.col(name).is_in(list(rule.sentinels))).then(pl.col(name))


def _finite(name: str, _: ColumnRules) -> pl.Expr:
    return pl.when(pl.col(name).is_finite()).then(pl.col(name))


def _inside_limits(name: str, rule: ColumnRules) -> pl.Expr | None:
    if rule.low is None and rule.high is None:
        return None
    if rule.on_limit == "clip":
        return pl.col(name).clip(rule.low, rule.high)
    inside = pl.lit(True)
    if rule.low is not None:
        inside &= pl.col(name) >= rule.low
    if rule.high is not None:
        inside &= pl.col(name) <= rule.high
    return pl.when(inside).then(pl.col(name))


def _stretch(fresh: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """(length of the stretch that a row is in, rows since its start); `fresh` is True where a stretch begins."""
    at = pl.int_range(pl.len())
    start = pl.when(fresh).then(at).forward_fill()
    end = pl.when(fresh.shift(-1, fill_value=True)).then(at).backward_fill()
    return end - start + 1, at - start


def _unstuck(name: str, rule: ColumnRules, run: str) -> pl.Expr | None:
    if rule.stuck_samples is None:
        return None
    # A null ends a stretch: two short ones with a gap between are not one long one, now or in a second pass.
    fresh = (pl.col(name) != pl.col(name).shift(1)).fill_null(True) | (pl.col(run) != pl.col(run).shift(1))
    length, offset = _stretch(fresh.fill_null(True))
    return pl.when((length < max(rule.stuck_samples, 2)) | (offset == 0)).then(pl.col(name))
