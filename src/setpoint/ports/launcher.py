"""Pods on this machine: what the kubelet is asked for and what it answers.

A pod is one execution of a leaf template (or one model server): a set of host processes under a supervisor
that outlives the control plane. A request is self-contained: the supervisor loads the inputs, runs the
processes, collects the outputs and writes the exit record, with no control plane alive.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from setpoint.apis.meta import Wire
from setpoint.apis.pods import (
    Archive,
    ArtifactInput,
    ArtifactOutput,
    Container,
    Mount,
    ParameterOutput,
    PodExit,
    PodPhase,
    PodRequest,
    PodState,
    Retention,
)

__all__ = [
    "Archive",
    "ArtifactInput",
    "ArtifactOutput",
    "Container",
    "Launcher",
    "LogLine",
    "Mount",
    "ParameterOutput",
    "PodExit",
    "PodPhase",
    "PodRequest",
    "PodState",
    "Retention",
]


class LogLine(Wire, frozen=True, kw_only=True):
    """One line of a container's log; `time` is when the supervisor read it, if known."""

    container: str
    content: str
    time: datetime | None = None


class Launcher(Protocol):
    """Starts, finds, ends and reads pods."""

    async def launch(self, request: PodRequest) -> None:
        """Start the pod, or do nothing if its id was launched before (also by a control plane now dead).

        Raises: InvalidSpec if image or command has no meaning on this host.
        """
        ...

    async def kill(self, pod_id: str, *, grace_seconds: float = 30.0, reason: str = "") -> None:
        """TERM, then KILL after the grace period; nothing if it ended. `reason` becomes the exit message."""
        ...

    async def state(self, pod_id: str) -> PodState | None:
        """The pod, found again by its record, pid and start time; None if it was never launched."""
        ...

    def exits(self) -> AsyncIterator[PodState]:
        """Pods that ended, each at least once, those that ended while nobody looked included."""
        ...

    def logs(self, pod_id: str, *, container: str = "main", follow: bool = False) -> AsyncIterator[LogLine]:
        """The log from its start; with `follow` until the pod has ended."""
        ...

    async def remove(self, pod_id: str) -> None:
        """Delete the directory of an ended pod."""
        ...
