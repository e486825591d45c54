"""Rewriting a manifest's text to the present form, in place: comments, order and style of all else stay.

Every legacy key gets its successor's name, and its value becomes a list of one. What comes out must read as the input
was read, else it is an error.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from setpoint.apis.errors import InvalidSpec, InvariantViolation, Location
from setpoint.apis.manifest._paths import FieldPath
from setpoint.apis.manifest.document import load_documents
from setpoint.apis.manifest.legacy import KINDS, successor

Edit = tuple[int, int, str]
"""Index, how many characters go, and what takes their place."""


def convert_text(text: str, file: str) -> str:
    """The text of a manifest file without legacy fields; the same text if there are none.

    Raises: InvalidSpec: The file cannot be read, or holds a field and its successor.
    """
    wanted = [document.builtins() for document in load_documents(text, file)]
    edits: list[Edit] = []
    for root in yaml.compose_all(text, Loader=yaml.SafeLoader):
        if isinstance(root, yaml.MappingNode):
            edits += _edits(root, (), _kind(root), text, file)
    for index, length, new in sorted(edits, reverse=True):
        text = text[:index] + new + text[index + length :]
    if [document.builtins() for document in load_documents(text, file)] != wanted:
        raise InvariantViolation(f"the converted text of {file} reads otherwise")
    return text


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
    start, end = value.start_mark, value.end_mark
    if isinstance(value, yaml.MappingNode) and not value.flow_style:
        yield start.index, 0, "- "
        line = text.find("\n", start.index) + 1
        limit = len(text) if end.index >= len(text) else end.index - end.column  # it ends where the next key begins
        while line and line < limit:
            following = text.find("\n", line)
            if text[line : following if following >= 0 else None].strip():
                yield line, 0, "  "
            line = following + 1
    else:
        yield start.index, 0, "["
        yield end.index, 0, "]"
