"""Durations and sizes as people say them."""

from __future__ import annotations


def words(seconds: float) -> str:
    """A duration; one below 0 keeps its sign."""
    length = abs(seconds)
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if length >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s" if length >= 1 else f"{1000 * seconds:.3g} ms"


def size_words(size: float) -> str:
    """A size for people."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"
