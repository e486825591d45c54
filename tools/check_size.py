"""Fails on modules, functions and classes that have grown too large (limits: docs/adr/0008-size-limits.md).

Complexity is ruff's C90; this counts lines. Usage: `python -m tools.check_size`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 500  # past this a reason stands in EXCUSED
MODULE_LINES_HARD = 800
FUNCTION_LINES = 60
CLASS_LINES = 400
BANNED_NAMES = frozenset({"utils", "common", "helpers", "misc"})

# Module -> why it may be longer than MODULE_LINES.
EXCUSED: dict[str, str] = {}


def problems(root: Path) -> Iterator[str]:
    """One line per finding, as `file:line: what`."""
    for path in sorted((root / "src").rglob("*.py")):
        text, name = path.read_text(), path.relative_to(root).as_posix()
        lines = text.count("\n")
        if path.stem.lstrip("_") in BANNED_NAMES or path.parent.name in BANNED_NAMES:
            yield f"{name}:1: a name that says nothing ({path.stem})"
        if lines > MODULE_LINES_HARD or (lines > MODULE_LINES and name not in EXCUSED):
            yield f"{name}:1: module of {lines} lines (limit {MODULE_LINES}, hard {MODULE_LINES_HARD})"
        yield from _long_definitions(ast.parse(text), name)


def _long_definitions(tree: ast.Module, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            limit = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)
            if length > limit:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines (limit {limit})"


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Documentation is no complexity: it does not count."""
    if ast.get_docstring(node, clean=False) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def main() -> int:
    """Print the findings; 1 if there are any."""
    found = list(problems(Path(__file__).resolve().parents[1]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
