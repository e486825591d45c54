"""Compares a tree of nodes with a type and says everything that is wrong, each with path and place.

msgspec stops at the first problem and knows no places, so its description of the types is walked here. What is wrong
is left out of the result, so that one mistake is one message. Nulls of declared fields count as absent, as an API
server drops them. Invariant: no problems means that the plain values returned convert to the type.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import msgspec.inspect as mi

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.manifest._paths import FieldPath, format_path
from setpoint.apis.manifest._yaml import Node
from setpoint.apis.shapes import wire_type

_ABSENT: Any = object()
"""Stands for a value that was wrong, or null where null means absent."""


@lru_cache(maxsize=256)
def type_info(cls: Any) -> mi.Type:
    """Msgspec's description of a type, computed once."""
    return mi.type_info(cls)


def nearest(word: str, allowed: list[str] | tuple[str, ...]) -> str | None:
    """The allowed name that looks most like the word, None if none does."""
    lowered = {item.lower(): item for item in allowed}
    matches = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[matches[0]] if matches else None


@dataclass
class Checker:
    """Collects problems of one document; `check` returns plain values.

    With `tolerant`, unknown fields are left out and kept in `unknown`, and are no problems.
    """

    file: str
    problems: list[InvalidSpec] = field(default_factory=list)
    tolerant: bool = False
    unknown: list[FieldPath] = field(default_factory=list)

    def check(self, node: Node, kind: mi.Type, path: FieldPath) -> Any:
        """Plain values of the node as the type, or the shape that it names, takes them."""
        kind = wire_type(kind)
        match kind:
            case mi.UnionType():
                return self._union(node, kind, path)
            case mi.StructType():
                return self._struct(node, kind, path)
            case mi.DictType():
                return self._dict(node, kind, path)
            case mi.VarTupleType() | mi.ListType() | mi.SetType() | mi.FrozenSetType():
                return self._list(node, kind.item_type, path)
            case mi.AnyType() | mi.RawType():
                return self._any(node, path)
            case _:
                return self._scalar(node, (kind,), path)

    def _fail(
        self, node: Node, path: FieldPath, reason: str, allowed: tuple[str, ...] = (), key: str | None = None
    ) -> Any:
        line, column = node.keys.get(key, (node.line, node.column)) if key is not None else (node.line, node.column)
        location = Location(file=self.file, line=line, column=column)
        self.problems.append(InvalidSpec(reason, path=format_path(path), location=location, allowed=allowed))
        return _ABSENT

    def _union(self, node: Node, kind: mi.UnionType, path: FieldPath) -> Any:
        options = [wire_type(option) for option in kind.types if not isinstance(option, mi.NoneType)]
        if node.value is None:
            return None if len(options) < len(kind.types) else _ABSENT
        for option in options:
            if isinstance(node.value, dict) and isinstance(option, (mi.StructType, mi.DictType)):
                return self.check(node, option, path)
            if isinstance(node.value, list) and isinstance(option, (mi.VarTupleType, mi.ListType)):
                return self.check(node, option, path)
        return self._scalar(node, tuple(options), path) if len(options) > 1 else self.check(node, options[0], path)

    def _struct(self, node: Node, kind: mi.StructType, path: FieldPath) -> Any:
        if not isinstance(node.value, dict):
            return self._fail(node, path, f"expected a map, found {_describe(node)}{_hint(node, path)}")
        fields = {item.encode_name: item for item in kind.fields}
        values: dict[str, Any] = {}
        for name, item in node.value.items():
            if name in fields:
                if item.value is None and not _takes_null(fields[name].type):
                    continue
                value = self.check(item, fields[name].type, (*path, name))
                if value is not _ABSENT:
                    values[name] = value
            elif kind.cls.__struct_config__.forbid_unknown_fields and self.tolerant:
                self.unknown.append((*path, name))
            elif kind.cls.__struct_config__.forbid_unknown_fields:
                self._fail(node, (*path, name), _unknown(name, tuple(fields)), tuple(fields), key=name)
        for name, spec in fields.items():
            if spec.required and (name not in node.value or node.value[name].value is None):
                self._fail(node, (*path, name), f"{name} is required")
        return values

    def _dict(self, node: Node, kind: mi.DictType, path: FieldPath) -> Any:
        if not isinstance(node.value, dict):
            return self._fail(node, path, f"expected a map, found {_describe(node)}")
        values = {key: self.check(item, kind.value_type, (*path, key)) for key, item in node.value.items()}
        return {key: value for key, value in values.items() if value is not _ABSENT}

    def _list(self, node: Node, item_type: mi.Type, path: FieldPath) -> Any:
        if not isinstance(node.value, list):
            return self._fail(node, path, f"expected a list, found {_describe(node)}{_hint(node, path)}")
        values = [self.check(item, item_type, (*path, index)) for index, item in enumerate(node.value)]
        return [value for value in values if value is not _ABSENT]

    def _any(self, node: Node, path: FieldPath) -> Any:
        if isinstance(node.value, dict):
            values = {key: self._any(item, (*path, key)) for key, item in node.value.items()}
            return {key: value for key, value in values.items() if value is not _ABSENT}
        if isinstance(node.value, list):
            return [self._any(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node.value, float) and not math.isfinite(node.value):
            return self._fail(node, path, f"{node.value} has no form in JSON: put it in quotes if text is meant")
        return node.value

    def _scalar(self, node: Node, kinds: tuple[mi.Type, ...], path: FieldPath) -> Any:
        value = node.value
        if isinstance(value, float) and not math.isfinite(value):
            return self._any(node, path)
        if any(_accepts(kind, value) for kind in kinds):
            return value
        names = " or ".join(dict.fromkeys(_name(kind) for kind in kinds))
        allowed = tuple(str(item) for kind in kinds for item in _values(kind))
        hint = _hint(node, path)
        if not hint and isinstance(value, (bool, int, float)) and any(isinstance(kind, mi.StrType) for kind in kinds):
            words = " (YAML takes y, n, yes, no, on and off for true and false)" if isinstance(value, bool) else ""
            hint = f": put it in quotes{words}"
        near = nearest(value, allowed) if isinstance(value, str) and allowed else None
        hint = f", did you mean {near!r}?" if near else hint
        return self._fail(node, path, f"expected {names}, found {_describe(node)}{hint}", allowed)


def _accepts(kind: mi.Type, value: Any) -> bool:
    match kind:
        case mi.StrType() | mi.DateTimeType() | mi.BytesType():
            return isinstance(value, str)
        case mi.BoolType():
            return isinstance(value, bool)
        case mi.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case mi.FloatType():
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case mi.EnumType() | mi.LiteralType():
            return value in _values(kind)
        case mi.NoneType():
            return value is None
        case mi.AnyType():
            return True
        case _:  # a type of its own (decimal, time): left to msgspec's conversion
            return isinstance(value, str) and not isinstance(kind, (mi.StructType, mi.DictType, mi.VarTupleType))


def _values(kind: mi.Type) -> tuple[Any, ...]:
    if isinstance(kind, mi.EnumType):
        return tuple(member.value for member in kind.cls)
    return tuple(kind.values) if isinstance(kind, mi.LiteralType) else ()


def _takes_null(kind: mi.Type) -> bool:
    return isinstance(kind, (mi.AnyType, mi.NoneType)) or (
        isinstance(kind, mi.UnionType) and any(isinstance(item, mi.NoneType) for item in kind.types)
    )


def _name(kind: mi.Type) -> str:
    match kind:
        case mi.StrType():
            return "text"
        case mi.BoolType():
            return "true or false"
        case mi.IntType():
            return "a whole number"
        case mi.FloatType():
            return "a number"
        case mi.DateTimeType():
            return "a time (RFC 3339)"
        case mi.StructType() | mi.DictType():
            return "a map"
        case mi.VarTupleType() | mi.ListType():
            return "a list"
        case mi.EnumType() | mi.LiteralType():
            return "one of the allowed words"
        case _:
            return "another type"


def _describe(node: Node) -> str:
    match node.value:
        case dict():
            return "a map"
        case list():
            return "a list"
        case None:
            return "nothing"
        case bool():
            return "true" if node.value else "false"
        case str():
            shown = node.value if len(node.value) <= 60 else node.value[:57] + "..."
            return f"the text {shown!r}"
        case _:
            return f"the number {node.value}"


def _hint(node: Node, path: FieldPath) -> str:
    """What people most often mean in the places that are most often wrong."""
    if len(path) > 1 and path[-2] == "steps" and isinstance(path[-1], int) and isinstance(node.value, dict):
        return ": each group of steps is itself a list, so begin a step with '- - name:'"
    return ""


def _unknown(name: str, allowed: tuple[str, ...]) -> str:
    near = nearest(name, allowed)
    return f"unknown field {name!r}" + (f", did you mean {near!r}?" if near else "")


def convert(values: Any, cls: Any, file: str) -> Any:
    """Plain values to the type.

    Raises: InvalidSpec with the path for what only the conversion finds (times, patterns, ranges).
    """
    try:
        return msgspec.convert(values, cls)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `")
        path = where.rstrip("`").removeprefix("$").removeprefix(".")
        raise InvalidSpec(reason, path=path, location=Location(file=file)) from None
