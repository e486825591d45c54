"""Where in a tree tags stand, found once for a tree that is filled in many times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Places = Mapping[Any, Any]
"""Key or index to the places below it, or to `WHOLE`."""


class _Whole:
    """All that stands here is looked at."""


WHOLE = _Whole()


def places_of(tree: Mapping[str, Any]) -> Places:
    """The places of a tree's tags. A map with tags in its keys is one place; the keys of the tree itself have none."""
    found = _below(tree)
    if isinstance(found, _Whole):
        return dict.fromkeys(tree, WHOLE)
    return found or {}


def _below(value: Any) -> dict[Any, Any] | _Whole | None:
    if isinstance(value, str):
        return WHOLE if "{{" in value else None
    if isinstance(value, Mapping):
        if any(not isinstance(key, str) or "{{" in key for key in value):
            return WHOLE
        return {key: below for key, item in value.items() if (below := _below(item)) is not None} or None
    if isinstance(value, list | tuple):
        return {index: below for index, item in enumerate(value) if (below := _below(item)) is not None} or None
    return None
