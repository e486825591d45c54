"""The tree of a CEL expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the text."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or a type."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`; `test` is `has(operand.field)`, `optional` is `operand.?field`."""

    operand: Node
    field: str
    test: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[key]` or `operand[?key]`."""

    operand: Node
    key: Node
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function, operator or (with a target) method."""

    name: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{a: b}`."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """`a && b && c` or, with `any`, `a || b || c`."""

    any: bool
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Macro:
    """`operand.kind(names, body, result)`; `bind` gives `operand` the name in `body`."""

    kind: str
    operand: Node
    names: tuple[str, ...]
    body: Node
    result: Node | None = None


Node = Literal | Name | Select | Index | Call | ListOf | MapOf | Conditional | Junction | Macro


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node."""
    match node:
        case Select():
            yield node.operand
        case Index():
            yield from (node.operand, node.key)
        case Call():
            if node.target is not None:
                yield node.target
            yield from node.arguments
        case ListOf() | Junction():
            yield from node.items
        case MapOf():
            for entry in node.entries:
                yield from entry
        case Conditional():
            yield from (node.test, node.yes, node.no)
        case Macro():
            yield from (node.operand, node.body)
            if node.result is not None:
                yield node.result
        case _:
            return


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(children(found))
