"""What has become of a pod, as the API types it. Source: Kubernetes API reference, v1 PodStatus."""

from __future__ import annotations

from datetime import datetime

import msgspec

from setpoint.apis.meta import Wire
from setpoint.apis.podspec.containers import ResourceRequirements
from setpoint.apis.shapes import Quantity


class ContainerStateWaiting(Wire, frozen=True, kw_only=True):
    """Not running yet, or not running again yet."""

    message: str = ""
    reason: str = ""


class ContainerStateRunning(Wire, frozen=True, kw_only=True):
    """Running since a moment."""

    started_at: datetime | None = None


class ContainerStateTerminated(Wire, frozen=True, kw_only=True):
    """How a container ended."""

    exit_code: int
    container_id: str = msgspec.field(name="containerID", default="")
    finished_at: datetime | None = None
    message: str = ""
    reason: str = ""
    signal: int | None = None
    started_at: datetime | None = None


class ContainerState(Wire, frozen=True, kw_only=True):
    """One of the three."""

    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None
    waiting: ContainerStateWaiting | None = None


class ResourceHealth(Wire, frozen=True, kw_only=True):
    """Whether a device is well."""

    resource_id: str = msgspec.field(name="resourceID")
    health: str = ""


class ResourceStatus(Wire, frozen=True, kw_only=True):
    """What is known of the devices of one resource."""

    name: str
    resources: tuple[ResourceHealth, ...] = ()


class LinuxContainerUser(Wire, frozen=True, kw_only=True):
    """As whom the first process of a container runs."""

    gid: int
    uid: int
    supplemental_groups: tuple[int, ...] = ()


class ContainerUser(Wire, frozen=True, kw_only=True):
    """As whom a container runs."""

    linux: LinuxContainerUser | None = None


class VolumeMountStatus(Wire, frozen=True, kw_only=True):
    """How a volume is mounted."""

    mount_path: str
    name: str
    read_only: bool | None = None
    recursive_read_only: str = ""


class ContainerStatus(Wire, frozen=True, kw_only=True):
    """What has become of one container."""

    image: str
    image_id: str = msgspec.field(name="imageID")
    name: str
    ready: bool
    restart_count: int
    allocated_resources: dict[str, Quantity] = {}
    allocated_resources_status: tuple[ResourceStatus, ...] = ()
    container_id: str = msgspec.field(name="containerID", default="")
    last_state: ContainerState | None = None
    resources: ResourceRequirements | None = None
    started: bool | None = None
    state: ContainerState | None = None
    stop_signal: str = ""
    user: ContainerUser | None = None
    volume_mounts: tuple[VolumeMountStatus, ...] = ()


class PodCondition(Wire, frozen=True, kw_only=True):
    """One condition; `status` is True, False or Unknown."""

    status: str
    type: str
    last_probe_time: datetime | None = None
    last_transition_time: datetime | None = None
    message: str = ""
    observed_generation: int | None = None
    reason: str = ""


class HostIP(Wire, frozen=True, kw_only=True):
    """An address of the machine."""

    ip: str


class PodIP(Wire, frozen=True, kw_only=True):
    """An address of the pod."""

    ip: str


class PodResourceClaimStatus(Wire, frozen=True, kw_only=True):
    """The claim that was made for an entry of the spec."""

    name: str
    resource_claim_name: str = ""


class ContainerExtendedResourceRequest(Wire, frozen=True, kw_only=True):
    """Which request of a claim stands for a resource of a container."""

    container_name: str
    request_name: str
    resource_name: str


class PodExtendedResourceClaimStatus(Wire, frozen=True, kw_only=True):
    """The claim that stands for resources which a pod asks for by number."""

    request_mappings: tuple[ContainerExtendedResourceRequest, ...]
    resource_claim_name: str


class PodStatus(Wire, frozen=True, kw_only=True):
    """Where a pod is; `phase` is Pending, Running, Succeeded, Failed or Unknown."""

    conditions: tuple[PodCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()
    extended_resource_claim_status: PodExtendedResourceClaimStatus | None = None
    host_ip: str = msgspec.field(name="hostIP", default="")
    host_ips: tuple[HostIP, ...] = msgspec.field(name="hostIPs", default=())
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    message: str = ""
    nominated_node_name: str = ""
    observed_generation: int | None = None
    phase: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    pod_ips: tuple[PodIP, ...] = msgspec.field(name="podIPs", default=())
    qos_class: str = ""
    reason: str = ""
    resize: str = ""
    resource_claim_statuses: tuple[PodResourceClaimStatus, ...] = ()
    start_time: datetime | None = None
