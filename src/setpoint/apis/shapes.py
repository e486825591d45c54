"""Shapes: what the API says of a field whose value the program keeps as plain JSON, or reads more leniently.

An engine that looks at two fields of a probe wants a dict; who asks what a probe is wants every field of it. So the
field is a dict to the program, and its annotation names the type that says what may be in it: the checker of manifests,
admission and the OpenAPI documents go by that. Invariant: what fits the shape fits the field.
Source: msgspec, Meta(extra=...).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import msgspec.inspect as mi

_KEY, _FORMAT = "shape", "format"

IntOrString = int | str
"""A number, or text; a port by its number or its name."""

Quantity = Annotated[int | float | str, msgspec.Meta(extra={_FORMAT: "quantity"})]
"""An amount as Kubernetes writes it: `100m`, `1.5Gi`, `2`."""


def shape(wanted: Any) -> msgspec.Meta:
    """The annotation that gives a field its type for the API: `Annotated[dict[str, Any], ...]` has it second."""
    return msgspec.Meta(extra={_KEY: wanted})


@lru_cache(maxsize=1_024)
def _info(wanted: Any) -> mi.Type:
    return mi.type_info(wanted)


def wire_type(kind: mi.Type) -> mi.Type:
    """The type that the API shows: the shape if there is one, else the type itself."""
    while isinstance(kind, mi.Metadata):
        wanted = (kind.extra or {}).get(_KEY)
        kind = _info(wanted) if wanted is not None else kind.type
    return kind


def is_quantity(kind: mi.Type) -> bool:
    """Whether a type, as msgspec describes it, is a quantity."""
    return isinstance(kind, mi.Metadata) and (kind.extra or {}).get(_FORMAT) == "quantity"


def fits(value: Any, cls: type[msgspec.Struct]) -> bool:
    """Whether JSON that converts to the class also has the shapes that the class names; quick, and says not where."""
    return all(_fits_field(value, name, kind) for name, kind in _shaped_fields(cls))


def _fits_field(value: Any, name: str, kind: mi.Type) -> bool:
    found = value.get(name) if isinstance(value, dict) else None
    return found is None or _fits(found, kind)


def _fits(value: Any, kind: mi.Type) -> bool:
    match kind:
        case mi.Metadata():
            wanted = (kind.extra or {}).get(_KEY)
            return _converts(value, wanted) if wanted is not None else _fits(value, kind.type)
        case mi.StructType():
            return fits(value, kind.cls)
        case mi.UnionType():
            return all(_fits(value, item) for item in _shaped_options(kind))
        case mi.VarTupleType() | mi.ListType():
            return not isinstance(value, list) or all(_fits(item, kind.item_type) for item in value)
        case mi.DictType():
            return not isinstance(value, dict) or all(_fits(item, kind.value_type) for item in value.values())
        case _:
            return True


def prepare(classes: Iterable[type[msgspec.Struct]]) -> None:
    """Work out how classes and their shapes are read, while there is one thread.

    msgspec does so at first use, and crashes if two threads do it at once.
    """
    for cls in classes:
        msgspec.json.Decoder(cls)
        for wanted in _shapes_below(_info(cls), set()):
            msgspec.json.Decoder(wanted)


def _shapes_below(kind: mi.Type, seen: set[type]) -> Iterator[Any]:
    match kind:
        case mi.Metadata():
            wanted = (kind.extra or {}).get(_KEY)
            yield from [wanted] if wanted is not None else _shapes_below(kind.type, seen)
        case mi.StructType() if kind.cls not in seen:
            seen.add(kind.cls)
            for field in kind.fields:
                yield from _shapes_below(field.type, seen)
        case mi.UnionType():
            for item in kind.types:
                yield from _shapes_below(item, seen)
        case mi.VarTupleType() | mi.ListType():
            yield from _shapes_below(kind.item_type, seen)
        case mi.DictType():
            yield from _shapes_below(kind.value_type, seen)


def _converts(value: Any, wanted: Any) -> bool:
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        return False
    return True


@lru_cache(maxsize=1_024)
def _shaped_fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, mi.Type], ...]:
    """Fields of a class below which there is a shape: their names on the wire, and their types."""
    info = _info(cls)
    assert isinstance(info, mi.StructType)  # noqa: S101  only structs are asked for
    return tuple((field.encode_name, field.type) for field in info.fields if _is_shaped(field.type))


_OPTIONS: dict[int, tuple[mi.UnionType, tuple[mi.Type, ...]]] = {}
"""By identity, since msgspec's descriptions cannot be hashed; the description is kept, so that its number stays its."""


def _shaped_options(kind: mi.UnionType) -> tuple[mi.Type, ...]:
    """The options of a union below which there is a shape."""
    found = _OPTIONS.get(id(kind))
    if found is None:
        found = _OPTIONS[id(kind)] = (kind, tuple(item for item in kind.types if _is_shaped(item)))
    return found[1]


def _is_shaped(kind: mi.Type) -> bool:
    return next(_shapes_below(kind, set()), None) is not None
