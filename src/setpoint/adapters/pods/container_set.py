"""Which containers of a pod start when: those of a set by their dependencies, each run again a few times if it fails.

Knows no process: it is told what ended and when. Invariant: a container starts only after all its dependencies ended
with 0; what depends on one that did not ends with that one's exit code and never runs.
Source: Argo Workflows, containerSet and the emissary; section 13 of the notes on its semantics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from setpoint.adapters.pods.outcome import ContainerRun
from setpoint.adapters.pods.restarts import Restarts
from setpoint.ports.launcher import Container, ContainerEnd

_TOLD_TO_END = 143  # what one exits with that is told to end while it waits for others


@dataclass(slots=True)
class ContainerSet:
    """The containers of a pod whose end is the pod's: main and its fellows.

    Args:
        containers: All of them; a pod of one container is a set of one.
        attempts: How often each is run in all.
        pause: Seconds between two attempts.
        restarts: Of a Pod, which of them are started again.
    """

    containers: tuple[Container, ...]
    attempts: int = 1
    pause: float = 0.0
    restarts: Restarts = field(default_factory=Restarts)
    stopped: bool = False
    exit_codes: dict[str, int] = field(default_factory=dict)
    _left: dict[str, int] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _running: set[str] = field(default_factory=set)
    _codes: dict[str, int] = field(default_factory=dict)  # of those that wait for a restart: of the last process

    def __post_init__(self) -> None:
        self._left = {one.name: self.attempts for one in self.containers}

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return len(self.exit_codes) == len(self.containers)

    @property
    def running(self) -> tuple[str, ...]:
        """Names of those that run."""
        return tuple(self._running)

    @property
    def next_start(self) -> float | None:
        """When the next further attempt is due; None without."""
        return min(self._due.values(), default=None)

    def start(self, now: float) -> Iterator[Container]:
        """Those that may start now; they count as running from here."""
        for one in self.containers:
            if one.name in self._running or one.name in self.exit_codes or self._due.get(one.name, now) > now:
                continue
            codes = [self.exit_codes.get(name) for name in one.dependencies]
            bad = next((code for code in codes if code), None)
            if bad is not None:
                self.exit_codes[one.name] = bad
                yield from self.start(now)  # others may depend on it
                return
            if None not in codes:
                self._due.pop(one.name, None)
                self._running.add(one.name)
                self._left[one.name] -= 1
                yield one

    def ended(self, name: str, exit_code: int, now: float, ran: float = 0.0) -> float | None:
        """A running one has ended after so many seconds; when it is started again, None if it is not."""
        self._running.discard(name)
        again = None if self.stopped else self.restarts.due(name, exit_code, ran, now)
        if again is None and exit_code and self._left[name] > 0:
            again = now + self.pause
        if again is None:
            self.exit_codes[name] = exit_code
        else:
            self._due[name] = again
            self._codes[name] = exit_code
        return again

    def stop(self) -> None:
        """Nothing more is started: those that wait end now, those that run have no further attempt."""
        self.stopped = True
        self._left = dict.fromkeys(self._left, 0)
        for one in self.containers:
            if one.name not in self._running:
                self.exit_codes.setdefault(one.name, self._codes.get(one.name, _TOLD_TO_END))
        self._due.clear()


def run_set(
    crew: ContainerSet,
    start: Callable[[Container], ContainerRun],
    wait: Callable[[Callable[[], bool], float | None], None],
    told_to_end: Callable[[], bool],
    tell: Callable[[dict[str, ContainerEnd]], None],
    waits: Callable[[str, float], None] = lambda _name, _seconds: None,
) -> dict[str, ContainerEnd]:
    """Run all containers of a set to their end.

    Args:
        crew: Which of them may start when.
        start: Starts one.
        wait: Serves what runs until a condition holds or a moment of the monotonic clock has come.
        told_to_end: Whether somebody wants the pod to end.
        tell: Hears of those that have ended while others go on.
        waits: Hears of those that are started again, and in how many seconds.

    Returns:
        How each of them ended.
    """
    runs: dict[str, ContainerRun] = {}
    while True:
        for one in crew.start(time.monotonic()):
            runs[one.name] = start(one)
        ends = {name: _end_of(name, code, runs.get(name)) for name, code in crew.exit_codes.items()}
        if crew.done:
            return ends
        if ends:
            tell(ends)
        _wait_for_any([runs[name] for name in crew.running], crew, wait, told_to_end)
        if told_to_end():
            crew.stop()
        for name in crew.running:
            if (code := runs[name].exit_code) is not None:
                now, run = time.monotonic(), runs[name]
                ran = ((run.ended_at or run.started_at) - run.started_at).total_seconds()
                due = crew.ended(name, code, now, ran)
                if due is not None:
                    waits(name, due - now)


def _wait_for_any(
    running: list[ContainerRun],
    crew: ContainerSet,
    wait: Callable[[Callable[[], bool], float | None], None],
    told_to_end: Callable[[], bool],
) -> None:
    """Until one of them has ended or a further attempt is due; an order to end comes before further attempts."""
    pausing = crew.next_start is not None
    wait(
        lambda: (pausing and told_to_end()) or any(run.exit_code is not None for run in running),
        crew.next_start,
    )


def _end_of(name: str, code: int, run: ContainerRun | None) -> ContainerEnd:
    if run is None:  # something that it depends on ended badly
        return ContainerEnd(exit_code=code, message=f"{name}: Error (exit code {code})")
    message = run.message if code else ""
    return ContainerEnd(exit_code=code, message=message, started_at=run.started_at, finished_at=run.ended_at)
