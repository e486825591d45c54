"""serving.knative.dev/v1 Service; kept and shown, no engine acts on it. Source: Knative Serving API, v1."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from setpoint.apis.meta import Condition, ObjectMeta, Resource, Wire
from setpoint.apis.podspec.containers import EnvFromSource, EnvVar, ResourceRequirements, VolumeMount
from setpoint.apis.podspec.probes import ExecAction, HTTPHeader
from setpoint.apis.podspec.scheduling import Toleration, TopologySpreadConstraint
from setpoint.apis.podspec.security import SecurityContext
from setpoint.apis.podspec.spec import HostAlias
from setpoint.apis.podspec.volumes import ConfigMapVolumeSource, ProjectedVolumeSource, SecretVolumeSource
from setpoint.apis.references import LocalObjectReference
from setpoint.apis.serving import Addressable, TrafficTarget
from setpoint.apis.shapes import IntOrString


class RevisionHTTPGet(Wire, frozen=True, kw_only=True):
    """A request; where no port is said the container's is meant."""

    host: str = ""
    http_headers: tuple[HTTPHeader, ...] = ()
    path: str = ""
    port: IntOrString | None = None
    scheme: str = ""


class RevisionTCPSocket(Wire, frozen=True, kw_only=True):
    """A connection; where no port is said the container's is meant."""

    host: str = ""
    port: IntOrString | None = None


class RevisionGRPC(Wire, frozen=True, kw_only=True):
    """A health check by gRPC; where no port is said the container's is meant."""

    port: int | None = None
    service: str | None = None


class RevisionProbe(Wire, frozen=True, kw_only=True):
    """A question, how often it is asked, and how many answers in a row count."""

    exec_: ExecAction | None = msgspec.field(name="exec", default=None)
    failure_threshold: int | None = None
    grpc: RevisionGRPC | None = None
    http_get: RevisionHTTPGet | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    success_threshold: int | None = None
    tcp_socket: RevisionTCPSocket | None = None
    timeout_seconds: int | None = None


class RevisionPort(Wire, frozen=True, kw_only=True):
    """The port that requests go to; its name may say h2c."""

    container_port: int | None = None
    name: str = ""
    protocol: str = ""


class RevisionContainer(Wire, frozen=True, kw_only=True):
    """A container of a revision; it need not be named."""

    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    image: str = ""
    image_pull_policy: str = ""
    liveness_probe: RevisionProbe | None = None
    name: str = ""
    ports: tuple[RevisionPort, ...] = ()
    readiness_probe: RevisionProbe | None = None
    resources: ResourceRequirements | None = None
    security_context: SecurityContext | None = None
    startup_probe: RevisionProbe | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    volume_mounts: tuple[VolumeMount, ...] = ()
    working_dir: str = ""


class RevisionVolume(Wire, frozen=True, kw_only=True):
    """A volume of a revision; those that are plain JSON here must be allowed in Knative's features."""

    name: str
    config_map: ConfigMapVolumeSource | None = None
    csi: dict[str, Any] | None = None
    empty_dir: dict[str, Any] | None = None
    ephemeral: dict[str, Any] | None = None
    host_path: dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    persistent_volume_claim: dict[str, Any] | None = None
    projected: ProjectedVolumeSource | None = None
    secret: SecretVolumeSource | None = None


class RevisionSpec(Wire, frozen=True, kw_only=True):
    """The pods of a revision, and how many requests each takes."""

    containers: tuple[RevisionContainer, ...]
    affinity: dict[str, Any] = {}
    automount_service_account_token: bool | None = None
    container_concurrency: int | None = None
    dns_config: dict[str, Any] = {}
    dns_policy: str = ""
    enable_service_links: bool | None = None
    host_aliases: tuple[HostAlias, ...] = ()
    host_ipc: bool | None = msgspec.field(name="hostIPC", default=None)
    host_network: bool | None = None
    host_pid: bool | None = msgspec.field(name="hostPID", default=None)
    idle_timeout_seconds: int | None = None
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    init_containers: tuple[RevisionContainer, ...] = ()
    node_selector: dict[str, str] = {}
    priority_class_name: str = ""
    response_start_timeout_seconds: int | None = None
    runtime_class_name: str = ""
    scheduler_name: str = ""
    security_context: dict[str, Any] = {}
    service_account_name: str = ""
    share_process_namespace: bool | None = None
    timeout_seconds: int | None = None
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    volumes: tuple[RevisionVolume, ...] = ()


class RevisionTemplateSpec(Wire, frozen=True, kw_only=True):
    """What revisions are made of."""

    metadata: ObjectMeta = ObjectMeta()
    spec: RevisionSpec | None = None


class ServiceSpec(Wire, frozen=True, kw_only=True):
    """What is served, and which share of requests goes to which revision."""

    template: RevisionTemplateSpec | None = None
    traffic: tuple[TrafficTarget, ...] = ()


class ServiceStatus(Wire, frozen=True, kw_only=True):
    """Which revisions are ready, and where they answer."""

    address: Addressable | None = None
    annotations: dict[str, str] = {}
    conditions: tuple[Condition, ...] = ()
    latest_created_revision_name: str = ""
    latest_ready_revision_name: str = ""
    observed_generation: int | None = None
    traffic: tuple[TrafficTarget, ...] = ()
    url: str = ""


class Service(Resource, frozen=True, kw_only=True):
    """serving.knative.dev/v1 Service: revisions of a workload, and traffic to them."""

    API_VERSION: ClassVar[str] = "serving.knative.dev/v1"
    KIND: ClassVar[str] = "Service"
    PLURAL: ClassVar[str] = "services"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("kservice", "ksvc")

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()
