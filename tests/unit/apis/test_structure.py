"""Schemas as structures: references, what is not told, and the metadata of every object."""

from __future__ import annotations

import pytest

from setpoint.apis.structure import UNKNOWN, Structure

COMPONENTS = {
    "Container": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "port": {"x-kubernetes-int-or-string": True},
            "child": {"$ref": "#/components/schemas/Container"},
            "tuned": {"allOf": [{"$ref": "#/components/schemas/Tuning"}], "default": {}},
        },
    },
    "Tuning": {"type": "object", "x-kubernetes-map-type": "atomic"},
    "Loop": {"$ref": "#/components/schemas/Loop"},
}
WHOLE = Structure.of(
    {
        "type": "object",
        "properties": {
            "containers": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Container"},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name", "kind"],
                "x-kubernetes-patch-strategy": "merge,retainKeys",
                "x-kubernetes-patch-merge-key": "name",
            },
            "values": {"type": "object", "additionalProperties": {"type": "array", "x-kubernetes-list-type": "set"}},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "embedded": {"type": "object", "x-kubernetes-embedded-resource": True},
            "metadata": {"type": "object", "properties": {"finalizers": {"type": "array"}}},
            "loop": {"$ref": "#/components/schemas/Loop"},
        },
    },
    COMPONENTS,
)


def test_a_list_tells_how_it_merges() -> None:
    containers = WHOLE.field("containers")
    assert (containers.list_type, containers.map_keys) == ("map", ("name", "kind"))
    assert (containers.patch_key, set(containers.patch_strategies)) == ("name", {"merge", "retainKeys"})


def test_references_are_followed_and_each_part_is_made_once() -> None:
    container = WHOLE.field("containers").items()
    deep = container.field("child").field("child")
    assert deep.field("name").is_scalar
    assert container.field("child") is container.field("child")
    assert deep.field("port").is_int_or_string
    assert deep.field("port").is_scalar
    assert not container.is_scalar
    assert (container.field("tuned").map_type, container.field("tuned").atomic) == ("atomic", True)


def test_what_no_schema_tells_is_deduced() -> None:
    for place in (Structure.of(None), WHOLE.field("open"), WHOLE.field("nowhere"), WHOLE.field("loop"), UNKNOWN):
        below = place.field("a").field("b")
        assert (below.list_type, below.map_type, below.is_scalar) == ("atomic", "granular", False)
        assert below.items().field("c").patch_strategies == frozenset()


def test_a_map_has_values_and_declares_no_keys() -> None:
    values = WHOLE.field("values")
    assert values.field("any").list_type == values.values().list_type == "set"
    assert not values.declares("any")
    assert WHOLE.declares("values")
    assert WHOLE.field("open").preserves_unknown
    assert not values.preserves_unknown


def test_keys_of_items_have_defaults() -> None:
    ports = Structure({"items": {"properties": {"protocol": {"default": "TCP"}, "port": {}}}}, {})
    assert [ports.default_of(key) for key in ("protocol", "port", "name")] == ["TCP", None, None]


@pytest.mark.parametrize("whole", [WHOLE, Structure.of(None), WHOLE.field("embedded")])
def test_metadata_have_one_structure_whatever_the_schema_says(whole: Structure) -> None:
    metadata = whole.field("metadata")
    assert whole.declares("metadata")
    finalizers = metadata.field("finalizers")
    assert (finalizers.list_type, set(finalizers.patch_strategies)) == ("set", {"merge"})
    owners = metadata.field("ownerReferences")
    assert (owners.list_type, owners.map_keys, owners.patch_key) == ("map", ("uid",), "uid")
    assert owners.items().atomic
    assert not metadata.field("labels").atomic
    assert metadata.field("annotations").values().is_scalar
