"""How an object names others: by label selector, by name, by group and kind. Source: Kubernetes API conventions."""

from __future__ import annotations

from setpoint.apis.meta import Wire


class LabelSelectorRequirement(Wire, frozen=True, kw_only=True):
    """One condition; `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Wire, frozen=True, kw_only=True):
    """Objects whose labels satisfy everything that is said here; an empty one selects all."""

    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
    match_labels: dict[str, str] = {}


class LocalObjectReference(Wire, frozen=True, kw_only=True):
    """An object of the same namespace, its kind being clear from the place."""

    name: str = ""


class TypedLocalObjectReference(Wire, frozen=True, kw_only=True):
    """An object of the same namespace, of any kind."""

    kind: str
    name: str
    api_group: str | None = None


class TypedObjectReference(Wire, frozen=True, kw_only=True):
    """An object of any kind, perhaps in another namespace."""

    kind: str
    name: str
    api_group: str | None = None
    namespace: str = ""
