"""Drawings of reports: inline SVG that follows the page's light or dark colours.

Invariant: text stays text, nothing is loaded from elsewhere, and equal numbers give equal bytes.
"""

from __future__ import annotations

import io
import re
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Stand-ins that are replaced by CSS after drawing, so that one drawing serves light and dark pages.
INK, GRID = "#010203", "#040506"
_CSS = {INK: "currentColor", GRID: "var(--grid, #8886)"}
MAIN, SECOND, BAD, QUIET = "#2a7fba", "#d98a1f", "#c8443c", "#8a919b"  # readable on white and on near-black
STYLE: Any = {  # rcParams; matplotlib types the keys as one Literal of all of them
    "svg.fonttype": "none",
    "svg.hashsalt": "setpoint",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, in inches."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots()


def to_svg(figure: Figure, title: str) -> str:
    """The drawing as an element: scales with its column, takes its colours from the page."""
    FigureCanvasSVG(figure)
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'<svg([^>]*?) width="[^"]*"', r"<svg\1", text, count=1)
    text = re.sub(r'<svg([^>]*?) height="[^"]*"', r'<svg role="img"\1', text, count=1)
    for stand_in, css in _CSS.items():
        text = text.replace(stand_in, css)
    # Ids are local to the page: the same one in two drawings would take the clip path of the first.
    prefix = re.sub(r"[^a-z]+", "-", title.lower())[:24]
    text = re.sub(r'id="', f'id="{prefix}-', text)
    return re.sub(r'(url\(#|href="#)', rf"\1{prefix}-", text)
