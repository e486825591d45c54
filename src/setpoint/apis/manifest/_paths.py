"""Field paths: tuples inside, `spec.templates[2].dag.tasks[0].depends` for people."""

from __future__ import annotations

import re

FieldPath = tuple[str | int, ...]
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def format_path(path: FieldPath) -> str:
    """The path in dotted form; a key that is not a plain word is quoted in brackets.

    >>> format_path(("metadata", "labels", "a.b/c")), format_path(("spec", "templates", 2))
    ("metadata.labels['a.b/c']", 'spec.templates[2]')
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _WORD.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


_PART = re.compile(r"\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\.?([^.\[\]]+)")


def parse_path(text: str) -> FieldPath:
    """The inverse of `format_path`; `$` at the front is dropped."""
    parts: list[str | int] = []
    for index, quoted, word in _PART.findall(text.removeprefix("$")):
        parts.append(int(index) if index else quoted or word)
    return tuple(parts)
