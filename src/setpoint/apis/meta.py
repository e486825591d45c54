"""What every resource has: TypeMeta, ObjectMeta, owner references, conditions, and the `Resource` base.

Wire names are camelCase and the conversion is here, by msgspec's rename. All types are frozen; an edit is
`.replace(...)`. Unknown fields are refused. Subclasses repeat `frozen=True, kw_only=True` for the type checker, which
does not see them inherited.
Source: Kubernetes API conventions, meta/v1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """Base of every wire type: frozen, camelCase, unknown fields refused, defaults left out on writing."""

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)


class OwnerReference(Wire, frozen=True, kw_only=True):
    """meta/v1 OwnerReference."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Wire, frozen=True, kw_only=True):
    """meta/v1 ObjectMeta, as far as it means something here.

    `resource_version` is opaque to clients: the text of a number that grows with every write of the store.
    `generation` grows with every change of `spec`.
    """

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    managed_fields: tuple[dict[str, Any], ...] = ()
    self_link: str = ""


class Condition(Wire, frozen=True, kw_only=True):
    """meta/v1 Condition; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    severity: str = ""
    last_transition_time: datetime | None = None
    observed_generation: int | None = None


class Resource(Wire, frozen=True, kw_only=True):
    """An object of the Kubernetes API. Subclasses add `spec`, `status` or data and set the class variables."""

    API_VERSION: ClassVar[str] = ""
    KIND: ClassVar[str] = ""
    PLURAL: ClassVar[str] = ""
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ()
    NAMESPACED: ClassVar[bool] = True

    metadata: ObjectMeta
    api_version: str = ""
    kind: str = ""

    @property
    def key(self) -> str:
        """`namespace/name`, the key of work queues and logs."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    def owner_reference(self, *, controller: bool = True) -> OwnerReference:
        """A reference that makes this object the owner of another."""
        return OwnerReference(
            api_version=self.API_VERSION,
            kind=self.KIND,
            name=self.metadata.name,
            uid=self.metadata.uid,
            controller=controller or None,
            block_owner_deletion=True,
        )


def to_wire(value: Any) -> Any:
    """Builtins (dict, list, str, int, float, bool, None) as JSON has them; times in RFC 3339, UTC, `Z`."""
    return msgspec.to_builtins(value)


def render_wire(resource: Resource) -> dict[str, Any]:
    """The resource as an API server would answer it: apiVersion and kind first, always present."""
    body = msgspec.to_builtins(resource)
    head = {"apiVersion": resource.API_VERSION, "kind": resource.KIND}
    return head | {key: value for key, value in body.items() if key not in head}
