"""What becomes of a PersistentVolumeClaim and of a Namespace. Source: Kubernetes API reference."""

from __future__ import annotations

from datetime import datetime

from setpoint.apis.meta import Wire
from setpoint.apis.shapes import Quantity


class PersistentVolumeClaimCondition(Wire, frozen=True, kw_only=True):
    """One condition of a claim."""

    status: str
    type: str
    last_probe_time: datetime | None = None
    last_transition_time: datetime | None = None
    message: str = ""
    reason: str = ""


class ModifyVolumeStatus(Wire, frozen=True, kw_only=True):
    """How far a change of a volume has come."""

    status: str
    target_volume_attributes_class_name: str = ""


class PersistentVolumeClaimStatus(Wire, frozen=True, kw_only=True):
    """What storage a claim got; `phase` is Pending, Bound or Lost."""

    access_modes: tuple[str, ...] = ()
    allocated_resource_statuses: dict[str, str] = {}
    allocated_resources: dict[str, Quantity] = {}
    capacity: dict[str, Quantity] = {}
    conditions: tuple[PersistentVolumeClaimCondition, ...] = ()
    current_volume_attributes_class_name: str = ""
    modify_volume_status: ModifyVolumeStatus | None = None
    phase: str = ""


class NamespaceSpec(Wire, frozen=True, kw_only=True):
    """What must be done before a namespace is gone."""

    finalizers: tuple[str, ...] = ()


class NamespaceCondition(Wire, frozen=True, kw_only=True):
    """One condition of a namespace."""

    status: str
    type: str
    last_transition_time: datetime | None = None
    message: str = ""
    reason: str = ""


class NamespaceStatus(Wire, frozen=True, kw_only=True):
    """`phase` is Active or Terminating."""

    conditions: tuple[NamespaceCondition, ...] = ()
    phase: str = ""
