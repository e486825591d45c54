"""Parameters: named text values that flow between templates. Source: argoproj.io/v1alpha1 Parameter, ValueFrom."""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.argo.scalars import AnyString, normalize_text, scalar_text
from setpoint.apis.meta import Wire


class ConfigMapKeySelector(Wire, frozen=True, kw_only=True):
    """v1 ConfigMapKeySelector; name and key may hold template tags."""

    key: str
    name: str = ""
    optional: bool | None = None


class SecretKeySelector(Wire, frozen=True, kw_only=True):
    """v1 SecretKeySelector."""

    key: str
    name: str = ""
    optional: bool | None = None


class ValueFrom(Wire, frozen=True, kw_only=True):
    """Where a parameter's value comes from; one source and at will a `default`."""

    config_map_key_ref: ConfigMapKeySelector | None = None
    default: AnyString | None = None
    event: str = ""
    expression: str = ""
    jq_filter: str = ""
    json_path: str = ""
    parameter: str = ""
    path: str = ""
    supplied: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Scalars to text."""
        normalize_text(self, "default")


class Parameter(Wire, frozen=True, kw_only=True):
    """A named value; always text. `None` means absent, which differs from empty text.

    The fields stand in Argo's order, which is seen where parameters are put into text as JSON.
    """

    name: str
    default: AnyString | None = None
    value: AnyString | None = None
    value_from: ValueFrom | None = None
    global_name: str = ""
    enum: tuple[AnyString, ...] | None = None
    description: AnyString | None = None

    def __post_init__(self) -> None:
        """Scalars to text."""
        normalize_text(self, "value", "default", "description")
        if self.enum is not None and not all(isinstance(item, str) for item in self.enum):
            msgspec.structs.force_setattr(self, "enum", tuple(scalar_text(item) for item in self.enum))

    @property
    def has_value(self) -> bool:
        """Whether a value is given, as text or by a source."""
        return self.value is not None or self.value_from is not None
