"""Pods on this machine: what the kubelet is asked for and what it answers.

A pod is one execution of a leaf template (or one model server): a set of host processes under a supervisor
that outlives the control plane. A request is self-contained: the supervisor loads the inputs, runs the
processes, collects the outputs and writes the exit record, with no control plane alive.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Protocol

from setpoint.apis.meta import Wire
from setpoint.apis.pods import (
    Archive,
    ArtifactInput,
    ArtifactOutput,
    Container,
    ContainerEnd,
    ContainerLive,
    HostAlias,
    Mount,
    ParameterOutput,
    PodAbout,
    PodExit,
    PodPhase,
    PodRequest,
    PodState,
    Retention,
    Usage,
    VolumeFile,
)

__all__ = [
    "Archive",
    "ArtifactInput",
    "ArtifactOutput",
    "Container",
    "ContainerEnd",
    "ContainerLive",
    "HostAlias",
    "Launcher",
    "LogLine",
    "Machine",
    "Mount",
    "ParameterOutput",
    "PodAbout",
    "PodExit",
    "PodListener",
    "PodPhase",
    "PodRequest",
    "PodState",
    "Retention",
    "Usage",
    "VolumeFile",
]


class LogLine(Wire, frozen=True, kw_only=True):
    """One line of a container's log; `time` is when the supervisor read it, if known."""

    container: str
    content: str
    time: datetime | None = None


class Machine(Wire, frozen=True, kw_only=True):
    """What pods are held against: cpu in thousandths of a core, memory in bytes, devices by number."""

    name: str
    resources: dict[str, int]


class PodListener(Protocol):
    """Hears at once, in the launcher's loop, of pods that come and go; it must not wait."""

    def launched(self, request: PodRequest) -> None:
        """A pod was launched, by this call or an earlier one."""

    def removed(self, pod_id: str) -> None:
        """The directory of a pod was deleted."""


class Launcher(Protocol):
    """Starts, finds, ends and reads pods."""

    listener: PodListener | None
    """Who hears of pods; None for nobody."""

    def machine(self) -> Machine:
        """The machine that the pods run on."""
        ...

    async def reserve(self, request: PodRequest, waits: Callable[[str], None]) -> PodRequest:
        """Set aside what the pod requests, until it has ended; the request with the devices it got.

        Waits for room. `waits` is told once why, in Kubernetes' words. To stop waiting, cancel. Does nothing for a pod
        that was launched before, or requests nothing.
        """
        ...

    async def launch(self, request: PodRequest) -> None:
        """Start the pod, or do nothing if its id was launched before (also by a control plane now dead).

        Raises: InvalidSpec if image or command has no meaning on this host.
        """
        ...

    def release(self, pod_id: str) -> None:
        """Give back what was set aside for a pod that is not launched after all."""
        ...

    async def kill(self, pod_id: str, *, grace_seconds: float | None = None, reason: str = "") -> None:
        """TERM, then KILL after the grace period (None: the pod's own); nothing if it ended.

        `reason` becomes the exit message.
        """
        ...

    async def state(self, pod_id: str) -> PodState | None:
        """The pod, found again by its record, pid and start time; None if it was never launched."""
        ...

    async def ready(self, pod_id: str) -> bool:
        """Wait until all containers of the pod run and have passed their readiness probes; False if it ends before."""
        ...

    def exits(self) -> AsyncIterator[PodState]:
        """Pods that ended, each at least once, those that ended while nobody looked included.

        A pod may be left out once a reader has got it and asked for the next, in an earlier life too: who must not
        miss any asks `state` of those it waits for when it starts.
        """
        ...

    async def live(self) -> tuple[PodRequest, ...]:
        """Requests of the pods that run, or whose end no reader has taken yet."""
        ...

    async def request(self, pod_id: str) -> PodRequest | None:
        """What was launched, None if there is no record of it."""
        ...

    async def usage(self, pod_id: str) -> dict[str, Usage]:
        """What each running container uses; empty if the pod does not run."""
        ...

    async def progress(self, pod_id: str) -> str | None:
        """`N/M` as the running pod last wrote it into its progress file; None if it did not or does not run."""
        ...

    def logs(
        self,
        pod_id: str,
        *,
        container: str = "main",
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
    ) -> AsyncIterator[LogLine]:
        """The log from its start; with `follow` until the pod has ended.

        `previous`: of the process before the last restart. `tail`: only so many lines of what there is already.
        """
        ...

    async def remove(self, pod_id: str) -> None:
        """Delete the directory of an ended pod."""
        ...

    async def claims(self) -> tuple[str, ...]:
        """Uids of the volume claims that have a directory."""
        ...

    async def remove_claim(self, uid: str) -> None:
        """Delete the directory of a volume claim; nothing if it has none."""
        ...

    async def owners(self) -> tuple[str, ...]:
        """Owners of pods whose records are kept."""
        ...

    async def remove_owned(self, owner: str) -> None:
        """End the pods of an owner, then delete their directories and logs; nothing if it has none."""
        ...
