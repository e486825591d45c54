"""The Common Expression Language, as rules use it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from setpoint.core.customresources.cel import (
    CelCostExceeded,
    CelError,
    CelSyntaxError,
    CelUnknownFunction,
    adapt,
    compile_expression,
)

COST = 10_000


def run(text: str, value: Any = None, schema: dict[str, Any] | None = None) -> Any:
    return compile_expression(text).run({"self": adapt(value, schema or {})}, COST)[0]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("7.0 / 2.0", 3.5),
        ("0x10", 16),
        ("1.5e3", 1500.0),
        ("'a' + \"b\"", "ab"),
        (r"'\n\x41\u00e9\'' ", "\nAé'"),
        (r"r'\n'", "\\n"),
        ("b'ab'", b"ab"),
        ("[1, 2] + [3]", [1, 2, 3]),
        ("{'a': 1}['a']", 1),
        ("true ? 1 : false ? 2 : 3", 1),
        ("!true || 1 < 2 && 2 <= 2", True),
        ("!!true", True),
        ("1 == 1.0", True),
        ("1 == true", False),
        ("'1' == 1", False),
        ("[1, [2]] == [1, [2]]", True),
        ("{'a': 1} != {'a': 2}", True),
        ("2 in [1, 2]", True),
        ("'a' in {'a': 1}", True),
        ("1.5 > 1", True),
        ("null == null", True),
        ("type(1) == int && type('a') == string", True),
        ("size([1, 2]) + 'abc'.size()", 5),
        ("int('5') + int(2.9)", 7),
        ("string(1.0) + string(true)", "1true"),
        ("double(1) + 0.5", 1.5),
        ("bool('true')", True),
        ("string(b'x')", "x"),
        ("// a comment\n1", 1),
    ],
)
def test_the_language_has_its_values_and_operators(text: str, wanted: Any) -> None:
    found = run(text)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[1, 2, 3].all(x, x > 0)", True),
        ("[1, 2, 3].exists(x, x > 2)", True),
        ("[1, 2, 3].exists_one(x, x > 1)", False),
        ("[1, 2, 3].map(x, x * 2)", [2, 4, 6]),
        ("[1, 2, 3].map(x, x > 1, x * 2)", [4, 6]),
        ("[1, 2, 3].filter(x, x != 2)", [1, 3]),
        ("{'a': 1, 'b': 2}.all(k, k != 'c')", True),
        ("[[1], [2]].all(x, x.all(y, y > 0))", True),
        ("[1, 2].all(i, v, v == i + 1)", True),
        ("{'a': 1}.exists(k, v, k == 'a' && v == 1)", True),
        ("cel.bind(x, 5, x + x)", 10),
        ("[1].map(x, [2].map(x, x)[0] + x)", [3]),
        ("[].all(x, false)", True),
        ("[0, 1].exists(x, 1 / x == 1)", True),
        ("[0, 2].all(x, 1 / x == 1)", False),
    ],
)
def test_macros_go_over_lists_and_maps(text: str, wanted: Any) -> None:
    assert run(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("'abc'.startsWith('ab') && 'abc'.endsWith('bc') && 'abc'.contains('b')", True),
        ("'abc'.matches('^[a-c]+$') && matches('abc', 'b')", True),
        ("'a,b,c'.split(',')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("['a', 'b'].join('-') + ['a', 'b'].join()", "a-bab"),
        ("'aXb'.lowerAscii() + 'aé'.upperAscii()", "axbAé"),
        ("'a-b-c'.replace('-', '+', 1)", "a+b-c"),
        ("' x '.trim()", "x"),
        ("'abc'.substring(1) + 'abc'.substring(0, 1)", "bca"),
        ("'abcb'.indexOf('b') + 'abcb'.lastIndexOf('b')", 4),
        ("'abc'.charAt(1)", "b"),
        ("'a1b22'.find('[0-9]+') + 'x'.find('[0-9]')", "1"),
        ("'a1b22'.findAll('[0-9]+')", ["1", "22"]),
        ("'%s is %d, %.2f'.format(['x', 3, 1.5])", "x is 3, 1.50"),
        ("[3, 1, 2].max() + [3, 1, 2].min() + [1, 2].sum()", 7),
        ("[1, 2].isSorted() && ![2, 1].isSorted()", True),
        ("['a', 'b'].indexOf('b')", 1),
        ("sets.contains([1, 2], [1]) && sets.equivalent([1, 2], [2, 1, 1]) && !sets.intersects([1], [2])", True),
        ("duration('1h30m') > duration('90s') && duration('1h').getMinutes() == 60", True),
        ("timestamp('2026-01-02T03:04:05Z').getFullYear()", 2026),
        ("timestamp('2026-01-02T23:04:05Z').getHours('+02:00')", 1),
        ("timestamp('2026-01-02T03:04:05Z') - timestamp('2026-01-02T03:04:00Z') == duration('5s')", True),
        ("string(timestamp('2026-01-02T03:04:05Z') + duration('1s'))", "2026-01-02T03:04:06Z"),
        ("url('https://example.com:80/a?b=c').getHost() + url('/x').getEscapedPath()", "example.com:80/x"),
        ("isURL('https://a') && !isURL('a b')", True),
        ("ip('10.0.0.1').family() == 4 && isIP('::1') && !isIP('x')", True),
        ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && isCIDR('10.0.0.0/8')", True),
        ("quantity('1Gi').isGreaterThan(quantity('1000Mi')) && isQuantity('5') && !isQuantity('x')", True),
        ("quantity('1k').add(quantity('1')).asInteger()", 1001),
        ("optional.of(1).orValue(2) + optional.none().orValue(2)", 3),
        ("optional.of(1).optMap(x, x + 1).value()", 2),
        ("base64.decode(base64.encode(b'a')) == b'a'", True),
        ("math.greatest(1, 2) + math.least([5, 3])", 5),
    ],
)
def test_functions_do_what_kubernetes_does(text: str, wanted: Any) -> None:
    assert run(text) == wanted


def test_fields_are_selected_tested_and_optional() -> None:
    value = {"a": {"b": 1}, "namespace": "n", "x-y": 2, "list": ["p"]}
    assert run("self.a.b", value) == 1
    assert run("has(self.a.b) && !has(self.c)", value) is True
    assert run("self.__namespace__ + string(self.x__dash__y)", value) == "n2"
    assert run("self.?c.?d.orValue(7)", value) == 7
    assert run("self.?a.b.orValue(7)", value) == 1
    assert run("self.list[?1].hasValue()", value) is False
    assert run("self.a['b']", value) == 1


def test_values_have_the_types_of_their_schema() -> None:
    schema = {
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "wait": {"type": "string", "format": "duration"},
            "data": {"type": "string", "format": "byte"},
            "rate": {"type": "number"},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        }
    }
    value = {"at": "2026-01-02T03:04:05Z", "wait": "5m", "data": "YQ==", "rate": 1, "set": ["a", "b"]}
    assert run("self.at", value, schema) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert run("self.wait", value, schema) == timedelta(minutes=5)
    assert run("self.data == b'a'", value, schema) is True
    assert run("self.rate / 2.0", value, schema) == 0.5
    assert run("self.set + ['b', 'c']", value, schema) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("self.a", "no such key: a"),
        ("{'a': 1}['b']", "no such key: b"),
        ("[1][1]", "index out of bounds: 1"),
        ("self[1]", "no such key: 1"),
        ("self[[]]", "no such overload"),
        ("1 in self ? 1 : self.a", "no such key: a"),
        ("1 / 0", "divide by zero"),
        ("1 % 0", "modulus by zero"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("1 + 'a'", "no such overload"),
        ("1 + 1.0", "no such overload"),
        ("1 < 'a'", "no such overload"),
        ("!1", "no such overload"),
        ("1 ? 2 : 3", "no such overload"),
        ("1 && true", "no such overload"),
        ("nothing", "undeclared reference to 'nothing'"),
        ("duration('x')", "invalid duration: 'x'"),
        ("timestamp('x')", "invalid timestamp: 'x'"),
        ("int('x')", "type conversion error from string to int: 'x'"),
        ("'abc'.substring(4)", "index out of range: 4"),
        ("'a'.matches('(')", "error parsing regexp: missing closing ): `(`"),
        ("optional.none().value()", "optional.none() dereference"),
        ("quantity('1e999999999').asInteger()", "the quantity is too large"),
        ("[].max()", "max called on empty list"),
    ],
)
def test_what_fails_says_why(text: str, reason: str) -> None:
    with pytest.raises(CelError) as caught:
        run(text, {})
    assert caught.value.reason == reason


def test_lists_that_are_maps_are_joined_by_their_keys() -> None:
    schema = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"], "items": {}}
    assert run("(self + [{'n': 'a', 'v': 2}]).map(x, x.v)", [{"n": "a", "v": 1}, {"n": "b", "v": 3}], schema) == [2, 3]
    with pytest.raises(CelError):
        run("self + [1]", [{"n": "a"}], schema)


def test_and_and_or_absorb_errors_of_the_side_that_does_not_matter() -> None:
    assert run("self.x || true", {}) is True
    assert run("self.x && false", {}) is False
    with pytest.raises(CelError):
        run("self.x && true", {})


@pytest.mark.parametrize(
    "text",
    ["", "1 +", "(1", "[1", "{'a' 1}", "self.", "a b", "has(a)", "[1].all(1, true)", "'a", "if", "#", "1 ? 2", r"'\q'"],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(CelSyntaxError):
        compile_expression(text)


@pytest.mark.parametrize("text", ["soundsLike('a')", "'a'.soundsLike('b')", "lists.nothing(1)"])
def test_an_unknown_function_is_known_as_such(text: str) -> None:
    with pytest.raises(CelUnknownFunction):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2_000 + "1" + ")" * 2_000,
        "!" * 2_000 + "true",
        "-" * 2_000 + "1",
        "1" + " + 1" * 2_000,
        "a" + ".a" * 2_000,
        "[" * 2_000,
        "1 ? " * 2_000,
        "x" * 30_000,
        "(1" + " + 1" * 90 + ")" + " + 1" * 90,
    ],
)
def test_what_is_nested_or_long_without_end_is_refused(text: str) -> None:
    with pytest.raises(CelSyntaxError):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))",
        "lists.range(1000000000).size() > 0",
        "self.map(a, self.map(b, self)) == self.map(a, self.map(b, self))",
    ],
)
def test_work_without_end_is_ended(text: str) -> None:
    with pytest.raises(CelCostExceeded):
        run(text, list(range(200)))


def test_text_does_not_grow_without_end() -> None:
    with pytest.raises(CelError):
        run("self.replace('', self)", "x" * 10_000)
