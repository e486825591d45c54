"""How objects of a kind are made up, as far as merging and ownership go by it: an OpenAPI v3 schema, walked.

What a schema does not tell is deduced: maps merge key by key, lists are replaced as a whole. The metadata of an object
has one structure whatever its kind's schema says. Pure; made lazily, and each part once.
Source: Kubernetes documentation, "Merge strategy"; the x-kubernetes-* extensions of OpenAPI schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_REF = "#/components/schemas/"
_SCALARS = frozenset({"string", "number", "integer", "boolean"})

_METADATA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        "finalizers": {
            "type": "array",
            "items": {"type": "string"},
            "x-kubernetes-list-type": "set",
            "x-kubernetes-patch-strategy": "merge",
        },
        "ownerReferences": {
            "type": "array",
            "items": {"type": "object", "x-kubernetes-map-type": "atomic"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["uid"],
            "x-kubernetes-patch-strategy": "merge",
            "x-kubernetes-patch-merge-key": "uid",
        },
        "managedFields": {"type": "array", "x-kubernetes-list-type": "atomic"},
    },
}


class Structure:
    """One place in the objects of a kind.

    Attributes:
        list_type: How a list here merges: `atomic`, `set` or `map`.
        map_keys: What tells the items of a `map` list apart.
        map_type: How a map here merges: `granular`, key by key, or `atomic`.
        atomic: Whether a map here is replaced as a whole.
        is_scalar: Whether text, a number or a boolean is here; one that may be either of two is, too.
        is_int_or_string: Whether a number or text is here.
        preserves_unknown: Whether fields that are not declared are kept.
        patch_key: The merge key of a strategic merge patch, "" for none.
        patch_strategies: `merge`, `replace`, `retainKeys`.
    """

    __slots__ = (
        "_components",
        "_fields",
        "_items",
        "_schema",
        "_values",
        "atomic",
        "is_int_or_string",
        "is_scalar",
        "list_type",
        "map_keys",
        "map_type",
        "patch_key",
        "patch_strategies",
        "preserves_unknown",
    )

    def __init__(self, schema: Mapping[str, Any], components: Mapping[str, Any]) -> None:
        """Use `of` for a whole kind."""
        self._schema, self._components = _resolved(schema, components), components
        self._fields: dict[str, Structure] = {}
        self._items: Structure | None = None
        self._values: Structure | None = None
        own = {**self._schema, **schema}
        self.list_type: str = own.get("x-kubernetes-list-type", "atomic")
        self.map_keys: tuple[str, ...] = tuple(own.get("x-kubernetes-list-map-keys", ()))
        self.map_type: str = own.get("x-kubernetes-map-type", "granular")
        self.atomic: bool = self.map_type == "atomic"
        self.is_int_or_string: bool = (
            own.get("x-kubernetes-int-or-string") is True or own.get("format") == "int-or-string"
        )
        self.is_scalar: bool = self.is_int_or_string or own.get("type") in _SCALARS
        self.preserves_unknown: bool = own.get("x-kubernetes-preserve-unknown-fields") is True
        self.patch_key: str = own.get("x-kubernetes-patch-merge-key", "")
        self.patch_strategies = frozenset(filter(None, own.get("x-kubernetes-patch-strategy", "").split(",")))
        if own.get("x-kubernetes-embedded-resource") is True:
            self._fields["metadata"] = Structure(_METADATA, {})

    @classmethod
    def of(cls, schema: Mapping[str, Any] | None, components: Mapping[str, Any] | None = None) -> Structure:
        """The structure of a kind.

        Args:
            schema: Of the whole object; None where nothing is known of it.
            components: What its `$ref`s name.
        """
        whole = cls(schema or {}, components or {})
        whole._fields["metadata"] = cls(_METADATA, {})
        return whole

    def field(self, name: str) -> Structure:
        """What is at a field, or at a key of a map."""
        found = self._fields.get(name)
        if found is None:
            properties = self._schema.get("properties")
            schema = properties.get(name) if properties else None
            if schema is None:
                return self.values()
            found = self._fields[name] = Structure(schema, self._components)
        return found

    def declares(self, name: str) -> bool:
        """Whether the field is one of a fixed set, and no key of a map."""
        return name in self._fields or name in self._schema.get("properties", ())

    def items(self) -> Structure:
        """What is in a list."""
        if self._items is None:
            self._items = Structure(self._schema.get("items") or {}, self._components)
        return self._items

    def default_of(self, key: str) -> Any:
        """The value of a key field where an item does not say it; None if there is none."""
        properties = self.items()._schema.get("properties") or {}
        return _resolved(properties.get(key) or {}, self._components).get("default")

    def values(self) -> Structure:
        """What is at any key of a map that is no declared field."""
        if self._values is None:
            values = self._schema.get("additionalProperties")
            self._values = Structure(values, self._components) if isinstance(values, Mapping) else UNKNOWN
        return self._values


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    """Past `$ref`, and past an `allOf` of one as OpenAPI v3 writes a reference with a default."""
    for _ in range(8):
        parts = schema.get("allOf")
        if isinstance(parts, list) and len(parts) == 1:
            schema = {**parts[0], **{key: value for key, value in schema.items() if key != "allOf"}}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        found = components.get(reference.removeprefix(_REF), {})
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


UNKNOWN: Final = Structure({}, {})
"""Of what nothing is known."""
