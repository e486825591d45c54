"""The core kinds that components and engines make: Namespace, ConfigMap, Secret, ServiceAccount, RBAC, Event, Node.

Where a field is plain JSON to the program, its annotation says what the API takes, see `apis.shapes`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec

from setpoint.apis.claims import NamespaceSpec, NamespaceStatus, PersistentVolumeClaimStatus
from setpoint.apis.meta import Resource, Wire
from setpoint.apis.nodes import NodeSpec, NodeStatus
from setpoint.apis.podspec.volumes import PersistentVolumeClaimSpec
from setpoint.apis.references import LocalObjectReference
from setpoint.apis.shapes import shape


class Namespace(Resource, frozen=True, kw_only=True):
    """v1 Namespace; cluster-scoped."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Namespace"
    PLURAL: ClassVar[str] = "namespaces"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("ns",)
    NAMESPACED: ClassVar[bool] = False

    spec: Annotated[dict[str, Any], shape(NamespaceSpec)] = {}
    status: Annotated[dict[str, Any], shape(NamespaceStatus)] = {}


class ConfigMap(Resource, frozen=True, kw_only=True):
    """v1 ConfigMap."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ConfigMap"
    PLURAL: ClassVar[str] = "configmaps"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("cm",)

    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}
    immutable: bool | None = None


class Secret(Resource, frozen=True, kw_only=True):
    """v1 Secret; `data` values are base64. Its repr shows no value, so that none can reach a log."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Secret"
    PLURAL: ClassVar[str] = "secrets"

    type: str = "Opaque"
    data: dict[str, str] = {}
    string_data: dict[str, str] = {}
    immutable: bool | None = None

    def __repr__(self) -> str:
        """Name and keys only."""
        return f"Secret({self.key}, keys={sorted(self.data | self.string_data)})"


class ObjectReference(Wire, frozen=True, kw_only=True):
    """v1 ObjectReference."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class ServiceAccount(Resource, frozen=True, kw_only=True):
    """v1 ServiceAccount."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ServiceAccount"
    PLURAL: ClassVar[str] = "serviceaccounts"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("sa",)

    secrets: tuple[Annotated[dict[str, Any], shape(ObjectReference)], ...] = ()
    image_pull_secrets: tuple[Annotated[dict[str, Any], shape(LocalObjectReference)], ...] = ()
    automount_service_account_token: bool | None = None


class PolicyRule(Wire, frozen=True, kw_only=True):
    """rbac/v1 PolicyRule."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = msgspec.field(name="nonResourceURLs", default=())


class Role(Resource, frozen=True, kw_only=True):
    """rbac/v1 Role."""

    API_VERSION: ClassVar[str] = "rbac.authorization.k8s.io/v1"
    KIND: ClassVar[str] = "Role"
    PLURAL: ClassVar[str] = "roles"

    rules: tuple[PolicyRule, ...] = ()


class RoleRef(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """rbac/v1 RoleRef; apiGroup is required on the wire, so it is written though it is the default."""

    kind: str
    name: str
    api_group: str = "rbac.authorization.k8s.io"


class Subject(Wire, frozen=True, kw_only=True):
    """rbac/v1 Subject."""

    kind: str
    name: str
    namespace: str = ""
    api_group: str = ""


class RoleBinding(Resource, frozen=True, kw_only=True):
    """rbac/v1 RoleBinding."""

    API_VERSION: ClassVar[str] = "rbac.authorization.k8s.io/v1"
    KIND: ClassVar[str] = "RoleBinding"
    PLURAL: ClassVar[str] = "rolebindings"

    role_ref: RoleRef
    subjects: tuple[Subject, ...] = ()


class EventSource(Wire, frozen=True, kw_only=True):
    """v1 EventSource."""

    component: str = ""
    host: str = ""


class EventSeries(Wire, frozen=True, kw_only=True):
    """v1 EventSeries: an event that goes on."""

    count: int | None = None
    last_observed_time: datetime | None = None


class Event(Resource, frozen=True, kw_only=True):
    """v1 Event; `type` is Normal or Warning. Events of one object, reason and message are counted, not repeated."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Event"
    PLURAL: ClassVar[str] = "events"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("ev",)

    involved_object: ObjectReference
    reason: str = ""
    message: str = ""
    type: str = "Normal"
    source: EventSource = EventSource()
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    count: int = 1
    action: str = ""
    related: ObjectReference | None = None
    reporting_component: str = ""
    reporting_instance: str = ""
    series: EventSeries | None = None


class PersistentVolumeClaim(Resource, frozen=True, kw_only=True):
    """v1 PersistentVolumeClaim: a directory that outlives the pods which mount it."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "PersistentVolumeClaim"
    PLURAL: ClassVar[str] = "persistentvolumeclaims"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("pvc",)

    spec: Annotated[dict[str, Any], shape(PersistentVolumeClaimSpec)] = {}
    status: Annotated[dict[str, Any], shape(PersistentVolumeClaimStatus)] = {}


class Node(Resource, frozen=True, kw_only=True):
    """v1 Node: the machine; cluster-scoped."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Node"
    PLURAL: ClassVar[str] = "nodes"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("no",)
    NAMESPACED: ClassVar[bool] = False

    spec: Annotated[dict[str, Any], shape(NodeSpec)] = {}
    status: Annotated[dict[str, Any], shape(NodeStatus)] = {}
