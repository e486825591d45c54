"""How a pod ended: phase and message from what its containers did.

The user's bad end is Failed, anything else that is wrong is Error; main counts before outputs, outputs before
sidecars. Pure but for the descriptors that a running container holds.
Source: phases and messages of Argo Workflows' executor; section 4 of the notes on its semantics.
"""

from __future__ import annotations

from dataclasses import dataclass

from setpoint.adapters.pods.logfile import LogWriter
from setpoint.ports.launcher import PodPhase

_ENDED_BY_SIGNAL = (137, 143)  # what a sidecar that is told to end may exit with


@dataclass(slots=True, kw_only=True)
class ContainerRun:
    """A container that was started, and how it ended."""

    name: str
    image: str
    pid: int
    streams: dict[int, bytes]  # our end of a pipe -> name of the stream
    log: LogWriter
    exit_code: int | None = None
    error: str = ""  # why it could not be started

    @property
    def message(self) -> str:
        """In Argo's words."""
        detail = f": {self.error} (image {self.image!r} on this host)" if self.error else ""
        return f"{self.name}: Error (exit code {self.exit_code}){detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOrder:
    """Somebody, or the deadline, wants the pod to end."""

    reason: str
    grace_seconds: float


def assess(
    main: ContainerRun, sidecars: list[ContainerRun], errors: list[str], order: EndOrder | None
) -> tuple[PodPhase, str]:
    """Phase and message of a pod whose main has ended."""
    if order is not None and order.reason:
        return PodPhase.FAILED, order.reason
    if main.exit_code != 0:
        return PodPhase.FAILED, main.message
    if errors:
        return PodPhase.ERROR, f"wait: Error (exit code 64): failed to save outputs: {'; '.join(errors)}"
    for sidecar in sidecars:
        if sidecar.exit_code not in (0, *_ENDED_BY_SIGNAL):
            return PodPhase.FAILED, sidecar.message
    return PodPhase.SUCCEEDED, ""
