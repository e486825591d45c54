"""What the Kubernetes API is made of; handed in by the wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from setpoint.apis.definitions import Catalog
from setpoint.ports.clock import Clock
from setpoint.ports.objects import ObjectApi
from setpoint.server.kubernetes._virtual import PodLog, Review, Subcreate, VirtualKind
from setpoint.server.kubernetes._writes import Admitter, MayCreate


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The parts.

    Attributes:
        api: Stored objects.
        catalog: The kinds there are now.
        pod_log: Logs of pods.
        version: What `GET /version` answers.
        admitters: What a kind demands beyond its type, by `Kind.group`.
        virtual: Kinds that are measured, not stored.
        reviews: Kinds that are only created.
        subcreates: Subresources that are only created, by `Kind.group/subresource`.
        may_create: Asked before an apply makes what is not there; None lets everybody.
    """

    api: ObjectApi
    catalog: Callable[[], Catalog]
    clock: Clock
    pod_log: PodLog
    version: Mapping[str, str]
    admitters: Mapping[str, Admitter] = field(default_factory=dict)
    virtual: Mapping[str, VirtualKind] = field(default_factory=dict)
    reviews: Mapping[str, Review] = field(default_factory=dict)
    subcreates: Mapping[str, Subcreate] = field(default_factory=dict)
    may_create: MayCreate | None = None
