"""A Pod as a client needs it that only looks for logs: the rest, which a cluster may have more of, is passed over."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from setpoint.apis.meta import Resource

_NODE_ID, _NODE_NAME = "workflows.argoproj.io/node-id", "workflows.argoproj.io/node-name"


class _Container(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "main"


class _Spec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()


class _Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    phase: str = ""
    start_time: datetime | None = None


class PodGlance(Resource, frozen=True, kw_only=True):
    """Names of containers, phase and start of a Pod."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Pod"
    PLURAL: ClassVar[str] = "pods"

    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def started(self) -> bool:
        """Whether there may be a log."""
        return self.status.phase not in ("", "Pending")

    @property
    def order(self) -> tuple[str, str]:
        """Pods sort by their start, then by name."""
        return (str(self.status.start_time or self.metadata.creation_timestamp), self.metadata.name)

    def has_container(self, name: str) -> bool:
        """Whether one is named so."""
        return any(item.name == name for item in (*self.spec.containers, *self.spec.init_containers))

    def is_meant(self, word: str) -> bool:
        """Whether a person names it so: by its name, or the id or name of its node."""
        notes = self.metadata.annotations
        return word in (self.metadata.name, notes.get(_NODE_ID), notes.get(_NODE_NAME))
