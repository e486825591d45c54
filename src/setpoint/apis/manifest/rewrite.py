"""Rewriting a manifest's text to the present form, in place: comments, order and style of all else stay.

Every legacy key gets its successor's name, and its value becomes a list of one. What comes out must read as the input
was read, else it is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.manifest._paths import FieldPath
from setpoint.apis.manifest.document import load_documents
from setpoint.apis.manifest.legacy import KINDS, successor

_ALIAS = re.compile(r"[\"']?\s*:\s*(\*[^\s,\]}]+)")
_UNSAFE = re.compile(r"[,\[\]{}\n]")  # would mean something else in a list in brackets

Edit = tuple[int, int, str]
"""Index, how many characters go, and what takes their place."""


def convert_text(text: str, file: str) -> str:
    """The text of a manifest file without legacy fields; the same text if there are none.

    Raises: InvalidSpec: The file cannot be read, or holds a field and its successor.
    """
    wanted = [document.builtins() for document in load_documents(text, file)]
    edits: set[Edit] = set()  # what an anchor names is met again at its aliases
    for root in yaml.compose_all(text, Loader=yaml.SafeLoader):
        if isinstance(root, yaml.MappingNode):
            edits |= set(_edits(root, (), _kind(root), text, file))
    lines = {text.count("\n", 0, index) + 1 for index, _, _ in edits}
    for index, length, new in sorted(edits, reverse=True):
        text = text[:index] + new + text[index + length :]
    if not _reads_as(text, file, wanted):
        place = Location(file=file, line=min(lines), column=1)
        raise InvalidSpec(
            "the legacy fields from here on cannot be renamed in this text (an anchor or an alias may stand in the "
            'way): rename them by hand, each value in a list, as in schedules: ["0 * * * *"]',
            location=place,
        )
    return text


def _reads_as(text: str, file: str, wanted: list[Any]) -> bool:
    try:
        return [document.builtins() for document in load_documents(text, file)] == wanted
    except InvalidSpec:
        return False


def _kind(root: yaml.MappingNode) -> str:
    return next((value.value for key, value in root.value if key.value == "kind" and isinstance(value.value, str)), "")


def _edits(node: yaml.Node, path: FieldPath, kind: str, text: str, file: str) -> Iterator[Edit]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            inner = _kind(item) if path[-1:] == ("items",) and isinstance(item, yaml.MappingNode) else ""
            yield from _edits(item, () if inner else (*path, index), inner or kind, text, file)
    elif isinstance(node, yaml.MappingNode):
        names = {str(key.value) for key, _ in node.value}
        for key, value in node.value:
            name = str(key.value)
            new = successor(kind, path, name) if kind in KINDS else ""
            if new and new in names:
                place = Location(file=file, line=key.start_mark.line + 1, column=key.start_mark.column + 1)
                raise InvalidSpec(f"{name} stands beside {new}: keep one of them", location=place)
            if new:
                yield from _renamed(key, value, new, text)
            yield from _edits(value, (*path, name), kind, text, file)


def _renamed(key: yaml.Node, value: yaml.Node, new: str, text: str) -> Iterator[Edit]:
    quote = getattr(key, "style", None) or ""  # scalars have one
    yield key.start_mark.index, key.end_mark.index - key.start_mark.index, f"{quote}{new}{quote}"
    start, end = value.start_mark.index, value.end_mark.index
    colon = key.end_mark.index
    alias = _ALIAS.match(text, colon)
    if alias:
        yield alias.start(1), 0, "["
        yield alias.end(1), 0, "]"
    elif isinstance(value, yaml.ScalarNode) and start == end:  # nothing, which is null
        yield start, 0, " [null]"
    elif isinstance(value, yaml.ScalarNode) and value.style in ("|", ">"):
        yield start, end - start, f"[{json.dumps(value.value, ensure_ascii=False)}]\n"
    elif isinstance(value, yaml.ScalarNode) and not value.style and _UNSAFE.search(text, start, end):
        yield start, end - start, f"[{json.dumps(value.value, ensure_ascii=False)}]"
    elif isinstance(value, yaml.MappingNode) and not value.flow_style:
        yield start, 0, "- "
        line = text.find("\n", start) + 1
        limit = len(text) if end >= len(text) else end - value.end_mark.column  # it ends where the next key begins
        while line and line < limit:
            following = text.find("\n", line)
            if text[line : following if following >= 0 else None].strip():
                yield line, 0, "  "
            line = following + 1
    else:
        yield start, 0, "["
        yield end, 0, "]"
