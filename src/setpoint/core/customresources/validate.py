"""Whether a value is what a structural schema says; every problem in the words of an API server.

Invariants: no schema or value makes a check run away: recursion is as deep as the schema, patterns are RE2's and have a
common budget. Problems are in the order of the schema's fields. The value is not changed.
Source: kube-openapi, pkg/validation/validate; apiextensions-apiserver, apiserver/validation and schema/listtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from setpoint.apis.errors import Problem
from setpoint.core.customresources.formats import BOUNDS, has_format
from setpoint.core.customresources.problems import (
    child,
    duplicate,
    element,
    invalid,
    key,
    required,
    too_long,
    too_many,
    type_name,
    unsupported,
    wrong_type,
)
from setpoint.core.expr import ExpressionError, compile_regex

Schema = Mapping[str, Any]

MOST_PROBLEMS = 100
"""After so many, the rest of an object is not looked at."""

PATTERN_WORK = 16_000_000
"""Steps that the patterns of one object may take at most, all together; some seconds."""

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(slots=True)
class _Budget:
    """What is left for the patterns of one object; shared by all branches of its check."""

    work: int = PATTERN_WORK


@dataclass(slots=True)
class _Check:
    """One pass over a value; `problems` grows."""

    budget: _Budget = field(default_factory=_Budget)
    problems: list[Problem] = field(default_factory=list)

    def value(self, value: Any, schema: Schema, path: str) -> None:
        """The value against one schema."""
        if len(self.problems) >= MOST_PROBLEMS or not self._typed(value, schema, path):
            return
        if value is not None:
            self._junctors(value, schema, path)
            match value:
                case bool():
                    pass
                case str():
                    self._text(value, schema, path)
                case int() | float():
                    self._number(value, schema, path)
                case list():
                    self._list(value, schema, path)
                case dict():
                    self._map(value, schema, path)
        allowed = schema.get("enum")
        if allowed and not _is_one_of(value, allowed):
            self.problems.append(unsupported(path, value, allowed))

    def _typed(self, value: Any, schema: Schema, path: str) -> bool:
        wanted = schema.get("type")
        if value is None and schema.get("nullable"):
            return True
        if schema.get("x-kubernetes-int-or-string"):
            wanted = "integer,string"
            right = is_integer(value) or isinstance(value, str)
        else:
            right = not wanted or _TYPES.get(wanted, _anything)(value)
        if not right:
            self.problems.append(wrong_type(path, type_name(value), str(wanted)))
        return right

    def _branch(self, value: Any, schema: Schema, path: str) -> list[Problem]:
        inner = _Check(self.budget)
        inner.value(value, schema, path)
        return inner.problems

    def _junctors(self, value: Any, schema: Schema, path: str) -> None:
        if every := schema.get("allOf"):
            found = [self._branch(value, item, path) for item in every]
            failed = [problem for branch in found for problem in branch]
            if failed:
                none = ". None validated" if all(found) else ""
                self._compose(path, f"must validate all the schemas (allOf){none}", failed)
        if some := schema.get("anyOf"):
            found = [self._branch(value, item, path) for item in some]
            if all(found):
                self._compose(path, "must validate at least one schema (anyOf)", min(found, key=len))
        if one := schema.get("oneOf"):
            found = [self._branch(value, item, path) for item in one]
            count = sum(not branch for branch in found)
            text = "must validate one and only one schema (oneOf). Found "
            if count == 0:
                self._compose(path, f"{text}none valid", min(found, key=len))
            elif count > 1:
                self._compose(path, f"{text}{count} valid alternatives", [])
        inner = schema.get("not")
        if inner is not None and not self._branch(value, inner, path):
            self._compose(path, "must not validate the schema (not)", [])

    def _compose(self, path: str, detail: str, causes: list[Problem]) -> None:
        self.problems.append(invalid(path, "", f'"{path}" {detail}'))
        self.problems.extend(causes)

    def _text(self, value: str, schema: Schema, path: str) -> None:
        most, least = schema.get("maxLength"), schema.get("minLength")
        if most is not None and len(value) > most:
            self.problems.append(too_long(path, most))
        if least is not None and len(value) < least:
            self.problems.append(invalid(path, value, f"{path} in body should be at least {least} chars long"))
        if pattern := schema.get("pattern"):
            self._pattern(value, pattern, path)
        name = schema.get("format")
        if name and not has_format(value, name):
            self.problems.append(invalid(path, value, f'{path} in body must be of type {name}: "{value[:200]}"'))

    def _pattern(self, value: str, pattern: str, path: str) -> None:
        try:
            regex = compile_regex(pattern)
            self.budget.work -= regex.work(value)
            if self.budget.work < 0:
                detail = "the patterns of this object cost too much to check: make it smaller"
                self.problems.append(Problem(path, detail))
                return
            right = regex.matches(value)
        except ExpressionError as error:
            self.problems.append(invalid(path, value, f"the pattern {pattern!r} cannot be checked: {error.reason}"))
            return
        if not right:
            self.problems.append(invalid(path, value, f"{path} in body should match '{pattern}'"))

    def _number(self, value: int | float, schema: Schema, path: str) -> None:
        for word, exclusive, text, beyond in _LIMITS:
            limit = schema.get(word)
            strict = bool(schema.get(exclusive))
            if limit is not None and (beyond(value, limit) or (strict and value == limit)):
                equal = "" if strict else " or equal to"
                self.problems.append(invalid(path, value, f"{path} in body should be {text} than{equal} {limit}"))
        factor = schema.get("multipleOf")
        if factor is not None and factor > 0 and not _is_multiple(value, factor):
            self.problems.append(invalid(path, value, f"{path} in body should be a multiple of {factor}"))
        bounds = BOUNDS.get(schema.get("format", ""))
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            kind, name = schema.get("type", "integer"), schema["format"]
            self.problems.append(invalid(path, value, f"Checked value must be of type {kind} with format {name}"))

    def _list(self, value: list[Any], schema: Schema, path: str) -> None:
        most, least = schema.get("maxItems"), schema.get("minItems")
        if most is not None and len(value) > most:
            self.problems.append(too_many(path, len(value), most))
        if least is not None and len(value) < least:
            self.problems.append(invalid(path, len(value), f"{path} in body should have at least {least} items"))
        if schema.get("uniqueItems") and repeated(value):
            self.problems.append(invalid(path, "", f"{path} in body shouldn't contain duplicates"))
        kind = schema.get("x-kubernetes-list-type")
        if kind == "set":
            self.problems.extend(duplicate(element(path, index), value[index]) for index in repeated(value))
        elif kind == "map":
            self._map_list(value, schema.get("x-kubernetes-list-map-keys", ()), path)
        items = schema.get("items")
        if isinstance(items, Mapping):
            for index, inner in enumerate(value):
                self.value(inner, items, element(path, index))

    def _map_list(self, value: list[Any], names: Sequence[str], path: str) -> None:
        keys: list[dict[str, Any]] = []
        for index, entry in enumerate(value):
            if entry is not None and not isinstance(entry, dict):
                detail = "must be an object for an array of list-type map"
                self.problems.append(invalid(element(path, index), entry, detail))
                return
            keys.append({name: entry[name] for name in names if name in entry} if entry else {})
        self.problems.extend(duplicate(element(path, index), keys[index]) for index in repeated(keys))

    def _map(self, value: dict[str, Any], schema: Schema, path: str) -> None:
        most, least = schema.get("maxProperties"), schema.get("minProperties")
        if most is not None and len(value) > most:
            self.problems.append(too_many(path, len(value), most))
        if least is not None and len(value) < least:
            detail = f"{path} in body should have at least {least} properties"
            self.problems.append(invalid(path, len(value), detail))
        for name in schema.get("required", ()):
            if name not in value:
                self.problems.append(required(child(path, name)))
        properties = schema.get("properties", {})
        for name, inner in properties.items():
            if name in value:
                self.value(value[name], inner, child(path, name))
        additional = schema.get("additionalProperties")
        if additional is None or additional is True:
            return
        for name, item in value.items():
            if name in properties:
                continue
            if additional is False:
                self.problems.append(invalid(path, "", f"{child(path, name)} in body is a forbidden property"))
            else:
                self.value(item, additional, key(path, name))


def validate(value: Any, schema: Schema, path: str = "") -> tuple[Problem, ...]:
    """What is wrong with a value, empty if it is as the schema says; at most about `MOST_PROBLEMS`.

    Args:
        value: A value of JSON, nested as deep as `core.admission.check_shape` allows.
        schema: A structural schema that `check_crd` accepts.
        path: The path of the value in the object.
    """
    check = _Check()
    check.value(value, schema, path)
    return tuple(check.problems)


def equal_json(left: Any, right: Any) -> bool:
    """Whether two values of JSON are the same; numbers by value, and true is no number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal_json(item, right[name]) for name, item in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal_json(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)


def _is_one_of(value: Any, allowed: Sequence[Any]) -> bool:
    if value not in allowed:  # by far the fastest question, and only true and 1.0 are in doubt after it
        return False
    return isinstance(value, str) or any(equal_json(value, other) for other in allowed)


def repeated(values: Sequence[Any]) -> list[int]:
    """Where a value stands a second time, once for each that is repeated."""
    seen: dict[bytes, int] = {}
    places: list[int] = []
    for index, value in enumerate(values):
        text = _encode(value)
        seen[text] = seen.get(text, 0) + 1
        if seen[text] == 2:
            places.append(index)
    return places


def is_integer(value: Any) -> bool:
    """Whether a value is a whole number, however it is written; 1.0 is."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _anything(_value: Any) -> bool:
    return True


def _is_multiple(value: int | float, factor: int | float) -> bool:
    if isinstance(value, int) and isinstance(factor, int):
        return value % factor == 0
    try:
        quotient = value / factor
    except OverflowError:
        return True
    return quotient.is_integer()


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}

_LIMITS: tuple[tuple[str, str, str, Callable[[Any, Any], bool]], ...] = (
    ("maximum", "exclusiveMaximum", "less", lambda value, limit: value > limit),
    ("minimum", "exclusiveMinimum", "greater", lambda value, limit: value < limit),
)
