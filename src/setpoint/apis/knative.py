"""serving.knative.dev/v1 Service; kept and shown, no engine acts on it. Source: Knative Serving API, v1."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from setpoint.apis import podspec
from setpoint.apis.meta import Condition, ObjectMeta, Resource, Wire
from setpoint.apis.podspec.scheduling import Toleration, TopologySpreadConstraint
from setpoint.apis.podspec.spec import HostAlias
from setpoint.apis.references import LocalObjectReference
from setpoint.apis.serving import Addressable, TrafficTarget


class RevisionContainer(podspec.Container, frozen=True, kw_only=True):
    """A container of a revision; it need not be named."""

    name: str = ""


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
    volumes: tuple[podspec.Volume, ...] = ()


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
