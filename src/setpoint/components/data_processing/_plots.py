"""The plots of the data-quality report, as SVG that takes its colours from the page.

Decides what is drawn; reads tables, writes texts. Invariant: the same tables give the same SVG, byte for byte.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from setpoint.components.data_processing._ledger import CHANGE_WORDS, Ledger
from setpoint.components.data_processing._names import RUN, TARGET, TIME
from setpoint.components.data_processing._rows import Rows

_INK, _FAINT = "#010203", "#010204"  # stand for the page's text and line colours
_BLUE, _RED = "#3b82c4", "#d9483b"
LABEL_COLOURS = (
    "#8a97a6", "#d9483b", "#e0912f", "#7a5fc0", "#2f9e7c", "#c2518f", "#9a7b2f", "#3b82c4", "#5b8c2a", "#b0653a",
)  # fmt: skip
_KIND_COLOURS = {
    "text": "#7a5fc0",
    "quality": "#9a7b2f",
    "sentinel": "#c2518f",
    "not_finite": "#8a97a6",
    "limits": "#e0912f",
    "stuck": "#2f9e7c",
    "spikes": "#d9483b",
    "filled": "#3b82c4",
}
_FEW_LABELS = 8
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_MOST_RUNS, _MOST_POINTS, _MOST_COLUMNS = 60, 1500, 24
_STYLE: Any = {
    "svg.hashsalt": "setpoint",
    "svg.fonttype": "none",
    "font.size": 8.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def label_order(labels: Iterable[str]) -> list[str]:
    """Numbers by value, then words by letter."""
    return sorted(labels, key=lambda label: (0, float(label), "") if _NUMBER.fullmatch(label) else (1, 0.0, label))


def label_colour(labels: Sequence[str], label: str, normal: str) -> str:
    """Grey for normal, then one colour per label in the given order, going round."""
    others = [item for item in labels if item != normal]
    if label == normal or label not in others:
        return LABEL_COLOURS[0]
    return LABEL_COLOURS[1 + others.index(label) % (len(LABEL_COLOURS) - 1)]


def changes_plot(ledger: Ledger, features: Sequence[str]) -> str:
    """Stacked bars: how many values of each column were changed, by reason. Empty if none were."""
    totals = {
        name: sum(n for kind, n in ledger.columns.get(name, {}).items() if kind not in ("held", "stale"))
        for name in features
    }
    shown = sorted((name for name in features if totals[name]), key=lambda name: -totals[name])[:_MOST_COLUMNS]
    if not shown:
        return ""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.2, 0.7 + 0.26 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        left = np.zeros(len(shown))
        for kind in _KIND_COLOURS:
            width = np.array([ledger.columns[name].get(kind, 0) for name in shown], dtype=float)
            if width.any():
                axes.barh(shown, width, left=left, color=_KIND_COLOURS[kind], label=CHANGE_WORDS[kind], height=0.72)
                left += width
        axes.invert_yaxis()
        axes.set_xlabel("values")
        axes.legend(frameon=False, loc="lower right", fontsize=8)
        axes.tick_params(axis="y", length=0)
        return _svg(figure, "What cleaning changed, by column and reason")


def runs_plot(table: pl.DataFrame, held: set[str], normal: str, period: float, *, unit_is_sample: bool) -> str:
    """One bar per run, coloured by label along its time; held-out runs are marked. Empty without labels."""
    if TARGET not in table.columns:
        return ""
    runs = table[RUN].unique(maintain_order=True).to_list()[:_MOST_RUNS]
    labels = label_order(table[TARGET].unique())
    scale = 1.0 if unit_is_sample else period / 3600.0
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.2, 0.7 + 0.165 * len(runs)), layout="constrained")
        axes = figure.add_subplot()
        for row, run in enumerate(runs):
            part = table.filter(pl.col(RUN) == run)[TARGET]
            ends = np.flatnonzero(np.append(part.rle_id().to_numpy()[1:] != part.rle_id().to_numpy()[:-1], True)) + 1
            begin = 0
            for end in ends:
                colour = label_colour(labels, part[begin], normal)
                axes.barh(row, (end - begin) * scale, left=begin * scale, height=0.78, color=colour)
                if part[begin] != normal and len(labels) > _FEW_LABELS:  # colours repeat: say which it is
                    middle = 0.5 * (begin + int(end)) * scale
                    axes.text(middle, row, part[begin], va="center", ha="center", fontsize=6.5, color="#ffffff")
                begin = int(end)
            axes.text(len(part) * scale, row, "  held out" if run in held else "", va="center", fontsize=7)
        axes.set_yticks(range(len(runs)), runs, fontsize=6.5 if len(runs) > 30 else 7.5)
        axes.set_ylim(len(runs) - 0.4, -0.6)
        axes.margins(x=0.08)
        axes.set_xlabel("samples" if unit_is_sample else "hours since the start of the run")
        axes.tick_params(axis="y", length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(side == "bottom")
        return _svg(figure, "Runs and their labels")


def signals_plot(rows: Rows, ledger: Ledger, features: Sequence[str], units: dict[str, str], normal: str) -> str:
    """Per feature: the run where cleaning took the most away, with what it took; beside it the distribution."""
    labels = label_order(rows.keys[TARGET].unique()) if rows.has_target else []
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.2, 1.22 * len(features)), layout="constrained")
        grid = figure.subplots(len(features), 2, squeeze=False, width_ratios=(3.4, 1.0))
        for (wide, narrow), name in zip(grid, features, strict=True):
            values = rows.column(name)
            _signal(wide, rows.keys, values, ledger, units.get(name, ""))
            _distribution(narrow, rows.keys, values, labels, normal)
        return _svg(figure, "Signals after cleaning, with the values taken away")


def _signal(axes: Axes, keys: pl.DataFrame, values: pl.Series, ledger: Ledger, unit: str) -> None:
    name = values.name
    removed = ledger.removed.get(name)
    run = keys[RUN][0]
    if removed is not None:
        present = removed.filter(pl.col(RUN).is_in(keys[RUN].unique().to_list()))
        if present.height:
            run = (
                present.group_by(RUN, maintain_order=True)
                .len()
                .sort("len", descending=True, maintain_order=True)[RUN][0]
            )
    here = keys[RUN] == run
    times, part = keys[TIME].filter(here), values.filter(here)
    start = times[0]
    step = max(1, len(part) // _MOST_POINTS)
    axes.plot(_elapsed(times, start)[::step], part.to_numpy()[::step], color=_BLUE, linewidth=0.8)
    low, high = axes.get_ylim()
    if removed is not None:
        points = removed.filter((pl.col(RUN) == run) & pl.col("value").is_finite())
        # Codes such as -9999 would flatten the signal: points far outside are drawn at the edge.
        span = high - low
        shown = np.clip(points["value"].to_numpy(), low - 0.25 * span, high + 0.25 * span)
        axes.plot(_elapsed(points[TIME], start), shown, ".", color=_RED, markersize=3.5)
    axes.set_title(f"{name}{f' [{unit}]' if unit else ''} · run {run}", fontsize=8.5, loc="left", pad=3)
    axes.margins(x=0.0)
    axes.locator_params(axis="y", nbins=3)
    axes.tick_params(length=2)


def _distribution(axes: Axes, keys: pl.DataFrame, values: pl.Series, labels: Sequence[str], normal: str) -> None:
    known = values.drop_nulls()
    if known.is_empty():
        axes.set_axis_off()
        return
    low, high = (float(known.quantile(at) or 0.0) for at in (0.002, 0.998))
    edges = np.linspace(low, high if high > low else low + 1.0, 41)
    for part, colour, filled in _parts(keys, values, labels, normal):
        if not part.is_empty():
            counts, _ = np.histogram(np.clip(part.to_numpy(), low, edges[-1]), bins=edges, density=True)
            axes.stairs(counts, edges, color=colour, fill=filled, alpha=0.45 if filled else 0.9, linewidth=0.8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=3)
    axes.tick_params(length=2)


def _parts(
    keys: pl.DataFrame, values: pl.Series, labels: Sequence[str], normal: str
) -> list[tuple[pl.Series, str, bool]]:
    """(values, colour, whether filled) of each distribution: normal, then each fault, or all faults if many."""
    if not labels:
        return [(values.drop_nulls(), _BLUE, True)]
    usual = keys[TARGET] == normal
    parts = [(values.filter(usual).drop_nulls(), LABEL_COLOURS[0], True)]
    if len(labels) > _FEW_LABELS:
        return [*parts, (values.filter(~usual).drop_nulls(), _RED, False)]
    for label in labels:
        if label != normal:
            shown = values.filter(keys[TARGET] == label).drop_nulls()
            parts.append((shown, label_colour(labels, label, normal), False))
    return parts


def _elapsed(times: pl.Series, start: object) -> np.ndarray:
    """Hours (or samples) since the start of the run."""
    if times.dtype == pl.Int64:
        return (times - start).to_numpy()
    return (times - start).dt.total_microseconds().to_numpy() / 3.6e9


def _svg(figure: Figure, title: str) -> str:
    """The figure as an SVG element: page colours for ink, no date, no fixed size."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = text.replace(_INK, "currentColor").replace(_FAINT, "var(--line)")
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{title}">', text, count=1
    )
    return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
