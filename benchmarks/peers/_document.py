"""The page docs/benchmarks/peers.md from the figures of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_HEAD = """# Beside other engines

Made by `make bench-peers ARGS=--document`; do not edit. Every task is empty and a process of its own. Seconds are those
of the whole command, start-up included. In brackets: how many times Setpoint's time. "One more step" is the time
between the chains of 20 and of 200 tasks, per task.

Setpoint's tasks are Python programs in processes of their own, forked from an interpreter that runs already, each in a
private root, with its log, its record on the disk and its place in a tree that survives a kill of the control plane; no
control plane is up before. kfp.local runs one task after another whatever the shape; Luigi forks its tasks from a
process that has everything imported, keeps no logs and isolates nothing. The others start a fresh interpreter for each
task. They run up to {workers} tasks at once, as Setpoint does here.

Machine: {cores} cores, Python {python}, {system}.

| Engine | chain of 1 | chain of 20 | chain of 200 | 200 beside each other | one more step |
|---|---|---|---|---|---|
"""


_EARLIER = " (earlier)"
_EARLIER_NOTE = "\n(earlier): of a run before the one of the other lines; its ratios are to Setpoint's times of then.\n"


def write_document(result: dict[str, Any], file: Path) -> None:
    """Write the page; engines that were not run keep their lines."""
    kept = [line for line in _rows(file) if line.split()[1] not in result["engines"]]
    text = _HEAD.format(workers=result["workers"], **result["machine"])
    for name, figures in result["engines"].items():
        version = result["versions"].get(name, "").partition("==")[2]
        cells = [_cell(figures["seconds"][shape], figures["ratio"][shape], "s") for shape in figures["seconds"]]
        cells.append(_cell(figures["step_ms"], figures["ratio"]["step"], "ms"))
        text += f"| {f'{name} {version}'.strip()} | {' | '.join(cells)} |\n"
    text += "".join(line if _EARLIER in line else line.replace(" |", f"{_EARLIER} |", 1) for line in kept)
    file.write_text(text + (_EARLIER_NOTE if kept else ""), encoding="utf-8")


def _rows(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.exists() else []
    rows = [line for line in lines if line.startswith("| ")]
    return rows[1:]  # below the head


def _cell(value: float | None, ratio: float | None, unit: str) -> str:
    return (
        "failed" if value is None else f"{value:g} {unit} ({ratio:g} x)" if ratio is not None else f"{value:g} {unit}"
    )
