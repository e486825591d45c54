"""When a container of a Pod is started again, and what others are told of its containers meanwhile.

The first restart comes at once, later ones after a pause that doubles up to five minutes; ten good minutes make up for
all that was. Source: kubernetes pkg/kubelet, `doBackOff`, `MaxContainerBackOff`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from setpoint.adapters.pods import records
from setpoint.adapters.pods.outcome import ContainerRun
from setpoint.ports.launcher import ContainerEnd, ContainerLive, PodExit, PodRequest

ALWAYS, ON_FAILURE = "Always", "OnFailure"
_LONGEST_PAUSE = 300.0
_GOOD_SECONDS = 600.0


@dataclass(slots=True)
class Restarts:
    """The back-off of the containers of one pod.

    Args:
        policy: Always, OnFailure; anything else restarts nothing.
        first_pause: Seconds before the second restart.
    """

    policy: str = ""
    first_pause: float = 10.0
    _counts: dict[str, int] = field(default_factory=dict)

    def due(self, name: str, exit_code: int, ran: float, now: float) -> float | None:
        """When a container that ended is started again; None if it is not.

        Args:
            name: The container.
            exit_code: How it ended.
            ran: For how many seconds it had run.
            now: The moment, in seconds.
        """
        if self.policy != ALWAYS and (self.policy != ON_FAILURE or exit_code == 0):
            return None
        count = 0 if ran >= _GOOD_SECONDS else self._counts.get(name, 0)
        self._counts[name] = count + 1
        return now if count == 0 else now + min(self.first_pause * 2.0 ** (count - 1), _LONGEST_PAUSE)


class Roll:
    """How the containers of a pod are, written to its directory at each change if it is kept."""

    def __init__(self, directory: int, *, kept: bool) -> None:
        self._directory = directory
        self._kept = kept
        self.containers: dict[str, ContainerLive] = {}

    def started(self, run: ContainerRun) -> None:
        """A process of a container was started; the log of the one before is put aside by `set_aside`."""
        former = self.containers.get(run.name)
        before = former.end if former is not None else None
        restarts = former.restarts + 1 if former is not None else 0
        self.containers[run.name] = ContainerLive(
            pid=run.pid, started_at=run.started_at, restarts=restarts, before=before
        )
        self._write()

    def ended(self, run: ContainerRun) -> None:
        """It has ended."""
        held = self.containers.get(run.name)
        if held is not None:
            self.containers[run.name] = held.replace(end=end_of(run))
            self._write()

    def waits(self, name: str, seconds: float) -> None:
        """It is started again in so many seconds."""
        held = self.containers.get(name)
        if held is not None and seconds > 0:
            due = datetime.now(UTC) + timedelta(seconds=seconds)
            self.containers[name] = held.replace(due=due)
            self._write()

    def given_up(self) -> None:
        """Nothing is started again."""
        if any(one.due for one in self.containers.values()):
            self.containers = {name: one.replace(due=None) for name, one in self.containers.items()}
            self._write()

    def set_aside(self, name: str) -> None:
        """What belonged to the last process of a container that is started again: its log, and that it was ready."""
        if self._kept and name in self.containers:
            for old, new in (
                (records.log_file(name), records.previous_log_file(name)),
                (f"ready-{name}", f"ready-{name}.old"),
            ):
                with suppress(OSError):
                    os.rename(old, new, src_dir_fd=self._directory, dst_dir_fd=self._directory)

    def _write(self) -> None:
        if self._kept:
            with suppress(OSError):  # the exit record says it again
                records.write_record(self._directory, records.LIVE, records.Live(containers=self.containers))


def end_of(run: ContainerRun) -> ContainerEnd:
    """How a container's process ended."""
    code = run.exit_code or 0
    return ContainerEnd(
        exit_code=code, message=run.message if code else "", started_at=run.started_at, finished_at=run.ended_at
    )


def with_all(ended: PodExit, request: PodRequest, runs: Iterable[ContainerRun], roll: Roll) -> PodExit:
    """The end of a pod with that of its init containers and sidecars, and of each container of a Pod as it was."""
    mains = {request.main.name, *(one.name for one in request.fellows)}
    ended = ended.replace(others={one.name: end_of(one) for one in runs if one.name not in mains})
    if not request.restart_policy:
        return ended
    roll.given_up()
    return ended.replace(live=roll.containers)


@dataclass(slots=True)
class Companions:
    """Init containers that go on beside the others, each started again whenever it ends."""

    restarts: Restarts
    runs: dict[str, ContainerRun] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _starts: dict[str, Callable[[], ContainerRun]] = field(default_factory=dict)
    over: bool = False

    def add(self, name: str, start: Callable[[], ContainerRun]) -> ContainerRun:
        """Start one, now and whenever it has ended."""
        self._starts[name] = start
        self.runs[name] = start()
        return self.runs[name]

    @property
    def next_start(self) -> float | None:
        """When the next restart is due, of the monotonic clock; None without."""
        return None if self.over else min(self._due.values(), default=None)

    def tend(self, tell: Callable[[str, float], None]) -> None:
        """Note those that have ended, and start those that are due."""
        if self.over:
            return
        now = time.monotonic()
        for name, run in tuple(self.runs.items()):
            if run.exit_code is None:
                continue
            if name not in self._due:
                ran = ((run.ended_at or run.started_at) - run.started_at).total_seconds()
                due = self.restarts.due(name, run.exit_code, ran, now)
                self._due[name] = now if due is None else due
                tell(name, self._due[name] - now)
            if self._due[name] <= now:
                del self._due[name]
                self.runs[name] = self._starts[name]()
