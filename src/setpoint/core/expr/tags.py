"""Template tags `{{name}}` and `{{=expression}}`: finding them in text and filling them in.

Works on a JSON-like tree (maps, lists, text): tags in map keys and values alike are replaced, other values are left
alone. Inserted text is never looked at again in the same pass, so a value that holds `{{` cannot inject a tag.
Invariant: a tree without tags is returned as it was given.

A tag ends at the first `}}`, inside an expression's strings and maps too, because a cluster ends it there; messages
say so where that breaks an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from setpoint.core.expr._errors import MAX_DEPTH, ExpressionError
from setpoint.core.expr._gotext import render_result
from setpoint.core.expr.exprlang import evaluate, referenced_names
from setpoint.core.expr.places import WHOLE, Places
from setpoint.core.expr.scope import Scope

_DELAYED = frozenset(
    {
        "retries",
        "lastRetry.exitCode",
        "lastRetry.status",
        "lastRetry.duration",
        "lastRetry.message",
        "workflow.status",
        "workflow.failures",
    }
)
"""Names that get their value late: while they have none, an expression that uses them waits for a later pass."""

_CACHED_TEXT = 1 << 14


class Mode(Enum):
    """What becomes of a tag that has no value in this pass."""

    LENIENT = "lenient"
    """It stays as it is, for a later pass."""
    STRICT = "strict"
    """It is an error, unless the caller allows this name to stay."""


class Tag(msgspec.Struct, frozen=True):
    """One tag in a text.

    Args:
        start: Index of its first brace.
        end: Index behind its last brace.
        body: What stands between the braces, without the `=` of an expression.
        expression: Whether it is an expression tag.
        prefix: Text of an outer tag that this one stands in: `inputs.parameters.` in
            `{{inputs.parameters.{{item}}}}`; empty for most tags.
    """

    start: int
    end: int
    body: str
    expression: bool = False
    prefix: str = ""

    @property
    def name(self) -> str:
        """The name a simple tag looks up."""
        return self.body.strip()


def find_tags(text: str) -> tuple[Tag, ...]:
    """The tags of a text from left to right; of tags in tags the innermost one. An unclosed tag is plain text."""
    if "{{" not in text:
        return ()
    return _cached_tags(text) if len(text) <= _CACHED_TEXT else _scan(text)


def _scan(text: str) -> tuple[Tag, ...]:
    tags: list[Tag] = []
    start = text.find("{{")
    while start >= 0:
        close = text.find("}}", start + 2)
        if close < 0:
            break
        body = text[start + 2 : close]
        if body.startswith("="):
            tags.append(Tag(start, close + 2, body[1:], expression=True))
        else:
            inner = body.rfind("{{")
            nested = inner > 0
            tags.append(
                Tag(start, close + 2, body[inner + 2 :] if nested else body, prefix=body[:inner] if nested else "")
            )
        start = text.find("{{", close + 2)
    return tuple(tags)


_cached_tags = lru_cache(maxsize=8192)(_scan)


def substitute(
    value: Any,
    scope: Scope,
    mode: Mode = Mode.LENIENT,
    *,
    allowed: Callable[[str], bool] = lambda name: False,
    places: Places | None = None,
) -> Any:
    """The value with its tags filled in.

    Args:
        value: Text, or a tree of maps and lists that holds text.
        scope: The names known in this pass.
        mode: Whether a tag without value stays or is an error.
        allowed: For STRICT: tells of a name without value whether its tag may stay all the same.
        places: Where in the tree tags can stand (`places_of`), if that is known; the rest is not looked at.

    Returns:
        The same object where nothing was replaced, else a new tree.

    Raises:
        ExpressionError: `failed to resolve {{x}}` (STRICT), `unable to substitute {{x}}` for an absent output, or
            `failed to evaluate expression: ...` (STRICT).
    """
    pass_ = _Substitution(scope, mode is Mode.STRICT, allowed)
    return pass_.tree(value, 0) if places is None else pass_.below(value, places)


_MAPS = (dict, Mapping)  # the plain one first: to ask for a Mapping is slow


class _Substitution:
    """One pass over one tree."""

    def __init__(self, scope: Scope, strict: bool, allowed: Callable[[str], bool]) -> None:
        self.scope = scope
        self.strict = strict
        self.allowed = allowed

    def tree(self, value: Any, depth: int) -> Any:
        """The value filled in. Most of a tree holds no tag: a map or list is copied at its first change only."""
        if isinstance(value, str):
            return self.text(value) if "{{" in value else value
        if depth > MAX_DEPTH:
            raise ExpressionError(f"the object is nested deeper than {MAX_DEPTH}")
        if isinstance(value, _MAPS):
            return self._map(value, depth + 1)
        if isinstance(value, list | tuple):
            return self._list(value, depth + 1)
        return value

    def _map(self, value: Mapping[Any, Any], depth: int) -> Any:
        filled: dict[Any, Any] | None = None
        for number, (key, item) in enumerate(value.items()):
            new_key = key if isinstance(key, str) and "{{" not in key else self.tree(key, depth)
            new = item if isinstance(item, str) and "{{" not in item else self.tree(item, depth)
            if filled is None and (new_key is not key or new is not item):
                filled = dict(islice(value.items(), number))
            if filled is not None:
                filled[new_key] = new
        return value if filled is None else filled

    def _list(self, value: list[Any] | tuple[Any, ...], depth: int) -> Any:
        filled: list[Any] | None = None
        for number, item in enumerate(value):
            new = item if isinstance(item, str) and "{{" not in item else self.tree(item, depth)
            if filled is None and new is not item:
                filled = list(value[:number])
            if filled is not None:
                filled.append(new)
        return value if filled is None else type(value)(filled)

    def below(self, value: Any, places: Places) -> Any:
        """The same where the places of tags are known; a place that the value does not have has none."""
        filled: Any = None
        for key, place in places.items():
            if key not in value if isinstance(value, _MAPS) else key >= len(value):
                continue
            item = value[key]
            new = self.tree(item, 0) if place is WHOLE else self.below(item, place)
            if new is not item:
                if filled is None:
                    filled = dict(value) if isinstance(value, _MAPS) else list(value)
                filled[key] = new
        if filled is None:
            return value
        return tuple(filled) if isinstance(value, tuple) else filled

    def text(self, text: str) -> str:
        tags = find_tags(text)
        if not tags:
            return text
        parts: list[str] = []
        at = 0
        for tag in tags:
            parts += (text[at : tag.start], self.replacement(tag, text[tag.start : tag.end]))
            at = tag.end
        result = "".join((*parts, text[at:]))
        return text if result == text else result  # the same object where all tags stayed

    def replacement(self, tag: Tag, source: str) -> str:
        return self.expression(tag, source) if tag.expression else self.simple(tag, source)

    def simple(self, tag: Tag, source: str) -> str:
        name = tag.name
        if name in self.scope.absent:
            raise ExpressionError(
                f"unable to substitute {{{{{name}}}}}: its producer was skipped or omitted, so it has no value; "
                f"use an expression with a default, {{{{={name} ?? '...'}}}}, or give the output a default"
            )
        found = self.scope.values.get(name)
        if found is None:
            if self.strict and not self.allowed(name):
                raise ExpressionError(f"failed to resolve {source if tag.prefix else f'{{{{{tag.body}}}}}'}")
            return source
        if not isinstance(found, str):
            raise ExpressionError(f"failed to resolve {{{{{tag.body}}}}} to string")
        # The braces of the outer tag stay: it is looked up in the next pass, as a cluster does.
        return f"{{{{{tag.prefix}{found}" if tag.prefix else found

    def expression(self, tag: Tag, source: str) -> str:
        try:
            if not self.strict and self.delayed(tag.body):
                return source
            return render_result(evaluate(tag.body, self.scope.environment, ambient=self.scope.ambient))
        except ExpressionError as error:
            if not self.strict or self.may_stay(tag.body):
                return source
            raise ExpressionError(
                f"failed to evaluate expression {source}: {error.reason}{_early_end(tag.body)}",
                text=error.text,
                position=error.position,
            ) from error

    def delayed(self, body: str) -> bool:
        """Whether the expression uses a name whose value comes later, so that it must not be taken for nil now."""
        if "etr" not in body and "workflow" not in body:
            return False
        return any(name in _DELAYED and name not in self.scope.values for name in referenced_names(body))

    def may_stay(self, body: str) -> bool:
        try:
            names = referenced_names(body)
        except ExpressionError:
            return False
        return any(name not in self.scope.values and self.allowed(name) for name in names)


def _early_end(body: str) -> str:
    """A hint where the tag most likely ended too early, at a `}}` of the expression itself."""
    if body.count("{") > body.count("}"):
        return "; the tag ends at the first `}}`: write closing braces apart, `} }`"
    return ""


def _texts(value: Any, depth: int = 0) -> list[str]:
    if isinstance(value, str):
        return [value] if "{{" in value else []
    if depth > MAX_DEPTH:
        raise ExpressionError(f"the object is nested deeper than {MAX_DEPTH}")
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item, depth + 1)]
    return []


def tags_of(value: Any) -> tuple[Tag, ...]:
    """All tags of a tree, in the order they are met (map keys before map values)."""
    return tuple(tag for text in _texts(value) for tag in find_tags(text))


def unresolved_names(value: Any) -> set[str]:
    """The names that simple tags of a text or tree use."""
    return {tag.name for tag in tags_of(value) if not tag.expression}
