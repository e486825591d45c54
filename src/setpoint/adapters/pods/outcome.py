"""How a pod ended: phase and message from what its containers did.

The user's bad end is Failed, anything else that is wrong is Error; main counts before outputs, outputs before
sidecars. Pure but for the descriptors that a running container holds.
Source: phases and messages of Argo Workflows' executor; section 4 of the notes on its semantics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from setpoint.adapters.pods.last_word import LastWord
from setpoint.adapters.pods.logfile import LogWriter
from setpoint.apis.pods import POD_DELETED
from setpoint.ports.launcher import ContainerEnd, PodPhase

_ENDED_BY_SIGNAL = (137, 143)  # what a sidecar that is told to end may exit with


@dataclass(slots=True, kw_only=True)
class ContainerRun:
    """A container that was started, and how it ended."""

    name: str
    image: str
    pid: int
    streams: dict[int, bytes]  # our end of a pipe -> name of the stream
    log: LogWriter
    last: LastWord | None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    exit_code: int | None = None
    ended_at: datetime | None = None
    error: str = ""  # why it could not be started
    out_of_memory: bool = False

    @property
    def message(self) -> str:
        """In Argo's words."""
        detail = f": {self.error} (image {self.image!r} on this host)" if self.error else ""
        if not detail and self.log.tail:
            detail = f": {self.log.tail}"
        reason = "OOMKilled" if self.out_of_memory else "Error"
        return f"{self.name}: {reason} (exit code {self.exit_code}){detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOrder:
    """Somebody, or the deadline, wants the pod to end."""

    reason: str
    grace_seconds: float


def phase_of(reason: str) -> PodPhase:
    """Of a pod that was told to end: one whose object was deleted is lost to who waits for it."""
    return PodPhase.ERROR if reason == POD_DELETED else PodPhase.FAILED


def assess(
    ends: Mapping[str, ContainerEnd], sidecars: list[ContainerRun], errors: list[str], order: EndOrder | None
) -> tuple[PodPhase, str]:
    """Phase and message of a pod whose main has ended, and all fellows of it.

    Of several that ended badly the first by name is told of, as a cluster lists them.
    """
    if order is not None and order.reason:
        return phase_of(order.reason), order.reason
    bad = [name for name, end in ends.items() if end.exit_code]
    if bad:
        return PodPhase.FAILED, ends[min(bad)].message
    if errors:
        return PodPhase.ERROR, f"wait: Error (exit code 64): failed to save outputs: {'; '.join(errors)}"
    for sidecar in sidecars:
        if sidecar.exit_code not in (0, *_ENDED_BY_SIGNAL):
            return PodPhase.FAILED, sidecar.message
    return PodPhase.SUCCEEDED, ""
