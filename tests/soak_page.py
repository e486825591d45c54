"""docs/soak.md: a line per soak, each written by the soak itself when it has passed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "soak.md"
KINDS = {
    "command": "`setpoint run`, ten steps, at a random moment; the same command is given again",
    "engine": "the engine, forty nodes, at points around the outbox and at random moments, ten times a run",
}


class SoakPage:
    """One line of the page."""

    def __init__(self, kind: str) -> None:
        self._name = KINDS[kind]

    def write(self, tried: int, hit: int, seconds: float) -> None:
        """Replace the line; the soak has asserted that no tree differs and no step ran twice or was lost."""
        day = datetime.now(UTC).date().isoformat()
        line = f"| {self._name} | {tried} | {hit} | 0 | 0 | {seconds / 60:.0f} | {day} |"
        text = PAGE.read_text()
        found = re.compile(rf"^\| {re.escape(self._name)} \|.*$", re.MULTILINE)
        assert found.search(text), f"docs/soak.md has no line for {self._name}"
        PAGE.write_text(found.sub(lambda _: line, text))
