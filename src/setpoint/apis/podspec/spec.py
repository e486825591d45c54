"""What a pod is made of, in full: every field has its type and an unknown one is refused.

Source: Kubernetes API reference, v1 PodSpec.
"""

from __future__ import annotations

import msgspec

from setpoint.apis.meta import ObjectMeta, Wire
from setpoint.apis.podspec.containers import Container, EphemeralContainer, ResourceRequirements
from setpoint.apis.podspec.scheduling import (
    Affinity,
    PodReadinessGate,
    PodResourceClaim,
    PodSchedulingGate,
    Toleration,
    TopologySpreadConstraint,
)
from setpoint.apis.podspec.security import PodSecurityContext
from setpoint.apis.podspec.volumes import Volume
from setpoint.apis.references import LocalObjectReference
from setpoint.apis.shapes import Quantity


class PodOS(Wire, frozen=True, kw_only=True):
    """The operating system that a pod needs: linux or windows."""

    name: str


class PodDNSConfigOption(Wire, frozen=True, kw_only=True):
    """An option of the resolver."""

    name: str = ""
    value: str = ""


class PodDNSConfig(Wire, frozen=True, kw_only=True):
    """How names are resolved."""

    nameservers: tuple[str, ...] = ()
    options: tuple[PodDNSConfigOption, ...] = ()
    searches: tuple[str, ...] = ()


class HostAlias(Wire, frozen=True, kw_only=True):
    """A line more of the pod's hosts file."""

    ip: str
    hostnames: tuple[str, ...] = ()


class PodSchedulingGroup(Wire, frozen=True, kw_only=True):
    """Pods that are scheduled together."""

    pod_group_name: str = ""


class PodSpec(Wire, frozen=True, kw_only=True):
    """The containers of a pod, its volumes, and how and where it runs."""

    containers: tuple[Container, ...]
    active_deadline_seconds: int | None = None
    affinity: Affinity | None = None
    automount_service_account_token: bool | None = None
    dns_config: PodDNSConfig | None = None
    dns_policy: str = ""
    enable_service_links: bool | None = None
    ephemeral_containers: tuple[EphemeralContainer, ...] = ()
    host_aliases: tuple[HostAlias, ...] = ()
    host_ipc: bool | None = msgspec.field(name="hostIPC", default=None)
    host_network: bool | None = None
    host_pid: bool | None = msgspec.field(name="hostPID", default=None)
    host_users: bool | None = None
    hostname: str = ""
    hostname_override: str = ""
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    init_containers: tuple[Container, ...] = ()
    node_name: str = ""
    node_selector: dict[str, str] = {}
    os: PodOS | None = None
    overhead: dict[str, Quantity] = {}
    preemption_policy: str = ""
    priority: int | None = None
    priority_class_name: str = ""
    readiness_gates: tuple[PodReadinessGate, ...] = ()
    resource_claims: tuple[PodResourceClaim, ...] = ()
    resources: ResourceRequirements | None = None
    restart_policy: str = ""
    runtime_class_name: str = ""
    scheduler_name: str = ""
    scheduling_group: PodSchedulingGroup | None = None
    scheduling_gates: tuple[PodSchedulingGate, ...] = ()
    security_context: PodSecurityContext | None = None
    service_account: str = ""
    service_account_name: str = ""
    set_hostname_as_fqdn: bool | None = msgspec.field(name="setHostnameAsFQDN", default=None)
    share_process_namespace: bool | None = None
    subdomain: str = ""
    termination_grace_period_seconds: int | None = None
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    volumes: tuple[Volume, ...] = ()


class PodTemplateSpec(Wire, frozen=True, kw_only=True):
    """What pods are made of."""

    metadata: ObjectMeta | None = None
    spec: PodSpec | None = None
