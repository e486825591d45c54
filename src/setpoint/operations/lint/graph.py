"""Graphs of names: who waits for whom, directly or not, and whether somebody waits for itself."""

from __future__ import annotations


def find_cycle(graph: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """A cycle as names, the first repeated at the end; empty if there is none.

    >>> find_cycle({"a": ("b",), "b": ("c",), "c": ("b",)})
    ('b', 'c', 'b')
    """
    done: set[str] = set()
    for start in graph:
        trail: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        on_trail: set[str] = set()
        while stack:
            name, leaving = stack.pop()
            if leaving:
                on_trail.discard(trail.pop())
                done.add(name)
            elif name in on_trail:
                return (*trail[trail.index(name) :], name)
            elif name not in done:
                trail.append(name)
                on_trail.add(name)
                stack.append((name, True))
                stack += [(other, False) for other in reversed(graph.get(name, ()))]
    return ()


def ancestors(graph: dict[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    """All tasks that a task waits for, directly or not."""
    found: dict[str, None] = {}
    stack = list(graph.get(name, ()))
    while stack:
        other = stack.pop()
        if other not in found:
            found[other] = None
            stack += graph.get(other, ())
    return tuple(found)
