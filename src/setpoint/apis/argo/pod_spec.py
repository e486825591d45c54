"""A pod's spec as engines read it and as a `podSpecPatch` leaves it; `apis.podspec` has the strict one.

A patch is laid over the whole spec, so containers that the cluster would add (`wait`, `init`) count too. Fields that
nobody knows are dropped on reading, as an API server does.
Source: v1 PodSpec.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.argo.containers import Container, Volume
from setpoint.apis.argo.leaves import ResourceRequirements
from setpoint.apis.meta import Wire


class PodContainer(Container, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A container as a patch may leave it."""


class PodSpec(Wire, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """v1 PodSpec. What has no meaning on one machine is `Any`: it is read to be told of."""

    containers: tuple[PodContainer, ...] = ()
    init_containers: tuple[PodContainer, ...] = ()
    volumes: tuple[Volume, ...] = ()
    active_deadline_seconds: int | None = None
    termination_grace_period_seconds: int | None = None
    host_aliases: tuple[dict[str, Any], ...] = ()
    resources: ResourceRequirements | None = None

    affinity: Any = None
    automount_service_account_token: Any = None
    dns_config: Any = None
    dns_policy: Any = None
    enable_service_links: Any = None
    ephemeral_containers: Any = None
    host_ipc: Any = msgspec.field(name="hostIPC", default=None)
    host_network: Any = None
    host_pid: Any = msgspec.field(name="hostPID", default=None)
    host_users: Any = None
    hostname: Any = None
    hostname_override: Any = None
    image_pull_secrets: Any = None
    node_name: Any = None
    node_selector: Any = None
    os: Any = None
    overhead: Any = None
    preemption_policy: Any = None
    priority: Any = None
    priority_class_name: Any = None
    readiness_gates: Any = None
    resource_claims: Any = None
    restart_policy: Any = None
    runtime_class_name: Any = None
    scheduler_name: Any = None
    scheduling_gates: Any = None
    security_context: Any = None
    service_account: Any = None
    service_account_name: Any = None
    set_hostname_as_fqdn: Any = msgspec.field(name="setHostnameAsFQDN", default=None)
    share_process_namespace: Any = None
    subdomain: Any = None
    tolerations: Any = None
    topology_spread_constraints: Any = None
