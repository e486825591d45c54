"""The last word of a main that was forked and not started: its exit code, said before it is gone.

To take down a process with a thousand mappings takes the kernel longer than most steps take. So a program that is
done, exit handlers run and streams flushed, lets go of all it has open, says its code and ends; who waits for it need
not wait for that. Nothing of it runs any more, so what may outlive the pod is memory that is being given back.
Whoever has children, or left some, is waited for.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Set
from contextlib import suppress
from typing import NoReturn


class LastWord:
    """A place that parent and child share; made by the parent, before the fork."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._pid = 0

    def take(self) -> None:
        """The calling process is the one that may speak; a fork of it, which may come here too, is not."""
        self._pid = os.getpid()

    def say(self, code: int) -> NoReturn:
        """End, as `os._exit`; the process must have nothing left to do. The end of its streams tells of it."""
        most = os.sysconf("SC_OPEN_MAX")
        if os.getpid() == self._pid:
            os.closerange(3, most)
            self._page[:2] = bytes([1, code & 0xFF])
            os.closerange(0, 3)
        os._exit(code & 0xFF)

    @property
    def code(self) -> int | None:
        """What the child said; None if it has not, or cannot."""
        said, code = self._page[:2]
        return code if said else None


def is_alone(pid: int, known: Set[int]) -> bool:
    """Whether the process, a child of ours, has no children, and we none but it and those known."""
    try:
        return not _children(pid) and _children(os.getpid()) <= known | {pid}  # in this order: orphans become ours
    except OSError:  # not every kernel tells
        return False


def _children(pid: int) -> set[int]:
    folder = f"/proc/{pid}/task"
    found: set[int] = set()
    for task in os.listdir(folder):  # noqa: PTH208 - names are all that is asked
        with open(f"{folder}/{task}/children", "rb") as file:  # noqa: PTH123
            found.update(map(int, file.read().split()))
    return found


def reap() -> None:
    """Wait for all children."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
