"""The expr-lang dialect: precedence, types, operators, closures, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from setpoint.core.expr import ExpressionError, check_syntax, evaluate, evaluate_condition, referenced_names, unfold

ENV: dict[str, Any] = {
    **unfold(
        {
            "inputs.parameters.n": "1",
            "inputs.parameters.a-b": "dash",
            "workflow.parameters": '{"x":1}',
            "workflow.parameters.x": "1",
            "steps.one.outputs.result": None,
        }
    ),
    "item": "5",
    "numbers": [3, 1, 2],
    "people": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 17}],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # literals
        ("1_000", 1000),
        ("0x1F", 31),
        ("0b101", 5),
        ("0o17", 15),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("'a\\n\\u0041\\x42'", "a\nAB"),
        ("`a\\n``b`", "a\\n`b"),
        ("nil", None),
        ("[1, 'a', true,]", [1, "a", True]),
        ("{a: 1, 'b': 2, 3: 4, ('c' + 'd'): 5,}", {"a": 1, "b": 2, "3": 4, "cd": 5}),
        ("1 // comment", 1),
        ("1 /* a */ + 2", 3),
        # precedence
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-2 ** 2", -4.0),
        ("2 ** 3 ** 2", 512.0),
        ("2 ^ 3", 8.0),
        ("!true == false", True),
        ("not true or true", True),
        ("true or false and false", True),
        ("1 + 1 == 2 and 3 > 2", True),
        ("1..2 + 1", [1, 2, 3]),
        ("1 < 2 < 3", True),
        ("1 < 2 > 3", False),
        ("3 > 2 == true", True),
        ("true ? 1 : false ? 2 : 3", 1),
        ("false ? 1 : false ? 2 : 3", 3),
        ("inputs.parameters.zz == inputs.parameters.yy ?? 'd'", False),
        ("inputs.parameters.zz ?? 'd' ?? 'e'", "d"),
        ("(inputs.parameters.zz ?? 'd') + '!'", "d!"),
        ("numbers | sort() | map(# * 2) | last()", 6),
        # types
        ("4 / 2", 2.0),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("1 + 1.5", 2.5),
        ("'a' + 'b'", "ab"),
        ("inputs.parameters.n == 1", False),
        ("inputs.parameters.n == '1'", True),
        ("1 == 1.0", True),
        ("[1, 2] == [1.0, 2]", True),
        ("{a: 1} == {a: 1.0}", False),
        ("1 / 0", math.inf),
        ("9223372036854775807 + 1", -9223372036854775808),
        ("'a' < 'b'", True),
        # text and membership
        ("'b' in ['a', 'b']", True),
        ("'x' not in ['y']", True),
        ("'name' in people[0]", True),
        ("2 in numbers", True),
        ("'foobar' matches '^fo+'", True),
        ("'foobar' not matches 'x'", True),
        ("'foobar' contains 'oba'", True),
        ("'foobar' not contains 'oba'", False),
        ("'foobar' startsWith 'foo'", True),
        ("'foobar' endsWith 'foo'", False),
        ("steps.one.outputs.result contains 'x'", False),  # nil is in nothing
        # members
        ("inputs.parameters['a-b']", "dash"),
        ("workflow.parameters.x", "1"),
        ("inputs.parameters.missing", None),
        ("steps.one.outputs.result ?? 'x'", "x"),
        ("steps.one.outputs.result == ''", False),
        ("steps.two?.outputs.result", None),
        ("steps?.two?.['outputs']", None),
        ("numbers[-1]", 2),
        ("numbers[1:]", [1, 2]),
        ("numbers[:-1]", [3, 1]),
        ("numbers[5:]", []),
        ("'hello'[1:3]", "el"),
        ("people[0].name", "Ada"),
        ("$env.item", "5"),
        ("people[0].in ?? 'keyword'", "keyword"),
        # closures
        ("filter(people, .age > 18) | map(.name)", ["Ada"]),
        ("map(1..3, {# * #index})", [0, 2, 6]),
        ("all(numbers, # > 0)", True),
        ("any(numbers, # > 2)", True),
        ("one(numbers, # > 2)", True),
        ("none(numbers, # > 3)", True),
        ("count(numbers, # > 1)", 2),
        ("count([true, false, true])", 2),
        ("find(numbers, # < 3)", 1),
        ("findIndex(numbers, # < 3)", 1),
        ("findLast(numbers, # < 3)", 2),
        ("findLastIndex(numbers, # < 3)", 2),
        ("find(numbers, # > 9)", None),
        ("sum(numbers)", 6),
        ("sum(people, .age)", 53),
        ("reduce(numbers, #acc * #, 1)", 6),
        ("reduce(numbers, #acc + #)", 6),
        ("sortBy(people, .age) | map(.name)", ["Bob", "Ada"]),
        ("sortBy(people, .age, 'desc') | map(.name)", ["Ada", "Bob"]),
        ("groupBy(numbers, # % 2)", {1: [3, 1], 0: [2]}),
        ("map(numbers, map([1, 2], # * 10))", [[10, 20], [10, 20], [10, 20]]),
        # let, if, sequences
        ("let x = 2; x * x", 4),
        ("let x = 2; let y = x + 1; x * y", 6),
        ("if item == '5' { 'five' } else { 'other' }", "five"),
        ("if false { 1 } else if true { 2 } else { 3 }", 2),
        ("1; 2", 2),
        ("::len('abc')", 3),
    ],
)
@pytest.mark.rule("expressions.exprlang-precedence")
def test_value(text: str, expected: Any) -> None:
    found = evaluate(text, ENV)
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, dict)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unexpected end of expression"),
        ("1 +", "unexpected end of expression"),
        ("1 2", "unexpected number '2' (1:3"),
        ("'abc", "literal not terminated"),
        ("'\\q'", "unable to unescape"),
        ("1.x", "bad number syntax"),
        ("a ~ b", "unrecognized character"),
        ("/* x", "unclosed comment"),
        ("not 'x' in ['x']", "invalid operation: not"),
        ("'x' not 'y'", "unexpected string"),
        ("item ?? 'a' + 'b'", "cannot be mixed"),
        ("item ?? 'a' | upper()", "cannot be mixed"),
        ("item == 1", "mismatched types string and int"),
        ("'5' == 5", "mismatched types string and int"),
        ("1 < 'a'", "mismatched types int and string"),
        ("inputs.parameters.n < 1", "string < int"),
        ("inputs.parameters.n + 1", "string + int"),
        ("1.5 % 2", "mismatched types"),
        ("1 % 0", "integer divide by zero"),
        ("1 in 2", "mismatched types"),
        ("inputs.parameters.n in inputs.parameters.n", 'operator "in" not defined on string'),
        ("unknown", "unknown name unknown"),
        ("inputs-parameters", "unknown name parameters"),
        ("steps.two.x", "from <nil>"),
        ("numbers[9]", "index out of range: 9 (array length is 3)"),
        ("item[0]", "type string has no members"),
        ("'a' ? 1 : 2", "non-bool expression"),
        ("inputs.parameters.n ? 1 : 2", "expected a bool, got string"),
        ("inputs.parameters.n and true", "expected a bool"),
        ("#", "outside predicate"),
        (".x", "outside predicate"),
        ("filter(numbers, # + 1)", "expected a bool"),
        ("filter(numbers, 'x')", "predicate should return boolean"),
        ("filter(numbers)", "expected at least 2 arguments"),
        ("filter(1, true)", "takes only array"),
        ("map(numbers, #foo)", "unknown pointer #foo"),
        ("reduce([], #acc)", "needs an initial value"),
        ("let len = 1; len", "cannot redeclare len"),
        ("let item = 1; item", "cannot redeclare variable item"),
        ("1..10000000", "memory budget exceeded"),
        ("'a' matches '('", "error parsing regexp"),
        ("'a' matches 'a(?=b)'", "lookahead"),
        ("'a' matches '(a)\\\\1'", "invalid escape sequence"),
        ("foo(1)", "unknown or unsupported function foo"),
        ("Len('a')", "did you mean len?"),
        ("sprig.genRa('a', 1)", "unknown or unsupported function sprig.genRa"),
        ("sprig.env('HOME')", "cannot read the environment"),
        ("env('HOME')", "cannot read the environment"),
        ("::asInt('1')", "unknown built-in function asInt"),
        ("len()", "invalid number of arguments for len (expected 1, got 0)"),
        ("split('a')", "expected 2 to 3, got 1"),
        ("now()", "needs a clock"),
        ("9223372036854775808", "too large"),
        ("item.foo()", "has no method"),
        ("workflow.foo.Bar()", "from <nil>"),
    ],
)
@pytest.mark.rule("expressions.exprlang-types")
def test_refusal(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, ENV)
    assert message in str(caught.value)


def test_refusal_points_at_the_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate("1 +\n  nope", {})
    assert caught.value.position == 6
    assert "(2:3 near 'nope')" in str(caught.value)


def test_unused_branches_are_not_run() -> None:
    assert evaluate("true or numbers[9] == 1", ENV) is True
    assert evaluate("false and numbers[9] == 1", ENV) is False
    assert evaluate("true ? 1 : numbers[9]", ENV) == 1


def test_condition_must_be_boolean() -> None:
    assert evaluate_condition("1 == 1", {}) is True
    with pytest.raises(ExpressionError, match="expected a boolean from 'item', got string 5"):
        evaluate_condition("item", ENV)


def test_argo_functions_are_absent_where_argo_has_none() -> None:
    assert evaluate("asInt(item) + 1", ENV) == 6
    with pytest.raises(ExpressionError, match="unknown or unsupported function asInt"):
        evaluate("asInt(item)", ENV, argo=False)
    with pytest.raises(ExpressionError, match="unknown name sprig"):
        evaluate("sprig.add(1, 2)", ENV, argo=False)
    check_syntax("sprig.add(1, 2)")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1 + 2", set()),
        ("inputs.parameters['a-b']", {"inputs.parameters.a-b"}),
        ("steps?.x.outputs.result ?? item", {"steps.x.outputs.result", "item"}),
        ("steps[item].status", {"steps", "item"}),
        ("let q = workflow.name; q + 'x'", {"workflow.name"}),
        ("map(people, .name)", {"people"}),
        ("asInt(lastRetry.exitCode) > 1", {"lastRetry.exitCode"}),
        ("sprig.add(retries, 1)", {"retries"}),
    ],
)
def test_referenced_names(text: str, names: set[str]) -> None:
    assert referenced_names(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "[" * 5000,
        "-" * 5000 + "1",
        "+".join(["1"] * 5000),
        "a" + "[0]" * 5000,
        "a" + ".b" * 5000,
        "1" + " ? 1 : 1" * 3000,
        "if true {1} else " * 3000 + "{1}",
        "let a = 1; " * 3000 + "1",
        "{a: " * 3000,
        "map(numbers, " * 3000,
        "(" * 40 + "true" + " ?: true)" * 40,
        "1 < len([" * 40 + "1" + "]) < 5" * 40,
    ],
    ids=lambda text: str(text)[:12],
)
def test_nesting_is_bounded(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, ENV)


@pytest.mark.parametrize(
    "text",
    [
        "count(1..1000000, any(1..1000000, false))",
        "repeat('a', 1000000) | replace('', repeat('b', 1000000))",
        "let a = [1]; "
        + "".join(f"let x{i} = [{'a' if not i else f'x{i - 1}'}, 1]; " for i in range(3))
        + "numbers[9]",
        "let a = repeat('x', 1000000); a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' matches '^(a+)+$' ? 1 : numbers[9]",
    ],
    ids=["loops", "replace", "lists", "texts", "regex"],
)
def test_work_is_bounded(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, ENV)
