"""v1 Service: kept and shown; no engine acts on it. Source: Kubernetes API reference, Service v1."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from setpoint.apis.meta import Condition, Resource, Wire
from setpoint.apis.shapes import IntOrString


class ServicePort(Wire, frozen=True, kw_only=True):
    """A port of the service and where it leads."""

    port: int
    app_protocol: str | None = None
    name: str = ""
    node_port: int | None = None
    protocol: str = ""
    target_port: IntOrString | None = None


class ClientIPConfig(Wire, frozen=True, kw_only=True):
    """How long a client stays with a pod."""

    timeout_seconds: int | None = None


class SessionAffinityConfig(Wire, frozen=True, kw_only=True):
    """How clients stay with a pod."""

    client_ip: ClientIPConfig | None = msgspec.field(name="clientIP", default=None)


class ServiceSpec(Wire, frozen=True, kw_only=True):
    """Which pods are meant, and at which addresses; `type` is ClusterIP, NodePort, LoadBalancer or ExternalName."""

    allocate_load_balancer_node_ports: bool | None = None
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    cluster_ips: tuple[str, ...] = msgspec.field(name="clusterIPs", default=())
    external_ips: tuple[str, ...] = msgspec.field(name="externalIPs", default=())
    external_name: str = ""
    external_traffic_policy: str = ""
    health_check_node_port: int | None = None
    internal_traffic_policy: str = ""
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str = ""
    load_balancer_class: str = ""
    load_balancer_ip: str = msgspec.field(name="loadBalancerIP", default="")
    load_balancer_source_ranges: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    publish_not_ready_addresses: bool | None = None
    selector: dict[str, str] = {}
    session_affinity: str = ""
    session_affinity_config: SessionAffinityConfig | None = None
    traffic_distribution: str | None = None
    type: str = ""


class PortStatus(Wire, frozen=True, kw_only=True):
    """What became of a port of a load balancer."""

    port: int
    protocol: str
    error: str = ""


class LoadBalancerIngress(Wire, frozen=True, kw_only=True):
    """An address of a load balancer."""

    hostname: str = ""
    ip: str = ""
    ip_mode: str = ""
    ports: tuple[PortStatus, ...] = ()


class LoadBalancerStatus(Wire, frozen=True, kw_only=True):
    """Where a load balancer can be reached."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Wire, frozen=True, kw_only=True):
    """What became of the service."""

    conditions: tuple[Condition, ...] = ()
    load_balancer: LoadBalancerStatus | None = None


class Service(Resource, frozen=True, kw_only=True):
    """v1 Service: a name and an address for pods."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Service"
    PLURAL: ClassVar[str] = "services"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("svc",)

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()
