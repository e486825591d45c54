"""The plots of traffic: how many requests came against what is usual, how long they took, what failed, who asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from setpoint.components._drawing import BAD, INK, MAIN, QUIET, SECOND, STYLE, canvas, to_svg
from setpoint.components._monitor import Plot
from setpoint.core.monitors.traffic import Traffic

_MOST_POINTS = 4000
_MOST_CLIENTS = 10
_COLOURS = (BAD, SECOND, "#8b5fbf", "#2f9e7c", QUIET)


def draw(table: pl.DataFrame, traffic: Traffic, begin: datetime, end: datetime) -> dict[str, Plot]:
    """The plots that have something to show, by name."""
    window = table.filter(
        (pl.col("time") >= begin) & (pl.col("time") < end) & pl.col("verb").is_in(["infer", "predict"])
    )
    plots: dict[str, Plot] = {}
    if traffic.slots is not None:
        plots["rate"] = Plot(
            svg=_rate(traffic),
            caption="Requests in each slot; the line is what is usual. Red: far too many or too few.",
        )
    if window.height:
        plots["latency"] = Plot(svg=_latency(window), caption="Time to each answer; red: refused or failed.")
        clients = traffic.measures.clients
        if len(clients) > 1:
            plots["clients"] = Plot(svg=_clients(clients), caption="Who asked how often.")
    if traffic.measures.reasons:
        plots["errors"] = Plot(svg=_errors(window, traffic), caption="Errors over time, by reason.")
    return plots


def _rate(traffic: Traffic) -> str:
    slots = traffic.slots
    assert slots is not None  # noqa: S101  the caller looked
    with rc_context(STYLE):
        figure, axes = canvas(8.4, 2.8)
        moments = _moments(slots.begins)
        odd = slots.surge | slots.drop
        width = slots.seconds / 86400.0
        axes.bar(moments, slots.counts, width=0.9 * width, align="edge", color=[BAD if flag else MAIN for flag in odd])
        axes.step(moments, slots.usual, where="post", color=INK, linewidth=1.2, label="usual")
        axes.set(ylabel=f"requests in {slots.seconds:.3g} s")
        axes.legend(loc="upper left")
        _time_axis(axes)
        return to_svg(figure, "Requests over time")


def _latency(window: pl.DataFrame) -> str:
    shown = window if window.height <= _MOST_POINTS else window.gather_every(-(-window.height // _MOST_POINTS))
    good = (shown["status"] < 400).to_numpy()
    moments, milliseconds = _times(shown), np.maximum(shown["seconds"].to_numpy() * 1000, 1e-3)
    with rc_context(STYLE):
        figure, axes = canvas(8.4, 2.8)
        for flags, colour, label in ((good, MAIN, "answered"), (~good, BAD, "refused or failed")):
            if flags.any():
                axes.scatter(
                    moments[flags], milliseconds[flags], s=5, color=colour, alpha=0.5, linewidths=0, label=label
                )
        axes.set_yscale("log")
        axes.set(ylabel="milliseconds")
        axes.legend(loc="upper left", markerscale=3)
        _time_axis(axes)
        return to_svg(figure, "Time to each answer")


def _errors(window: pl.DataFrame, traffic: Traffic) -> str:
    failed = window.filter(pl.col("reason") != "")
    names = list(traffic.measures.reasons)[: len(_COLOURS)]
    with rc_context(STYLE):
        figure, axes = canvas(8.4, 2.4)
        edges: Any = np.linspace(*_ends(window), 61)
        axes.hist(
            [_times(failed.filter(pl.col("reason") == name)) for name in names],
            bins=edges,
            stacked=True,
            color=list(_COLOURS[: len(names)]),
            label=names,
        )
        axes.set(ylabel="errors")
        axes.legend(loc="upper left")
        _time_axis(axes)
        return to_svg(figure, "Errors over time by reason")


def _clients(clients: dict[str, int]) -> str:
    shown = list(clients.items())[:_MOST_CLIENTS]
    with rc_context(STYLE):
        figure, axes = canvas(8.4, 0.9 + 0.3 * len(shown))
        axes.barh(
            [name[:40] or "(unnamed)" for name, _ in shown], [count for _, count in shown], color=MAIN, height=0.6
        )
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(xlabel="requests")
        return to_svg(figure, "Requests by client")


def _ends(window: pl.DataFrame) -> tuple[float, float]:
    moments = _times(window)
    return float(moments.min()), float(moments.max()) + 1e-6


def _times(table: pl.DataFrame) -> Any:
    return table["time"].dt.epoch("us").to_numpy() / 1e6 / 86400.0  # matplotlib counts days since 1970


def _moments(seconds: Any) -> Any:
    return np.asarray(seconds) / 86400.0


def _time_axis(axes: Axes) -> None:
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # matplotlib's dates have no types
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]  # the same
    axes.xaxis.set_major_formatter(formatter)
