"""What the API says of a machine. Source: Kubernetes API reference, Node v1."""

from __future__ import annotations

from datetime import datetime

import msgspec

from setpoint.apis.meta import Wire
from setpoint.apis.shapes import Quantity


class Taint(Wire, frozen=True, kw_only=True):
    """Keeps pods off that do not bear it."""

    effect: str
    key: str
    time_added: datetime | None = None
    value: str = ""


class ConfigMapNodeConfigSource(Wire, frozen=True, kw_only=True):
    """A ConfigMap that a kubelet is configured by."""

    kubelet_config_key: str
    name: str
    namespace: str
    resource_version: str = ""
    uid: str = ""


class NodeConfigSource(Wire, frozen=True, kw_only=True):
    """Where a kubelet is configured."""

    config_map: ConfigMapNodeConfigSource | None = None


class NodeSpec(Wire, frozen=True, kw_only=True):
    """What is wanted of a machine."""

    config_source: NodeConfigSource | None = None
    external_id: str = msgspec.field(name="externalID", default="")
    pod_cidr: str = msgspec.field(name="podCIDR", default="")
    pod_cidrs: tuple[str, ...] = msgspec.field(name="podCIDRs", default=())
    provider_id: str = msgspec.field(name="providerID", default="")
    taints: tuple[Taint, ...] = ()
    unschedulable: bool | None = None


class NodeAddress(Wire, frozen=True, kw_only=True):
    """An address; `type` is Hostname, InternalIP and the like."""

    address: str
    type: str


class NodeCondition(Wire, frozen=True, kw_only=True):
    """One condition: Ready, MemoryPressure and the like."""

    status: str
    type: str
    last_heartbeat_time: datetime | None = None
    last_transition_time: datetime | None = None
    message: str = ""
    reason: str = ""


class NodeConfigStatus(Wire, frozen=True, kw_only=True):
    """Which configuration holds."""

    active: NodeConfigSource | None = None
    assigned: NodeConfigSource | None = None
    error: str = ""
    last_known_good: NodeConfigSource | None = None


class DaemonEndpoint(Wire, frozen=True, kw_only=True):
    """The port of a daemon."""

    port: int = msgspec.field(name="Port")


class NodeDaemonEndpoints(Wire, frozen=True, kw_only=True):
    """Where daemons of the machine listen."""

    kubelet_endpoint: DaemonEndpoint | None = None


class NodeFeatures(Wire, frozen=True, kw_only=True):
    """What the container runtime can do."""

    supplemental_groups_policy: bool | None = None


class ContainerImage(Wire, frozen=True, kw_only=True):
    """An image that is there."""

    names: tuple[str, ...] = ()
    size_bytes: int | None = None


class NodeSwapStatus(Wire, frozen=True, kw_only=True):
    """How much swap there is."""

    capacity: int | None = None


class NodeSystemInfo(Wire, frozen=True, kw_only=True):
    """Names and versions of the machine and what runs it."""

    architecture: str
    boot_id: str = msgspec.field(name="bootID")
    container_runtime_version: str
    kernel_version: str
    kube_proxy_version: str
    kubelet_version: str
    machine_id: str = msgspec.field(name="machineID")
    operating_system: str
    os_image: str
    system_uuid: str = msgspec.field(name="systemUUID")
    swap: NodeSwapStatus | None = None


class NodeRuntimeHandlerFeatures(Wire, frozen=True, kw_only=True):
    """What a runtime handler can do."""

    recursive_read_only_mounts: bool | None = None
    user_namespaces: bool | None = None


class NodeRuntimeHandler(Wire, frozen=True, kw_only=True):
    """A runtime handler of the machine."""

    features: NodeRuntimeHandlerFeatures | None = None
    name: str = ""


class AttachedVolume(Wire, frozen=True, kw_only=True):
    """A volume that is attached."""

    device_path: str
    name: str


class NodeStatus(Wire, frozen=True, kw_only=True):
    """What the machine has, how it is, and what runs it."""

    addresses: tuple[NodeAddress, ...] = ()
    allocatable: dict[str, Quantity] = {}
    capacity: dict[str, Quantity] = {}
    conditions: tuple[NodeCondition, ...] = ()
    config: NodeConfigStatus | None = None
    daemon_endpoints: NodeDaemonEndpoints | None = None
    features: NodeFeatures | None = None
    images: tuple[ContainerImage, ...] = ()
    node_info: NodeSystemInfo | None = None
    phase: str = ""
    runtime_handlers: tuple[NodeRuntimeHandler, ...] = ()
    volumes_attached: tuple[AttachedVolume, ...] = ()
    volumes_in_use: tuple[str, ...] = ()
