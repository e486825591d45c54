"""What the processes of a pod use, read from /proc: of each container, the first process and all that came of it.

What a process used that has ended counts with its parent, if that waited for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from setpoint.adapters.pods import records
from setpoint.ports.launcher import PodRequest, PodState, Usage

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def measure_pod(folder: Path, state: PodState, request: PodRequest) -> dict[str, Usage]:
    """By container, what a pod that runs uses; `folder` is its directory."""
    started = records.read_note(folder, records.STARTED, records.Started)
    pids = {started.pid: request.main.name} if started is not None else {}
    pids |= {one.pid: name for name, one in state.live.items() if one.end is None}
    return measure(state.pid, pids, request.main.name) if state.pid is not None else {}


def measure(supervisor: int, containers: Mapping[int, str], rest: str) -> dict[str, Usage]:
    """By container, what it uses.

    Args:
        supervisor: Pid of the pod's supervisor.
        containers: Names by pid of their first processes.
        rest: The container that processes of no known container count for.
    """
    found: dict[str, Usage] = dict.fromkeys(containers.values(), Usage())
    work = [(pid, containers.get(pid, rest)) for pid in _children(supervisor)]
    while work:
        pid, name = work.pop()
        used, before = _of_process(pid), found.get(name, Usage())
        if used is None:
            continue
        found[name] = Usage(
            cpu_seconds=before.cpu_seconds + used.cpu_seconds, memory_bytes=before.memory_bytes + used.memory_bytes
        )
        work += [(child, containers.get(child, name)) for child in _children(pid)]
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_bytes().split())
    return found


def _of_process(pid: int) -> Usage | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    except (OSError, IndexError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    ticks = sum(int(field) for field in fields[11:15])  # own and of children waited for, user and system
    return Usage(cpu_seconds=ticks / _TICK, memory_bytes=pages * _PAGE)
