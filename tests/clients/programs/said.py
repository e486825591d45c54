"""How a trial tells what it did: one line of JSON a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def call(name: str, *, refused: str = "") -> Iterator[Callable[[object], None]]:
    """A call, and what is told of its answer.

    Args:
        name: As its documentation spells it.
        refused: Words that the error must have; empty means that none may come.
    """
    told: list[str] = []
    try:
        yield lambda answer: told.append(str(answer))
    except Exception as error:  # noqa: BLE001 - the trial goes on, whatever a client throws
        text = f"{type(error).__name__}: {error}"
        ok = bool(refused) and refused in text
        tell(name, ok=ok, result=f"refused: {refused}" if ok else text)
    else:
        tell(name, ok=not refused, result="; ".join(told) if not refused else f"not refused: {told}")


def tell(name: str, *, ok: bool, result: str) -> None:
    """One line."""
    print(json.dumps({"call": name, "ok": ok, "result": result}), flush=True)
