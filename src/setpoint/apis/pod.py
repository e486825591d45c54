"""v1 Pod: its object and its status as engines read them; `apis.podspec` says in full what the API takes.

Source: Kubernetes API reference, Pod v1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec

from setpoint.apis import podspec
from setpoint.apis.argo.pod_spec import PodContainer, PodSpec
from setpoint.apis.meta import ObjectMeta, Resource, Wire
from setpoint.apis.podspec.status import PodStatus as FullPodStatus
from setpoint.apis.shapes import shape

__all__ = [
    "ATTEMPT",
    "DEFAULT_CONTAINER",
    "LAUNCH",
    "ContainerState",
    "ContainerStateRunning",
    "ContainerStateTerminated",
    "ContainerStateWaiting",
    "ContainerStatus",
    "HostIP",
    "Pod",
    "PodCondition",
    "PodContainer",
    "PodHead",
    "PodHeadStatus",
    "PodIP",
    "PodSpec",
    "PodStatus",
    "attempt_of",
    "launch_of",
]

LAUNCH = "setpoint.dev/launch"
"""Annotation of a pod that an engine runs: the launcher's id of it. A pod without it was made by a user."""

ATTEMPT = "setpoint.dev/attempt"
"""Annotation of a user's pod that was launched anew because its processes were lost: how often."""

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
"""Annotation that names the container that is meant where none is said."""


def launch_of(metadata: ObjectMeta) -> str:
    """The launcher's id of a pod: of one of an engine what it says, of a user's its uid and attempt."""
    attempt = attempt_of(metadata)
    return metadata.annotations.get(LAUNCH) or (f"{metadata.uid}-{attempt}" if attempt else metadata.uid)


def attempt_of(metadata: ObjectMeta) -> int:
    """How often a user's pod was launched anew."""
    text = metadata.annotations.get(ATTEMPT, "")
    return int(text) if text.isdecimal() and text.isascii() else 0


class ContainerStateWaiting(Wire, frozen=True, kw_only=True):
    """Not running yet, or not running again yet."""

    reason: str = ""
    message: str = ""


class ContainerStateRunning(Wire, frozen=True, kw_only=True):
    """Running since a moment."""

    started_at: datetime | None = None


class ContainerStateTerminated(Wire, frozen=True, kw_only=True):
    """How it ended; `reason` is Completed, Error, OOMKilled or ContainerStatusUnknown."""

    exit_code: int
    reason: str = ""
    message: str = ""
    signal: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    container_id: str = msgspec.field(name="containerID", default="")


class ContainerState(Wire, frozen=True, kw_only=True):
    """One of the three."""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Wire, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What has become of one container. Fields without a default are on the wire always, as clients expect."""

    name: str
    image: str
    ready: bool
    restart_count: int
    state: ContainerState
    image_id: str = msgspec.field(name="imageID")
    last_state: ContainerState = ContainerState()
    container_id: str = msgspec.field(name="containerID", default="")
    started: bool | None = None


class PodCondition(Wire, frozen=True, kw_only=True):
    """PodScheduled, Initialized, ContainersReady or Ready; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_probe_time: datetime | None = None
    last_transition_time: datetime | None = None
    observed_generation: int | None = None


class PodIP(Wire, frozen=True, kw_only=True):
    """An address of the pod."""

    ip: str = ""


class HostIP(Wire, frozen=True, kw_only=True):
    """An address of the machine."""

    ip: str = ""


class PodStatus(Wire, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Where a pod is; `phase` is Pending, Running, Succeeded, Failed or Unknown."""

    phase: str = ""
    conditions: tuple[PodCondition, ...] = ()
    message: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    host_ip: str = msgspec.field(name="hostIP", default="")
    host_ips: tuple[HostIP, ...] = msgspec.field(name="hostIPs", default=())
    pod_ip: str = msgspec.field(name="podIP", default="")
    pod_ips: tuple[PodIP, ...] = msgspec.field(name="podIPs", default=())
    start_time: datetime | None = None
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    ephemeral_container_statuses: tuple[dict[str, Any], ...] = ()
    qos_class: str = ""
    observed_generation: int | None = None

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.phase in ("Succeeded", "Failed")


class Pod(Resource, frozen=True, kw_only=True):
    """v1 Pod: one of an engine as the API shows it, or one that a user wants run."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Pod"
    PLURAL: ClassVar[str] = "pods"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("po",)

    spec: Annotated[PodSpec, shape(podspec.PodSpec)]
    status: Annotated[PodStatus, shape(FullPodStatus)] = msgspec.field(default_factory=PodStatus)


class PodHeadStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The phase alone; all else is passed over."""

    phase: str = ""


class PodHead(Resource, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A Pod without its spec, for those who watch all of them."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Pod"
    PLURAL: ClassVar[str] = "pods"

    status: PodHeadStatus = PodHeadStatus()

    @property
    def launch(self) -> str:
        """The launcher's id of a pod that an engine runs, "" of one that a user made."""
        return self.metadata.annotations.get(LAUNCH, "")
