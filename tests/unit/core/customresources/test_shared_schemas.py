"""The schemas of real CustomResourceDefinitions: their rules can be read, and their objects be pruned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from setpoint.core.customresources.cel import compile_expression

pytestmark = pytest.mark.shared


def rules(value: Any) -> Iterator[dict[str, Any]]:
    """All rules in a schema."""
    stack = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, dict):
            yield from (item for item in found.get("x-kubernetes-validations") or () if isinstance(item, dict))
            stack.extend(found.values())
        elif isinstance(found, list):
            stack.extend(found)


def test_every_rule_that_operators_wrote_can_be_evaluated_here(shared: Path) -> None:
    texts: set[str] = set()
    for file in (shared / "schemas").rglob("*.json"):
        for rule in rules(json.loads(file.read_text())):
            texts |= {rule[word] for word in ("rule", "messageExpression") if isinstance(rule.get(word), str)}
    assert len(texts) > 200
    for text in texts:
        compile_expression(text)
