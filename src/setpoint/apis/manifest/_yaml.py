"""YAML text to a tree of nodes that remember their line and column.

The tree is built from the parser's events with a stack, not by the library's composer, because the latter recurses:
a few hundred kilobytes of `[` would end the process. Invariants: nesting is at most `MAX_DEPTH`; a document in which
aliases multiply its size beyond `MAX_EXPANSION` is refused; every error carries a line where one is known.
Duplicate keys: the last wins, as in Argo, and who asks is told of them. Merge keys (`<<`) are resolved, explicit keys
win over merged ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.manifest._scalars import Scalar, key_text, resolve_plain, resolve_tagged

MAX_DEPTH = 200
MAX_EXPANSION = 1_000_000
"""Nodes that a document may have after its aliases are followed, if it uses any; long text counts for several."""

_NODE_CHARACTERS = 64
"""Characters of text that count as one more node, so that an alias of long text cannot be multiplied for nothing."""

Duplicate = tuple[str, int]
"""A key that stood in a map already, and its line."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Node:
    """A value with its place. `value` is a scalar, a list of nodes, or a map of text to nodes.

    `key_line` and `key_column` say where the key that leads here stands, when it is the value of a key; all count
    from 1 and are None for JSON that is no YAML.
    """

    value: Scalar | list[Node] | dict[str, Node]
    line: int | None
    column: int | None
    keys: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)

    def builtins(self) -> Any:
        """The value without places, as JSON has it."""
        if isinstance(self.value, dict):
            return {key: item.builtins() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.builtins() for item in self.value]
        return self.value


def parse(text: str, file: str, duplicates: list[Duplicate] | None = None) -> list[Node]:
    """The documents of a YAML or JSON text; empty documents are left out.

    Args:
        text: The text.
        file: The name for messages.
        duplicates: Takes the keys that stand in one map twice.

    Raises: InvalidSpec with file, line and column if the text cannot be read.
    """
    try:
        composer = _Composer(file, duplicates)
        return [node for node in composer.documents(yaml.parse(text, Loader=_LOADER)) if node.value is not None]
    except yaml.MarkedYAMLError as error:
        if (node := _json_node(text)) is not None:
            return [node]
        raise _syntax_error(error, file) from None
    except yaml.reader.ReaderError as error:
        raise _character_error(error, text, file) from None


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> InvalidSpec:
    mark = error.problem_mark or error.context_mark
    location = Location(file=file, line=mark.line + 1, column=mark.column + 1) if mark else Location(file=file)
    said = " ".join(part for part in (error.context, error.problem) if part) or "cannot be read"
    return InvalidSpec(f"YAML syntax error: {said}", location=location)


def _character_error(error: yaml.reader.ReaderError, text: str, file: str) -> InvalidSpec:
    position = min(int(error.position), len(text))
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    code = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
    reason = f"this is not YAML text: the character U+{code:04X} is not allowed"
    return InvalidSpec(reason, location=Location(file=file, line=line, column=column))


def _json_node(text: str) -> Node | None:
    """JSON that YAML cannot read (surrogate escapes); places are unknown. None if it is no JSON either."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return node_of(json.loads(text))
    except (ValueError, RecursionError):
        return None


def node_of(value: Any) -> Node:
    """A value of JSON as nodes without places."""
    if isinstance(value, dict):
        items = {key: node_of(item) for key, item in value.items()}
        return Node(items, None, None, dict.fromkeys(items, (None, None)))
    if isinstance(value, list):
        return Node([node_of(item) for item in value], None, None)
    return Node(value, None, None)


@dataclass(slots=True)
class _Open:
    """A collection under construction; `pending` is the key read last, `merges` what `<<` brought."""

    node: Node
    anchor: str | None
    size: int = 1
    pending: tuple[str | None, int, int] | None = None
    merges: list[Node] = field(default_factory=list)


_MERGE = "<<"


class _Composer:
    """Folds the events of one stream into nodes."""

    def __init__(self, file: str, duplicates: list[Duplicate] | None = None) -> None:
        self._file = file
        self._duplicates = duplicates
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._stack: list[_Open] = []
        self._root: Node | None = None

    def documents(self, events: Iterator[Any]) -> Iterator[Node]:
        """One node per document."""
        for event in events:
            match event:
                case yaml.DocumentStartEvent():
                    self._anchors, self._stack, self._root = {}, [], None
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._open(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._close()
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentEndEvent() if self._root is not None:
                    yield self._root
                case _:
                    pass

    def _scalar(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        try:
            if event.tag is not None:
                value: Scalar = resolve_tagged(event.tag, event.value)
            else:
                value = resolve_plain(event.value) if event.implicit[0] else event.value
        except ValueError as error:
            raise self._error(str(error), line, column) from None
        node = Node(value, line, column)
        size = 1 + len(event.value) // _NODE_CHARACTERS
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, size)
        self._add(node, size, plain=event.value if event.implicit[0] else None)

    def _open(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if len(self._stack) >= MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", line, column)
        if self._stack and self._expects_key(self._stack[-1]):
            raise self._error("a key must be text, found a map or list; text with {{...}} needs quotes", line, column)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Open(Node({} if mapping else [], line, column), event.anchor))

    def _close(self) -> None:
        done = self._stack.pop()
        if isinstance(done.node.value, dict):
            for merged in done.merges:
                for key, item in merged.value.items() if isinstance(merged.value, dict) else ():
                    if key not in done.node.value:
                        done.node.value[key] = item
                        done.node.keys[key] = merged.keys[key]
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.node, done.size)
        self._add(done.node, done.size, plain=None)

    def _alias(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if event.anchor not in self._anchors:
            raise self._error(f"the alias *{event.anchor} has no anchor before it", line, column)
        node, size = self._anchors[event.anchor]
        if self._total() + size > MAX_EXPANSION:
            raise self._error(f"the aliases of this document expand to more than {MAX_EXPANSION} values", line, column)
        self._add(node, size, plain=None)

    def _total(self) -> int:
        return sum(item.size for item in self._stack)

    @staticmethod
    def _expects_key(top: _Open) -> bool:
        return isinstance(top.node.value, dict) and top.pending is None

    def _add(self, node: Node, size: int, *, plain: str | None) -> None:
        """Puts a finished node where it belongs: the document, a list, a key or a value."""
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        top.size += size
        if isinstance(top.node.value, list):
            top.node.value.append(node)
        elif top.pending is None:
            top.pending = self._key(node, plain)
        else:
            key, line, column = top.pending
            top.pending = None
            if key is None:
                self._merge(top, node)
            elif isinstance(top.node.value, dict):
                if top.node.value.pop(key, None) is not None and self._duplicates is not None:
                    self._duplicates.append((key, line))
                top.node.value[key] = node
                top.node.keys[key] = (line, column)

    def _key(self, node: Node, plain: str | None) -> tuple[str | None, int, int]:
        line, column = node.line or 1, node.column or 1
        if plain == _MERGE:
            return None, line, column
        key = key_text(node.value) if not isinstance(node.value, (list, dict)) else None
        if key is None:
            raise self._error("a key must be text", line, column)
        return key, line, column

    def _merge(self, top: _Open, node: Node) -> None:
        sources = node.value if isinstance(node.value, list) else [node]
        for source in sources:
            if not isinstance(source.value, dict):
                raise self._error("a merge key (<<) takes a map or a list of maps", node.line or 1, node.column or 1)
        top.merges.extend(sources)

    def _error(self, reason: str, line: int, column: int) -> InvalidSpec:
        return InvalidSpec(reason, location=Location(file=self._file, line=line, column=column))
