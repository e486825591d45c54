from __future__ import annotations

from typing import Any

import pytest

from setpoint.core.expr import Scope
from setpoint.core.workflow.draft import BuildError
from setpoint.core.workflow.expansion import expand, item_label, loop_items


@pytest.mark.parametrize(
    ("tree", "items"),
    [
        ({"withItems": [1, "a", None]}, [1, "a", None]),
        ({"withParam": '["x", {"k": 1}]'}, ["x", {"k": 1}]),
        ({"withSequence": {"count": 3}}, ["0", "1", "2"]),
        ({"withSequence": {"count": "2", "start": 5}}, ["5", "6"]),
        ({"withSequence": {"count": 0}}, []),
        ({"withSequence": {"start": 3, "end": 1}}, ["3", "2", "1"]),
        ({"withSequence": {"start": 9, "end": 10, "format": "n%02X"}}, ["n09", "n0A"]),
    ],
)
def test_items(tree: dict[str, Any], items: list[Any]) -> None:
    assert loop_items(tree) == items


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"withSequence": {"count": 1, "end": 2}}, "only one of count or end can be defined in withSequence"),
        ({"withParam": "nope"}, "withParam value could not be parsed as a JSON list"),
        ({"withParam": '{"a": 1}'}, "withParam value could not be parsed as a JSON list"),
    ],
)
def test_what_is_no_loop(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        loop_items(tree)


@pytest.mark.parametrize(
    ("item", "label"),
    [
        (1, "1"),
        (1.5, "1.5"),
        (True, "true"),
        ("a (b)", "a b"),
        ('say "hi"\n', 'say \\"hi\\"\\n'),
        ({"b": 2, "a": "x"}, "a:x,b:2"),
        (["a", 1], "[a 1]"),
        (None, "[]"),
    ],
)
def test_items_in_node_names(item: Any, label: str) -> None:
    assert item_label(item) == label


def test_the_body_is_filled_in_for_each_item() -> None:
    tree = {"name": "x", "template": "t", "withItems": [{"k": "v"}], "when": "{{item.k}} == v", "note": "{{item}}"}
    (found,) = expand(tree, Scope({}), lenient=False)
    assert found.name == "x(0:k:v)"
    assert found.tree == {"name": "x", "template": "t", "when": "v == v", "note": '{"k":"v"}'}


def test_an_unknown_tag_in_a_body_is_an_error_unless_nothing_runs_anyway() -> None:
    tree = {"name": "x", "withItems": [1], "note": "{{pod.name}}"}
    with pytest.raises(BuildError, match=r"failed to resolve \{\{pod\.name\}\}"):
        expand(tree, Scope({}), lenient=False)
    assert expand(tree, Scope({}), lenient=True)[0].tree["note"] == "{{pod.name}}"
