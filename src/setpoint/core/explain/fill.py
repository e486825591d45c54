"""Tags filled in as far as their values are known; all others stay as they are written."""

from __future__ import annotations

from typing import Any

from setpoint.core.expr import ExpressionError, Scope, Tag, find_tags, referenced_names, substitute


def fill(value: Any, known: Scope) -> Any:
    """A text or tree with the known tags filled in.

    An expression is worked out only if every name in it is known: a missing one would count as nil and give a value
    that the run does not give.
    """
    if isinstance(value, dict):
        return {key: fill(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, known) for item in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    try:
        return _text(value, known)
    except ExpressionError:
        return value


def _text(text: str, known: Scope) -> str:
    for _ in range(2):  # a tag inside a tag is filled in by the second pass
        parts: list[str] = []
        at = 0
        for tag in find_tags(text):
            source = text[tag.start : tag.end]
            parts += (text[at : tag.start], str(substitute(source, known)) if _is_known(tag, known) else source)
            at = tag.end
        filled = "".join((*parts, text[at:]))
        if filled == text:
            break
        text = filled
    return text


def _is_known(tag: Tag, known: Scope) -> bool:
    if not tag.expression:
        return tag.name in known
    try:
        names = referenced_names(tag.body)
    except ExpressionError:
        return False
    return all(name in known for name in names)


def is_open(value: Any) -> bool:
    """Whether a text or tree still holds a tag."""
    if isinstance(value, dict):
        return any(is_open(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(is_open(item) for item in value)
    return isinstance(value, str) and bool(find_tags(value))
