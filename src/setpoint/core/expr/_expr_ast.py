"""The tree of an expression. Every node knows where it began; nothing here evaluates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_never

from setpoint.core.expr._re2 import Regex


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A number, text, boolean or nil."""

    value: Any
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A variable: of the environment or one declared by `let`."""

    name: str
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Pointer:
    """`#` in a predicate (name empty), `#index`, or `#acc` in reduce."""

    name: str
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Unary:
    """`not`, `!`, `-` or `+`."""

    symbol: str
    operand: Node
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    """An operator between two values; `pattern` is what the right side of `matches` compiles to, if it is a literal."""

    symbol: str
    left: Node
    right: Node
    at: int
    pattern: Regex | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """`a ? b : c` or `if a {b} else {c}`."""

    condition: Node
    yes: Node
    no: Node
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """`target.key` or `target[key]`; optional (`?.`) gives up quietly where the target is nil."""

    target: Node
    key: Node
    optional: bool
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Where an optional member that gave up becomes nil."""

    inner: Node
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """`target[low:high]`."""

    target: Node
    low: Node | None
    high: Node | None
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class ArrayOf:
    """`[a, b]`."""

    items: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class MapOf:
    """`{a: 1, (b): 2}`."""

    pairs: tuple[tuple[Node, Node], ...]
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A built-in function, or one of Argo's or sprig's, by its full name; a predicate is just an argument."""

    name: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """`target.name(arguments)` on a time, a duration or a zone."""

    target: Node
    name: str
    arguments: tuple[Node, ...]
    optional: bool
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Predicate:
    """What a predicate function runs for each item."""

    body: Node
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Let:
    """`let name = value; body`."""

    name: str
    value: Node
    body: Node
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
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
