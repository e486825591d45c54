"""coordination.k8s.io/v1 Lease. Source: Kubernetes API reference, Lease v1."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from setpoint.apis.meta import Resource, Wire


class LeaseSpec(Wire, frozen=True, kw_only=True):
    """Who holds it, since when and for how long."""

    acquire_time: datetime | None = None
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None
    preferred_holder: str | None = None
    renew_time: datetime | None = None
    strategy: str | None = None


class Lease(Resource, frozen=True, kw_only=True):
    """coordination/v1 Lease: who leads, of several that could."""

    API_VERSION: ClassVar[str] = "coordination.k8s.io/v1"
    KIND: ClassVar[str] = "Lease"
    PLURAL: ClassVar[str] = "leases"

    spec: LeaseSpec = LeaseSpec()
