"""Fills a state directory with workflows that have ended, as their engine leaves them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.ports.journal import Change

_STATUS = msgspec.json.encode(
    {
        "phase": "Succeeded",
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:10Z",
        "progress": "15/15",
    }
)


def fill(home: Path, workflows: list[dict[str, Any]]) -> None:
    """Store them all."""
    asyncio.run(_fill(home, workflows))


async def _fill(home: Path, workflows: list[dict[str, Any]]) -> None:
    labels = {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": "Succeeded"}
    with SqliteStore(home / "store", SystemClock()) as store:

        async def put(wire: dict[str, Any]) -> None:
            made = await store.resources.create(msgspec.convert(wire, Workflow))
            await store.journal.commit(made.metadata.uid, Change(status=_STATUS, labels=labels))

        for first in range(0, len(workflows), 500):
            await asyncio.gather(*(put(wire) for wire in workflows[first : first + 500]))
