"""`fields`: which parts of an answer a client wants, by their paths. Pure.

`a,b.c` keeps these alone, `-a,b.c` leaves these out; lists are passed through.
Source: argo-workflows `util/fields`.
"""

from __future__ import annotations

from typing import Any


class FieldFilter:
    """Keeps or drops by path; an empty text keeps everything."""

    def __init__(self, text: str, *, prefix: str = "") -> None:
        """`prefix` is cut from the paths, such as that of a stream's envelope."""
        self._drops = text.startswith("-")
        paths = text.removeprefix("-").split(",")
        self._paths = frozenset(path.strip().removeprefix(prefix) for path in paths if path.strip())
        self._parents = frozenset(
            ".".join(path.split(".")[:count]) for path in self._paths for count in range(1, path.count(".") + 1)
        )

    def __bool__(self) -> bool:
        return bool(self._paths)

    def clean(self, value: Any) -> Any:
        """What is wanted of a value of JSON."""
        return self._clean(value, "") if self._paths else value

    def _clean(self, value: Any, path: str) -> Any:
        if isinstance(value, list):
            return [self._clean(item, path) for item in value]
        if not isinstance(value, dict):
            return value
        found = {}
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            if where in self._paths:
                if not self._drops:
                    found[key] = item
            elif where in self._parents:
                found[key] = self._clean(item, where)
            elif self._drops:
                found[key] = item
        return found
