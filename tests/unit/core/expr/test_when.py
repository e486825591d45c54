"""`when`: the govaluate dialect with Argo's bare words."""

from __future__ import annotations

import pytest

from setpoint.core.expr import ExpressionError, evaluate_when


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("true", True),
        ("!false", True),
        ("heads == heads", True),
        ("heads == tails", False),
        ("foo != bar", True),
        ("'a b' == \"a b\"", True),
        ("\"abc' == abc", True),  # either quote ends a string
        (r"'it\'s' == 'it\'s'", True),
        # == is strict by type, numbers are floats
        ("'5' == 5", False),
        ("5 == 5.0", True),
        ("0x10 == 16", True),
        ("true == 'true'", False),
        # < takes two numbers or two texts
        ("2 < 10", True),
        ("'2' < '10'", False),
        ("a < b", True),
        ("1 <= 1 && 1 >= 1", True),
        # + joins if one side is text
        ("1 + a == '1a'", True),
        ("1 + 2 == 3", True),
        ("5 / 2 == 2.5", True),
        ("7 % 4 == 3", True),
        ("-7 % 4 == -3", True),
        # precedence, and grouping from the left everywhere
        ("1 + 2 * 3 == 7", True),
        ("(1 + 2) * 3 == 9", True),
        ("2 ** 3 ** 2 == 64", True),
        ("-2 ** 2 == 4", True),
        ("10 - 4 - 3 == 3", True),
        ("1 << 3 == 8", True),
        ("256 >> 4 == 16", True),
        ("6 & 3 == 2", True),  # bitwise binds tighter than ==
        ("6 | 1 == 7", True),
        ("5 ^ 1 == 4", True),
        ("~1 == -2", True),
        ("true || false && false", True),
        ("(true || false) && false", False),
        ("!(a == b)", True),
        ("true ? true : false", True),
        ("a == b ? false : true", True),
        # short circuits leave out what would fail
        ("false && 1 < a", False),
        ("true || 1 < a", True),
        ("x in (a, x)", True),
        ("x in (a, b, c)", False),
        ("1 in (1, 2)", True),
        ("'1' in (1, 2)", False),
        ("foobar =~ 'o+b'", True),
        ("foo !~ '^b'", True),
        ("foo =~ 'f.o'", True),
        ("'2020-01-01' == 1577836800", True),  # text that looks like a date is a number
        ("'2020-01-01T00:00:00Z' < '2020-01-02'", True),
        ("() == 1", False),
        ("(true) false", True),  # what follows a complete expression is ignored
        ("[foo bar] == 'foo bar'", True),
    ],
)
@pytest.mark.rule("when.govaluate", "expressions.govaluate-precedence")
def test_value(text: str, expected: bool) -> None:
    assert evaluate_when(text) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "Expected boolean evaluation for 'foo'. Got foo"),
        ("1", "Expected boolean evaluation for '1'. Got 1"),
        ("1.5 * 1000000", "Expected boolean evaluation for '1.5 * 1000000'. Got 1.5e+06"),
        ("()", "Got <nil>"),
        ("a ?? b == a", "Got a"),  # ?? is the loosest
        ("x in (a)", "cannot be used with the comparator 'in'"),
        ("'a' < 1", "cannot be used with the comparator '<'"),
        ("a && b", "Value 'a' cannot be used with the logical operator '&&', it is not a bool"),
        ("foo-bar == 1", "Value 'foo' cannot be used with the modifier '-', it is not a number"),
        ("foo.bar == 1", "Unable to access unexported field 'bar' in token 'foo.bar'"),
        ("v1.2 == x", "No parameter 'v1' found"),
        ("foo. == 1", "Hanging accessor"),
        ("5abc == 5", "Cannot transition token types from NUMERIC [5] to VARIABLE [abc]"),
        ("a b == c", "Cannot transition token types"),
        (" == heads", "Cannot transition token types from UNKNOWN [<nil>] to COMPARATOR [==]"),
        ("heads ==", "Unexpected end of expression"),
        ("   ", "Unexpected end of expression"),
        ("(a == b", "Unbalanced parenthesis"),
        (")a == b(", "Cannot transition"),
        ("'abc == abc", "Unclosed string literal"),
        ("f(1) == 1", "Undefined function f"),
        ("1.2.3 == 1", "Unable to parse numeric value '1.2.3'"),
        ("!foo", "Cannot transition token types from PREFIX [!] to STRING [foo]"),
        ("a =~ '('", "error parsing regexp"),
        ("a =~ '(?=b)'", "lookahead"),
        ("a ==-1", "Invalid token: '==-'"),
    ],
)
@pytest.mark.rule("when.not-boolean", "expressions.govaluate-strict")
def test_refusal(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate_when(text)
    assert message in str(caught.value)


@pytest.mark.rule("when.bad-token")
def test_bad_token_message_gives_the_hint() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate_when("a@b == c")
    assert str(caught.value) == (
        "Invalid 'when' expression 'a@b == c': Invalid token: '@' "
        '(hint: try wrapping the affected expression in quotes ("))'
    )


def test_long_chain_and_deep_brackets_end() -> None:
    assert evaluate_when(" || ".join(["a == b"] * 5000 + ["a == a"])) is True
    with pytest.raises(ExpressionError, match="nested deeper"):
        evaluate_when("(" * 3000 + "true" + ")" * 3000)


@pytest.mark.parametrize("symbol", ["/", "%", "**", "<<", ">>", "&", "|", "^", "-", "*"])
@pytest.mark.parametrize("right", ["0", "1000", "0.5", "(0 - 1)"])
def test_arithmetic_never_leaves_the_error_tree(symbol: str, right: str) -> None:
    with pytest.raises(ExpressionError, match="Expected boolean"):
        evaluate_when(f"1000000 ** 60 {symbol} {right}")


def test_bare_words_of_a_cron_condition_are_names() -> None:
    assert evaluate_when("'a' == 'a'", bare_words=False) is True
    with pytest.raises(ExpressionError, match="No parameter 'a' found"):
        evaluate_when("a == a", bare_words=False)
