"""Values as Go prints them, durations and regular expressions: what the dialects stand on."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.core.expr import ExpressionError, parse_duration, render_result
from setpoint.core.expr._gotext import format_value, go_quote, to_json
from setpoint.core.expr._gotime import parse_guess
from setpoint.core.expr._re2 import compile_regex


@pytest.mark.parametrize(
    ("value", "plain", "as_json"),
    [
        (1.0, "1", "1"),
        (-0.0, "-0", "-0"),
        (0.1, "0.1", "0.1"),
        (123456.0, "123456", "123456"),
        (1e6, "1e+06", "1000000"),
        (1.5e6, "1.5e+06", "1500000"),
        (1e20, "1e+20", "100000000000000000000"),
        (1e21, "1e+21", "1e+21"),
        (1e-4, "0.0001", "0.0001"),
        (1e-5, "1e-05", "0.00001"),
        (1e-7, "1e-07", "1e-7"),
        (1.25e-10, "1.25e-10", "1.25e-10"),
        (5e-324, "5e-324", "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308"),
        (10**18, "1000000000000000000", "1000000000000000000"),
        (True, "true", "true"),
        (None, "<nil>", "null"),
        ("a<&>\u2028", "a<&>\u2028", '"a\\u003c\\u0026\\u003e\\u2028"'),
        ([], "[]", "[]"),
        ({}, "map[]", "{}"),
        ({"b": [1.0, None], "a": {"c": "d"}}, "map[a:map[c:d] b:[1 <nil>]]", '{"a":{"c":"d"},"b":[1,null]}'),
    ],
)
def test_texts(value: Any, plain: str, as_json: str) -> None:
    assert format_value(value) == plain
    assert to_json(value) == as_json


def test_render_result() -> None:
    assert render_result("a<b") == "a<b"
    assert render_result({"x": "a<b", "n": 2.0}) == '{"n":2,"x":"a\\u003cb"}'
    with pytest.raises(ExpressionError, match="no result"):
        render_result(None)
    with pytest.raises(ExpressionError, match=r"\+Inf"):
        render_result(float("inf"))


def test_shared_parts_do_not_unfold_without_end() -> None:
    value: Any = [1]
    for _ in range(60):
        value = [value, value]
    for write in (to_json, format_value):
        with pytest.raises(ExpressionError, match="too large"):
            write(value)


def test_go_quote() -> None:
    assert go_quote('a"\\\n\x1b\u00e9\u200b') == '"a\\"\\\\\\n\\x1bé\\u200b"'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0", "0s"),
        ("10s", "10s"),
        ("1h30m", "1h30m0s"),
        ("1.5s", "1.5s"),
        (".5h", "30m0s"),
        ("-2m", "-2m0s"),
        ("+1ms", "1ms"),
        ("1us2ns", "1.002µs"),
        ("100h", "100h0m0s"),
    ],
)
def test_durations(text: str, shown: str) -> None:
    assert str(parse_duration(text)) == shown


@pytest.mark.parametrize("text", ["", "5", "s", "1x", "1h 2m", "--1s", ".s", "1e3s", "999999999999h"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(ExpressionError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "unix"),
    [
        ("2020-01-01", 1577836800.0),
        ("2020-01-01 10:30", 1577874600.0),
        ("2020-01-01T10:30:00Z", 1577874600.0),
        ("2020-01-01T10:30:00.5+01:00", 1577871000.0),
        ("Wed Jan  1 00:00:00 2020", 1577836800.0),
        ("12", None),
        ("hello", None),
        ("2020-13-01", None),
        ("2020-01-01x", None),
    ],
)
def test_texts_that_look_like_dates(text: str, unix: float | None) -> None:
    assert parse_guess(text) == unix


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("", "abc", (0, 0)),
        ("b", "abc", (1, 2)),
        ("^b", "abc", None),
        ("a|ab", "ab", (0, 1)),  # leftmost first, not longest
        ("a+?", "aaa", (0, 1)),
        ("(?U)a+", "aaa", (0, 1)),
        ("(?i)HELLO", "say hello", (4, 9)),
        ("(?i:A)b", "aB", None),
        ("a(?i)b", "aB", (0, 2)),
        ("a.c", "a\nc", None),
        ("(?s)a.c", "a\nc", (0, 3)),
        ("a$", "a\n", None),  # the end of text only
        ("(?m)^b$", "a\nb\nc", (2, 3)),
        ("a{,2}", "a{,2}", (0, 5)),
        ("a{2}", "aaa", (0, 2)),
        ("a{2,}", "aaaa", (0, 4)),
        ("[[:alpha:]]+", "12ab", (2, 4)),
        ("[^[:alpha:]]", "ab1", (2, 3)),
        ("[]a]", "]", (0, 1)),
        ("[a-]", "-", (0, 1)),
        (r"[\d-]+", "1-2", (0, 3)),
        (r"\s", "\v", None),  # unlike elsewhere, no vertical tab
        (r"\bfoo\b", "a foo b", (2, 5)),
        (r"\Bo", "foo", (1, 2)),
        (r"\x41\x{42}\101", "ABA", (0, 3)),
        (r"\Qa.b\E+", "a.bb", (0, 4)),
        (r"\A(?:a|b)*\z", "abab", (0, 4)),
        ("(a*)*", "b", (0, 0)),
        ("(?P<y>x)(?<z>y)", "xy", (0, 2)),
        ("é", "caf\u00e9", (3, 4)),
    ],
)
def test_regex(pattern: str, text: str, found: tuple[int, int] | None) -> None:
    match = compile_regex(pattern).find(text)
    assert (match and match[0]) == found


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "[b-a]", "*", "a**", "a++", "a{1001}", "a{2,1}", r"\1", r"\y", "(?=a)", "(?!a)", "(?<=a)", "(?>a)",
     "(?P=x)", "(?#c)", r"\pL", "[[:foo:]]", "(?P<a>x)(?P<a>y)", "a\\", "((a{500}){500}){500}", "(" * 500],
)  # fmt: skip
def test_regex_refusal(pattern: str) -> None:
    with pytest.raises(ExpressionError, match="error parsing regexp"):
        compile_regex(pattern)


def test_regex_work_is_bounded() -> None:
    assert not compile_regex("^(a+)+$").matches("a" * 5000 + "b")
    assert not compile_regex("(x+x+)+y").matches("x" * 3000)
    with pytest.raises(ExpressionError, match="too long"):
        compile_regex("a{1000}b").matches("a" * 100_000)


def test_regex_replace_and_split() -> None:
    regex = compile_regex("a(?P<n>x*)b")
    assert regex.replace_all("-ab-axxb-", lambda m: regex.expand("<$n|${1}|$0|$$|$zz>", "-ab-axxb-", m)) == (
        "-<||ab|$|>-<xx|xx|axxb|$|>-"
    )
    assert compile_regex("").split("abc") == ["a", "b", "c"]
    assert compile_regex(",").split("a,b,c", 2) == ["a", "b,c"]
    assert compile_regex("x*").replace_all("baaac", lambda m: "-") == "-b-a-a-a-c-"
