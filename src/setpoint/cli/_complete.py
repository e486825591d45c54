"""What a shell offers at the Tab key: contexts, kinds, and names of what is stored.

Nothing may go wrong here: where something cannot be read, nothing is offered. Nothing is started for it either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from setpoint.apis.errors import SetpointError

_SECONDS = 3.0
_LATEST = "@latest"


def context_names(incomplete: str) -> list[str]:
    """Contexts of the kubeconfig."""
    from setpoint.wiring.cluster import known_contexts  # noqa: PLC0415  only at the Tab key

    try:
        return _beginning(("embedded", *known_contexts()), incomplete)
    except SetpointError:
        return []


def kind_names(incomplete: str) -> list[str]:
    """Plurals of all kinds."""
    from setpoint.apis.kinds import KINDS  # noqa: PLC0415  only at the Tab key

    return _beginning(sorted(kind.PLURAL for kind in KINDS), incomplete)


def workflow_names(ctx: Any, incomplete: str) -> list[str]:
    """Names of the workflows there are, the newest first."""
    from setpoint.operations.listing import ListedWorkflow  # noqa: PLC0415  only at the Tab key

    return _stored(ctx, ListedWorkflow, incomplete, also=(_LATEST,))


def cron_names(ctx: Any, incomplete: str) -> list[str]:
    """Names of CronWorkflows."""
    from setpoint.apis.argo import CronWorkflow  # noqa: PLC0415  only at the Tab key

    return _stored(ctx, CronWorkflow, incomplete)


def _stored(ctx: Any, kind: Any, incomplete: str, also: Sequence[str] = ()) -> list[str]:
    from setpoint.cli._context import find_place  # noqa: PLC0415  it names the functions of this module
    from setpoint.wiring.session import Need  # noqa: PLC0415

    given = ctx.params
    try:
        home = Path(given["home"]) if given.get("home") else None
        place = find_place(home, given.get("namespace") or "", given.get("context") or "")
        if place.cluster is None and not (place.settings.home / "store").exists():
            return []

        async def read() -> list[Any]:
            async with asyncio.timeout(_SECONDS), place.open(Need.READ) as session:
                return list((await session.resources.list(kind, place.namespace)).items)

        found = sorted(asyncio.run(read()), key=lambda item: str(item.metadata.creation_timestamp), reverse=True)
    except (SetpointError, OSError, TimeoutError):
        return []
    return _beginning((*also, *(item.metadata.name for item in found)), incomplete)


def _beginning(names: Sequence[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def target_names(ctx: Any, incomplete: str) -> list[str]:
    """Names of workflows, or of another kind that was named before: `isvc/` or `isvc `."""
    from setpoint.apis.errors import InvalidSpec  # noqa: PLC0415  only at the Tab key
    from setpoint.apis.kinds import KINDS  # noqa: PLC0415

    before, slash, begun = incomplete.rpartition("/")
    words = [word for word in ctx.params.get("target") or () if word != incomplete]
    kind = before if slash else (words[0] if words else "")
    if not kind:
        return workflow_names(ctx, incomplete)
    try:
        found = _stored(ctx, KINDS.find(kind), begun)
    except InvalidSpec:
        return workflow_names(ctx, incomplete)
    return [f"{before}/{name}" if slash else name for name in found]
