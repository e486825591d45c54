"""Draws the plots of docs/plant: normal operation, some faults, broken instruments. `python -m tools.plot_plants`.

Equal code gives equal files: no dates, fixed ids.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from setpoint.plant import PLANTS, Run, parse_schedule

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "plant"
_INK, _MARK = "#1f5fa8", "#c43c35"
_BASE = ("xmeas_7", "xmeas_8", "xmeas_9", "xmeas_12", "xmeas_17", "xmeas_23", "xmeas_40", "xmv_10")
_FAULTS = (
    ("fault 1 from 8 h", "xmeas_4", "xmeas_23", 8.0),
    ("fault 4 from 8 h", "xmv_10", "xmeas_9", 8.0),
    ("fault 6 from 8 h", "xmeas_1", "xmeas_7", 8.0),
    ("fault 14 from 8 h", "xmv_10", "xmeas_21", 8.0),
)
_SENSORS = (
    ("sensor xmeas_9 stuck from 8 h to 16 h", "xmeas_9"),
    ("sensor xmeas_9 ramp 0.1 per h from 8 h to 16 h", "xmeas_9"),
    ("sensor xmeas_9 noise 5 from 8 h to 16 h", "xmeas_9"),
    ("sensor xmeas_9 drop-out 0.6 from 8 h to 16 h", "xmeas_9"),
    ("sensor xmeas_9 unit degF from 8 h to 16 h", "xmeas_9"),
    ("sensor xmeas_23 delay 2 h from 8 h to 16 h", "xmeas_23"),
)


def _simulate(schedule: str, hours: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    plant = PLANTS["tep"]
    run = Run(plant=plant, seed=1, schedule=parse_schedule(schedule, plant))
    steps = round(hours * 3600.0 / plant.sample_period_seconds)
    _, records = run.advance(run.start(), steps)
    time = np.arange(1, steps + 1) * plant.sample_period_seconds / 3600.0
    return time, {variable.name: records.values[:, index] for index, variable in enumerate(plant.variables)}


def _draw(name: str, panels: list[tuple[str, str, np.ndarray, np.ndarray, tuple[float, ...]]], columns: int) -> None:
    told = {variable.name: variable for variable in PLANTS["tep"].variables}
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(5.0 * columns, 1.9 * rows), layout="constrained")
    for axes, (title, variable, time, values, marks) in zip(figure.subplots(rows, columns).flat, panels, strict=True):
        axes.plot(time, values, color=_INK, linewidth=0.7)
        for mark in marks:
            axes.axvline(mark, color=_MARK, linewidth=0.9, linestyle="--")
        axes.set_title(title or told[variable].description, fontsize=8, loc="left")
        axes.set_ylabel(f"{variable}, {told[variable].unit}", fontsize=7)
        axes.tick_params(labelsize=7)
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("time, h", fontsize=8)
    figure.savefig(FOLDER / name, metadata={"Date": None})


def main() -> None:
    """Write the files."""
    mpl.rcParams["svg.hashsalt"] = "setpoint"
    time, normal = _simulate("", 48.0)
    _draw("tep-normal.svg", [("", name, time, normal[name], ()) for name in _BASE], 2)
    panels = []
    for schedule, *names, begin in _FAULTS:
        time, values = _simulate(schedule, 24.0)
        panels += [(schedule, name, time, values[name], (begin,)) for name in names]
    _draw("tep-faults.svg", panels, 2)
    panels = []
    for schedule, name in _SENSORS:
        time, values = _simulate(schedule, 24.0)
        panels.append((schedule, name, time, values[name], (8.0, 16.0)))
    _draw("tep-sensors.svg", panels, 2)


if __name__ == "__main__":
    main()
