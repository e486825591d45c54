"""Signals that a supervisor hears while it has a pod."""

from __future__ import annotations

import signal
from types import FrameType

heard: list[int] = []
"""Those of this pod's time that may mean an order."""


def _note(number: int, _frame: FrameType | None) -> None:
    if number != signal.SIGCHLD:
        heard.append(number)


def note_signals() -> None:
    """From now on TERM is an order to end, USR1 one to look for a record; before the claim, for one may follow at once.

    USR1 may be late and meant for the pod before: without a record it means nothing.
    """
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, _note)


def forget_signals() -> None:
    """What was heard was meant for the pod before."""
    heard.clear()
