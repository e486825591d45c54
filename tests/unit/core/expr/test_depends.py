"""`depends`: grammar, positions of errors, truth."""

from __future__ import annotations

import pytest

from setpoint.core.expr import (
    And,
    Depends,
    ExpressionError,
    Not,
    Operand,
    Or,
    depends_tasks,
    evaluate_depends,
    parse_depends,
)

A, B, C = Operand("a"), Operand("b"), Operand("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("  a\t", A),
        ("task-1.Succeeded", Operand("task-1", "Succeeded")),
        ("a && b", And((A, B))),
        ("a||b", Or((A, B))),
        ("a || b && c", Or((A, And((B, C))))),
        ("(a || b) && c", And((Or((A, B)), C))),
        ("!a && b", And((Not(A), B))),
        ("!(a && b)", Not(And((A, B)))),
        ("!!a", Not(Not(A))),
        ("a && (b && c)", And((A, And((B, C))))),
        ("and && not", And((Operand("and"), Operand("not")))),  # words are task names here
        ("a.AnySucceeded || a.AllFailed", Or((Operand("a", "AnySucceeded"), Operand("a", "AllFailed")))),
    ],
)
def test_tree(text: str, tree: Depends) -> None:
    assert parse_depends(text) == tree


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "expected a task name"),
        ("a &&", 4, "expected a task name"),
        ("a & b", 2, "unexpected '&'"),
        ("a b", 2, "unexpected 'b'"),
        ("(a", 2, "expected ')'"),
        ("a)", 1, "unexpected ')'"),
        ("a.Done", 2, "task result 'Done' for task 'a' is invalid, must be one of: Succeeded, Failed"),
        ("a.", 2, "task result '' for task 'a' is invalid"),
        ("a.succeeded", 2, "is invalid"),
        ("1a && b", 0, "must begin with a letter"),
        ("a || 'b'", 5, "unexpected"),
        ("!" * 5000 + "a", 100, "nested deeper"),
        ("(" * 5000, 100, "nested deeper"),
    ],
)
def test_refusal(text: str, position: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_depends(text)
    assert message in str(caught.value)
    assert caught.value.position == position


def test_tasks_are_named_once_in_order() -> None:
    assert depends_tasks(parse_depends("b.Failed || (a && b) || !c.Omitted")) == ("b", "a", "c")


def test_a_bare_task_is_asked_for_without_result() -> None:
    asked: list[tuple[str, str | None]] = []

    def lookup(task: str, result: str | None) -> bool:
        asked.append((task, result))
        return False

    assert evaluate_depends(parse_depends("a || b.Failed"), lookup) is False
    assert asked == [("a", None), ("b", "Failed")]


def test_long_chains_are_fine() -> None:
    tree = parse_depends(" && ".join(f"t{i}" for i in range(10_000)))
    assert len(depends_tasks(tree)) == 10_000
    assert evaluate_depends(tree, lambda task, result: True)
