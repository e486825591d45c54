"""Keeps the containers of one pod within their limits: by cgroup, else by looking at what they use.

Where no group may be made, memory is looked at some twenty times a second and a container over its limit is killed,
which ends it as the kernel would; rlimits would not (an allocation fails, and address space is no memory). The limit
of cpu has no such substitute: the container's log says once that it does not hold.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from setpoint.adapters.pods.cgroups import ContainerGroup, PodGroups, remove_groups
from setpoint.adapters.pods.outcome import ContainerRun
from setpoint.adapters.pods.processes import descendants, signal_group
from setpoint.ports.launcher import Container, PodRequest

LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Limit:
    """What holds for one container. `watched` is the number of bytes to look for, None if nobody has to."""

    group: ContainerGroup | None = None
    watched: int | None = None
    warning: str = ""
    exceeded: bool = False

    @property
    def join(self) -> Callable[[], None] | None:
        """What the container's process does before all else."""
        return self.group.join if self.group is not None and self.group.paths else None

    @property
    def out_of_memory(self) -> bool:
        """Whether a process of the container was killed for its limit."""
        return self.exceeded or (self.group is not None and self.group.out_of_memory)


class Limits:
    """Those of a pod; `cgroups` False does without."""

    def __init__(self, request: PodRequest, folder: Path, *, cgroups: bool) -> None:
        self._request = request
        self._folder = folder
        self._groups = PodGroups(folder, request.memory_bytes, request.cpu_milli) if cgroups else None
        self._watched: dict[int, tuple[ContainerRun, Limit]] = {}
        self._used = False

    def of(self, container: Container) -> Limit | None:
        """The container's, None if it has none. To be asked before its process is started."""
        request = self._request
        memory = container.memory_bytes if container.memory_bytes is not None else request.memory_bytes
        cpu = container.cpu_milli if container.cpu_milli is not None else request.cpu_milli
        if memory is None and cpu is None:
            return None
        self._used = True
        refused = [name for name, amount in (("memory", memory), ("cpu", cpu)) if amount is not None]
        group = None
        if self._groups is not None:
            group, refused = self._groups.limit(container.name, container.memory_bytes, container.cpu_milli)
        warning = "the cpu limit does not hold: this host lets no control group be made" if "cpu" in refused else ""
        return Limit(group=group, watched=memory if "memory" in refused else None, warning=warning)

    def started(self, run: ContainerRun, limit: Limit) -> None:
        """The container's process runs."""
        if limit.watched is not None:
            self._watched[run.pid] = (run, limit)

    def look(self) -> float | None:
        """Kill what uses too much; how long to wait until the next look, None if there is nothing to look at."""
        for pid, (run, limit) in list(self._watched.items()):
            if run.exit_code is not None:
                del self._watched[pid]
            elif _memory_of((pid, *descendants(pid))) > (limit.watched or 0):
                limit.exceeded = True
                signal_group(pid, signal.SIGKILL)
        return LOOK_SECONDS if self._watched else None

    def close(self) -> None:
        """All processes have ended."""
        if self._used:
            remove_groups(self._folder)


def _memory_of(processes: Iterable[int]) -> int:
    """Bytes that the processes use, shared ones in proportion."""
    total = 0
    for pid in processes:
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total
