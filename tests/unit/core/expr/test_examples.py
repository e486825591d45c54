"""Every expression, condition, dependency and tag of the official examples is understood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from setpoint.core.expr import check_syntax, parse_depends, tags_of

EXAMPLES = Path(__file__).resolve().parents[4] / ".." / "shared" / "argo" / "examples"

pytestmark = pytest.mark.shared


def _fields(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    yield name, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _fields(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item, name)


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the reference material is not beside the project")
def test_examples_are_understood() -> None:
    counted = {"depends": 0, "expression": 0, "tags": 0}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(EXAMPLES.rglob("*.yaml")):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=loader):
            for tag in tags_of(document):
                counted["tags"] += 1
                if tag.expression:
                    check_syntax(tag.body)
            for name, value in _fields(document):
                if name == "depends" and isinstance(value, str):
                    parse_depends(value)
                    counted["depends"] += 1
                elif name in ("expression", "fromExpression") and isinstance(value, str) and "{{" not in value:
                    check_syntax(value)
                    counted["expression"] += 1
    assert counted["depends"] > 50
    assert counted["expression"] >= 10
    assert counted["tags"] > 200
