"""The tree of an expression. Every node knows where it began; nothing here evaluates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

import msgspec

from setpoint.core.expr._re2 import Regex


class Literal(msgspec.Struct, frozen=True, eq=False):
    """A number, text, boolean or nil."""

    value: Any
    at: int


class Name(msgspec.Struct, frozen=True, eq=False):
    """A variable: of the environment or one declared by `let`."""

    name: str
    at: int


class Pointer(msgspec.Struct, frozen=True, eq=False):
    """`#` in a predicate (name empty), `#index`, or `#acc` in reduce."""

    name: str
    at: int


class Unary(msgspec.Struct, frozen=True, eq=False):
    """`not`, `!`, `-` or `+`."""

    symbol: str
    operand: Node
    at: int


class Binary(msgspec.Struct, frozen=True, eq=False):
    """An operator between two values; `pattern` is what the right side of `matches` compiles to, if it is a literal."""

    symbol: str
    left: Node
    right: Node
    at: int
    pattern: Regex | None = None


class Conditional(msgspec.Struct, frozen=True, eq=False):
    """`a ? b : c` or `if a {b} else {c}`."""

    condition: Node
    yes: Node
    no: Node
    at: int


class Member(msgspec.Struct, frozen=True, eq=False):
    """`target.key` or `target[key]`; optional (`?.`) gives up quietly where the target is nil."""

    target: Node
    key: Node
    optional: bool
    at: int


class Chain(msgspec.Struct, frozen=True, eq=False):
    """Where an optional member that gave up becomes nil."""

    inner: Node
    at: int


class Slice(msgspec.Struct, frozen=True, eq=False):
    """`target[low:high]`."""

    target: Node
    low: Node | None
    high: Node | None
    at: int


class ArrayOf(msgspec.Struct, frozen=True, eq=False):
    """`[a, b]`."""

    items: tuple[Node, ...]
    at: int


class MapOf(msgspec.Struct, frozen=True, eq=False):
    """`{a: 1, (b): 2}`."""

    pairs: tuple[tuple[Node, Node], ...]
    at: int


class Call(msgspec.Struct, frozen=True, eq=False):
    """A built-in function, or one of Argo's or sprig's, by its full name; a predicate is just an argument."""

    name: str
    arguments: tuple[Node, ...]
    at: int


class Method(msgspec.Struct, frozen=True, eq=False):
    """`target.name(arguments)` on a time, a duration or a zone."""

    target: Node
    name: str
    arguments: tuple[Node, ...]
    optional: bool
    at: int


class Predicate(msgspec.Struct, frozen=True, eq=False):
    """What a predicate function runs for each item."""

    body: Node
    at: int


class Let(msgspec.Struct, frozen=True, eq=False):
    """`let name = value; body`."""

    name: str
    value: Node
    body: Node
    at: int


class Sequence(msgspec.Struct, frozen=True, eq=False):
    """`a; b`: the value of the last."""

    parts: tuple[Node, ...]
    at: int


Node = (
    Literal
    | Name
    | Pointer
    | Unary
    | Binary
    | Conditional
    | Member
    | Chain
    | Slice
    | ArrayOf
    | MapOf
    | Call
    | Method
    | Predicate
    | Let
    | Sequence
)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below one, from left to right."""
    match node:
        case Literal() | Name() | Pointer():
            return
        case Unary(operand=inner) | Chain(inner=inner) | Predicate(body=inner):
            yield inner
        case Binary(left=left, right=right):
            yield from (left, right)
        case Conditional(condition, yes, no):
            yield from (condition, yes, no)
        case Member(target=target, key=key):
            yield from (target, key)
        case Slice(target, low, high):
            yield from (part for part in (target, low, high) if part is not None)
        case ArrayOf(items=items) | Call(arguments=items) | Sequence(parts=items):
            yield from items
        case MapOf(pairs):
            for pair in pairs:
                yield from pair
        case Method(target=target, arguments=items):
            yield from (target, *items)
        case Let(value=value, body=body):
            yield from (value, body)
        case _:
            assert_never(node)
