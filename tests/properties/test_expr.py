"""Expressions under random input: round trips, algebra, and that only one kind of error ever comes out."""

from __future__ import annotations

import contextlib
import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.expr import (
    Ambient,
    And,
    Depends,
    ExpressionError,
    Mode,
    Not,
    Operand,
    Or,
    Scope,
    depends_tasks,
    evaluate,
    evaluate_depends,
    evaluate_when,
    find_tags,
    parse_depends,
    referenced_names,
    render_result,
    substitute,
    tags_of,
    unfold,
)
from setpoint.core.expr._builtins import from_json
from setpoint.core.expr._functions import ARGO_FUNCTIONS, BUILTINS, SPRIG
from setpoint.core.expr._gotext import format_float, to_json
from setpoint.core.expr._gotime import GoTime, from_unix, parse_duration, parse_time
from setpoint.core.expr._re2 import compile_regex
from setpoint.core.expr.depends import RESULTS, operands_of

SLOWLY = settings(deadline=None)
"""No limit on time: other work shares the machine."""

NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,6}\Z")
OPERANDS = st.builds(Operand, NAMES, st.none() | st.sampled_from(RESULTS))


def _grown(inner: st.SearchStrategy[Depends]) -> st.SearchStrategy[Depends]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)


TREES: st.SearchStrategy[Depends] = st.recursive(OPERANDS, _grown, max_leaves=20)
TREE_TEXTS = st.text(alphabet="ab1.-&|!() \tSucceeded", max_size=40)
PIECES = [
    *"ab01.,;:?|&!=<>+-*/%^()[]{}'\"`#$ \n\\",
    *(
        "nil",
        "true",
        "not ",
        " in ",
        "let ",
        "map(",
        "??",
        "?.",
        "..",
        "if ",
        "else ",
        "sprig.",
        " matches ",
        "é",
        "len(",
    ),
    *("item", "1e9", "'x'", "[1, 2]", "{a: 1}", " == ", " and ", "filter(", "#", "now()"),
]
EXPRESSIONS = st.lists(st.sampled_from(PIECES), max_size=16).map("".join)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@SLOWLY
@given(TREES)
def test_depends_round_trip(tree: Depends) -> None:
    assert parse_depends(str(tree)) == tree
    assert set(depends_tasks(tree)) == {operand.task for operand in operands_of(tree)}


def _python(tree: Depends) -> str:
    match tree:
        case Operand():
            return f"truth[{(tree.task, tree.result)!r}]"
        case Not(operand):
            return f"(not {_python(operand)})"
        case And(operands):
            return f"({' and '.join(map(_python, operands))})"
        case Or(operands):
            return f"({' or '.join(map(_python, operands))})"


@SLOWLY
@given(TREES, st.data())
def test_depends_agrees_with_boolean_algebra(tree: Depends, data: st.DataObject) -> None:
    truth = {(o.task, o.result): data.draw(st.booleans()) for o in operands_of(tree)}
    expected = eval(_python(tree), {"truth": truth})
    assert evaluate_depends(tree, lambda task, result: truth[task, result]) is expected


@SLOWLY
@given(TREE_TEXTS | st.text(max_size=30))
def test_depends_on_random_text(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        assert parse_depends(str(parse_depends(text))) == parse_depends(text)


@settings(SLOWLY, max_examples=400)
@given(EXPRESSIONS | st.text(max_size=30))
def test_nothing_but_expression_errors(text: str) -> None:
    env: dict[str, Any] = {"item": "x", "a": {"b": 1}, "b": [1, "2", None]}
    for run in (lambda: evaluate(text, env), lambda: evaluate_when(text), lambda: referenced_names(text)):
        with contextlib.suppress(ExpressionError):
            run()
    for mode in Mode:
        with contextlib.suppress(ExpressionError):
            substitute(f"{{{{={text}}}}}{text}{{{{{text}}}}}", Scope(unfold({"item": "x"})), mode)


@SLOWLY
@given(st.text(alphabet="ab(|)[]^$.*+?{1,2}\\dwQE-:Pi<>", max_size=14), st.text(alphabet="ab1\n", max_size=12))
def test_regex_agrees_with_python_where_both_know_the_pattern(pattern: str, text: str) -> None:
    try:
        ours = compile_regex(pattern)
    except ExpressionError:
        return
    if re.search(r"[$\\^\[]|\(\?|\{,|[*+?}]\)?[*+?{]", pattern):  # places where the two dialects mean different things
        with contextlib.suppress(ExpressionError):
            ours.find(text)
        return
    theirs = re.compile(pattern, re.ASCII).search(text)
    found = ours.find(text)
    assert (found and found[0]) == (theirs and theirs.span())


@SLOWLY
@given(JSON_VALUES)
def test_what_has_no_tags_is_untouched(value: Any) -> None:
    if not tags_of(value):
        assert substitute(value, Scope({"a": "1"}), Mode.STRICT) is value


@SLOWLY
@given(st.lists(st.sampled_from(["{{a}}", "{{ b }}", "{{c}}", "x", "}", "é"]), max_size=12))
def test_substitution_equals_replacement_of_each_tag(parts: list[str]) -> None:
    text = "".join(parts)
    values = {"a": "1", "b": "{{c}}"}
    expected: list[str] = []
    at = 0
    for tag in find_tags(text):
        expected += (text[at : tag.start], values.get(tag.name, text[tag.start : tag.end]))
        at = tag.end
    assert substitute(text, Scope(values)) == "".join((*expected, text[at:]))


@SLOWLY
@given(NAMES, NAMES, st.text(max_size=10))
def test_nested_tags_resolve_inside_out(outer: str, inner: str, value: str) -> None:
    scope = Scope({f"p.{inner}": value, outer: inner})
    once = substitute(f"{{{{p.{{{{{outer}}}}}}}}}", scope)
    assert once == f"{{{{p.{inner}}}}}"
    assert substitute(once, scope) == value


@SLOWLY
@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map(".".join), st.text(max_size=4), max_size=8))
def test_unfold_keeps_exactly_the_keys_that_are_no_prefix(flat: dict[str, str]) -> None:
    nested = unfold(flat)
    for key, value in flat.items():
        node: Any = nested
        for part in key.split("."):
            node = node[part]
        assert isinstance(node, dict) if any(k.startswith(f"{key}.") for k in flat) else node == value


@SLOWLY
@given(JSON_VALUES)
def test_json_is_json(value: Any) -> None:
    assert to_json(from_json(to_json(value))) == to_json(value)
    json.loads(to_json(value))


@SLOWLY
@given(FINITE)
def test_floats_read_back(value: float) -> None:
    assert float(format_float(value)) == value
    assert float(format_float(value, low=-6, high=21)) == value
    assert math.copysign(1, float(format_float(value))) == math.copysign(1, value)


@SLOWLY
@given(st.integers(-(2**62), 2**62))
def test_durations_read_back(nanoseconds: int) -> None:
    duration = parse_duration(str(parse_duration(f"{nanoseconds}ns")))
    assert duration.nanoseconds == nanoseconds


@SLOWLY
@given(st.integers(-(10**18), 10**18))
def test_times_read_back(nanoseconds: int) -> None:
    layout = "2006-01-02T15:04:05.000000000Z07:00"
    moment = from_unix(nanoseconds)
    found = parse_time(moment.format(layout), layout)
    assert isinstance(found, GoTime)
    assert found.unix_nanoseconds == nanoseconds


@SLOWLY
@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_arithmetic_agrees_with_python(a: int, b: int, c: int) -> None:
    env = {"a": a, "b": b, "c": c}
    assert evaluate("a + b * c - a", env) == a + b * c - a
    assert evaluate("a < b and b < c", env) is (a < b < c) is evaluate("a < b < c", env)
    assert evaluate("not (a == b) or c > 0", env) is (a != b or c > 0)
    if b:
        assert evaluate("a % b", env) == math.fmod(a, b)
        assert evaluate("a / b", env) == a / b
    assert evaluate_when(f"({a}) + ({b}) * ({c}) == {a + b * c}".replace("== -", "== 0 - ")) is True


FUNCTIONS = {**BUILTINS, **ARGO_FUNCTIONS, **SPRIG}
PLACE = Ambient(datetime(2026, 1, 1, tzinfo=UTC), b"seed")
TEXTS = ["a,b", ",", "", "1h", "2026-01-01", "15:04 2006", "UTC", "$.a", "(a)", "aGk=", "07", "1.50", "-3", "é"]
MADE = ("date('2026-01-01')", "duration('1h')", "timezone('UTC')", "groupBy([1, 2], #)", "now().Month()")
ARGUMENTS = (
    JSON_VALUES
    | st.floats()
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from(TEXTS)
    | st.sampled_from(MADE).map(lambda text: evaluate(text, {}, ambient=PLACE))
)


@settings(SLOWLY, max_examples=1500)
@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(ARGUMENTS, max_size=4))
def test_functions_raise_nothing_but_expression_errors(name: str, arguments: list[Any]) -> None:
    env = {f"x{index}": {"v": value} for index, value in enumerate(arguments)}
    text = f"{name}({', '.join(f'{key}.v' for key in env)})"
    with contextlib.suppress(ExpressionError):
        render_result(evaluate(text, env, ambient=PLACE))


WORDS = ("in", "contains", "matches", "startsWith", "..", "and", "or", "??")
OPERATORS = ("+", "-", "*", "/", "%", "**", "==", "!=", "<", "<=", ">", ">=", *WORDS)
FORMS = ("x.l[x.r]", "x.l[x.r:]", "-x.l", "not x.l", "x.l ? 1 : 2", "map(x.l, #)", "x.l.Year()", "sort([x.l, x.r])")


@settings(SLOWLY, max_examples=600)
@given(st.sampled_from(OPERATORS), ARGUMENTS, ARGUMENTS)
def test_operators_raise_nothing_but_expression_errors(symbol: str, left: Any, right: Any) -> None:
    env = {"x": {"l": left, "r": right}}
    for text in (
        f"x.l {symbol} x.r",
        "x.l[x.r]",
        "x.l[x.r:]",
        "-x.l",
        "not x.l",
        "x.l ? 1 : 2",
        "map(x.l, #)",
        "x.l.Year()",
    ):
        with contextlib.suppress(ExpressionError):
            render_result(evaluate(text, env, ambient=PLACE))
