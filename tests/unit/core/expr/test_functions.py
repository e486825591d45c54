"""Built-in functions, Argo's own, and sprig's, each by what users see of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from setpoint.core.expr import Ambient, ExpressionError, evaluate
from setpoint.core.expr._functions import ARGO_FUNCTIONS, BUILTINS, PREDICATES, SPRIG

AMBIENT = Ambient(datetime(2026, 11, 23, 12, 30, tzinfo=UTC), b"seed")
ENV: dict[str, Any] = {
    "t": {"n": "7", "j": '{"a": [1, {"b": "c"}, 3], "name": "x", "o": {"p.q": 5}}'},
    "m": {"b": 2, "a": 1},
}

BUILTIN_ROWS: list[tuple[str, Any]] = [
    ("len('héé')", 3),
    ("len([1, 2])", 2),
    ("len(m)", 2),
    ("type(1)", "int"),
    ("type(1.5)", "float"),
    ("type(nil)", "nil"),
    ("type(m)", "map"),
    ("type([1])", "array"),
    ("type(now())", "time.Time"),
    ("abs(-3)", 3),
    ("ceil(1.2)", 2.0),
    ("floor(-1.2)", -2.0),
    ("round(2.5)", 3.0),
    ("round(-2.5)", -3.0),
    ("round(0.49999999999999994)", 0.0),
    ("int('42')", 42),
    ("int(1.9)", 1),
    ("int(-1.9)", -1),
    ("float('1.5')", 1.5),
    ("string(1.0)", "1"),
    ("string(1000000.0)", "1e+06"),
    ("string(nil)", "<nil>"),
    ("string([1, 'a', [true]])", "[1 a [true]]"),
    ("string(m)", "map[a:1 b:2]"),
    ("trim('  a ')", "a"),
    ("trim('xax', 'x')", "a"),
    ("trimPrefix('foobar', 'foo')", "bar"),
    ("trimSuffix('foobar', 'bar')", "foo"),
    ("upper('a') + lower('B')", "Ab"),
    ("split('a,b,c', ',')", ["a", "b", "c"]),
    ("split('a,b,c', ',', 2)", ["a", "b,c"]),
    ("split('abc', '')", ["a", "b", "c"]),
    ("splitAfter('a,b', ',')", ["a,", "b"]),
    ("replace('aaa', 'a', 'b')", "bbb"),
    ("replace('aaa', 'a', 'b', 2)", "bba"),
    ("repeat('ab', 3)", "ababab"),
    ("join(['a', 'b'], '-')", "a-b"),
    ("join(['a', 'b'])", "ab"),
    ("indexOf('héllo', 'l')", 3),  # bytes
    ("lastIndexOf('hello', 'l')", 3),
    ("indexOf('a', 'z')", -1),
    ("hasPrefix('foo', 'f') and hasSuffix('foo', 'o')", True),
    ("max(1, [5, 2], 3)", 5),
    ("min([4, 2.5])", 2.5),
    ("mean(1, [2, 3])", 2.0),
    ("mean([])", 0.0),
    ("median([3, 1, 2, 10])", 2.5),
    ("toJSON({b: 1, a: ['<']})", '{\n  "a": [\n    "\\u003c"\n  ],\n  "b": 1\n}'),
    ("fromJSON('{\"a\": [1]}').a[0]", 1.0),
    ("toBase64('hé') | fromBase64()", "hé"),
    ("first([1, 2])", 1),
    ("last([1, 2])", 2),
    ("first([])", None),
    ("get(m, 'zz')", None),
    ("get([1], 9)", None),
    ("take([1, 2, 3], 2)", [1, 2]),
    ("take([1], 5)", [1]),
    ("keys(m) | sort()", ["a", "b"]),
    ("values(m) | sum()", 3),
    ("toPairs({a: 1})", [["a", 1]]),
    ("fromPairs([['a', 1], [2, 3]])[2]", 3),
    ("groupBy(1..9, # % 2)[0]", [2, 4, 6, 8]),
    ("groupBy(1..3, # > 1)[true]", [2, 3]),
    ("groupBy(1..3, # > 1 ? nil : '')[nil]", [2, 3]),
    ("0 in groupBy(1..9, # % 2)", True),
    ("reverse([1, 2])", [2, 1]),
    ("uniq([1, 1.0, 'a', 'a', [1], [1]])", [1, "a", [1]]),
    ("concat([1], [2, 3])", [1, 2, 3]),
    ("flatten([1, [2, [3]]])", [1, 2, 3]),
    ("sort([3, 1.5, 2])", [1.5, 2, 3]),
    ("sort(['b', 'a'], 'desc')", ["b", "a"]),
    ("bitand(6, 3)", 2),
    ("bitor(6, 3)", 7),
    ("bitxor(6, 3)", 5),
    ("bitnand(6, 3)", 4),
    ("bitnot(0)", -1),
    ("bitshl(1, 4)", 16),
    ("bitshl(1, 64)", 0),
    ("bitshr(-8, 1)", -4),
    ("bitushr(-1, 63)", 1),
]
TIME_ROWS: list[tuple[str, Any]] = [
    ("now().Year()", 2026),
    ("now().Month() == now().Month()", True),
    ("string(now().Month())", "November"),
    ("string(now().Weekday())", "Monday"),
    ("now().YearDay()", 327),
    ("date('2026-11-23T12:30:00Z') == now()", True),
    ("date('2020-02-29').AddDate(1, 0, 0).Format('2006-01-02')", "2021-03-01"),
    ("date('23/11/2026', '02/01/2006').Unix()", 1795392000),
    ("date('2026-07-01', '2006-01-02', 'Europe/Zurich').UTC().Format('15:04')", "22:00"),
    ("date('2026-07-01 00:00:00').In(timezone('Europe/Zurich')).Format('15:04 MST -07:00')", "02:00 CEST +02:00"),
    ("(date('2026-01-02') - date('2026-01-01')).Hours()", 24.0),
    ("string(date('2026-01-02') + duration('90m'))", "2026-01-02 01:30:00 +0000 UTC"),
    ("duration('1h30m').Minutes()", 90.0),
    ("string(2 * duration('1h'))", "2h0m0s"),
    ("duration('1h') > duration('59m')", True),
    ("date('2026-01-01').Before(date('2026-01-02'))", True),
    ("toJson(date('2026-01-01'))", '"2026-01-01T00:00:00Z"'),
    ("toJson(duration('1us'))", "1000"),
    ("date('Mon, 02 Jan 2006 15:04:05 UTC').Format('Jan _2 3:04PM')", "Jan  2 3:04PM"),
    ("date('2026-01-01T10:00:00.123456789Z').Format('.000000000')", ".123456789"),
    ("date('2026-01-01T10:00:00.5Z').Truncate(duration('1h')).Format('15:04:05.9')", "10:00:00"),
]
ARGO_ROWS: list[tuple[str, Any]] = [
    ("asInt(t.n)", 7),
    ("asFloat(t.n)", 7.0),
    ("toJson({b: [1.0, 2.5], a: '&'})", '{"a":"\\u0026","b":[1,2.5]}'),
    ("jsonpath(t.j, '$.name')", "x"),
    ("jsonpath(t.j, '$.a[1].b')", "c"),
    ("jsonpath(t.j, '$.a[-1]')", 3.0),
    ("jsonpath(t.j, '$')['name']", "x"),
    ("jsonpath(t.j, \"$['o']['p.q']\")", 5.0),
    ("jsonpath(t.j, '$.a[0,2]')", [1.0, 3.0]),
    ("jsonpath(t.j, '$.a[:2]')", [1.0, {"b": "c"}]),
    ("jsonpath(t.j, '$..b')", ["c"]),
    ('jsonpath(\'[{"v":1,"n":"a]"},{"v":2}]\', \'$[?(@.v > 1 || @.n == "a]")].v\')', [1.0, 2.0]),
    ("jsonpath('[{\"v\":1},{\"w\":2}]', '$[?(!(@.w))].v')", [1.0]),
    ("jsonpath('[{\"v\":1},{\"v\":2}]', '$[?(@.v == $[1].v)].v')", [2.0]),
    ('jsonpath(\'[{"n":"ab"},{"n":"cd"}]\', \'$[?(@.n =~ /^a/)].n\')', ["ab"]),
]
SPRIG_ROWS: list[tuple[str, Any]] = [
    ("sprig.trimSuffix('b', 'aab')", "aa"),
    ("sprig.trimAll('$', '$5$')", "5"),
    ("sprig.repeat(2, 'ab')", "abab"),
    ("sprig.trunc(3, 'hello')", "hel"),
    ("sprig.trunc(-2, 'hello')", "lo"),
    ("sprig.substr(1, 3, 'hello')", "el"),
    ("sprig.abbrev(6, 'hello world')", "hel..."),
    ("sprig.abbrevboth(5, 10, '1234 5678 9123')", "...5678..."),
    ("sprig.title('hello world')", "Hello World"),
    ("sprig.untitle('Hello World')", "hello world"),
    ("sprig.initials('First Try')", "FT"),
    ("sprig.nospace(' a b ')", "ab"),
    ("sprig.contains('a', 'cat')", True),
    ("sprig.quote('a\"b', 1, nil)", '"a\\"b" "1"'),
    ("sprig.squote('a', true)", "'a' 'true'"),
    ("sprig.cat('a', nil, 1)", "a 1"),
    ("sprig.nindent(2, 'a\\nb')", "\n  a\n  b"),
    ("sprig.replace(' ', '-', 'a b')", "a-b"),
    ("sprig.plural('one', 'many', 2)", "many"),
    ("sprig.join(',', [1, 'a', nil])", "1,a"),
    ("sprig.split('/', 'a/b')._1", "b"),
    ("sprig.splitList('/', 'a/b')", ["a", "b"]),
    ("sprig.splitn('/', 2, 'a/b/c')", {"_0": "a", "_1": "b/c"}),
    ("sprig.sortAlpha(['b', 'a', 1])", ["1", "a", "b"]),
    ("sprig.b64enc('hi')", "aGk="),
    ("sprig.b64dec('aGk=')", "hi"),
    ("sprig.b64dec('a!')", "illegal base64 data at input byte 1"),
    ("sprig.b32enc('hi')", "NBUQ===="),
    ("sprig.sha256sum('hello world')", "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"),
    ("sprig.sha1sum('a')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("sprig.adler32sum('Wikipedia')", "300286872"),
    ("sprig.regexMatch('^a+$', 'aa')", True),
    ("sprig.regexMatch('(', 'aa')", False),
    ("sprig.regexFind('[a-z]+', '12ab')", "ab"),
    ("sprig.regexFindAll('[0-9]', 'a1b2c3', 2)", ["1", "2"]),
    ("sprig.regexReplaceAll('a(x*)b', '-ab-axxb-', '${1}W')", "-W-xxW-"),
    ("sprig.regexReplaceAllLiteral('a(x*)b', '-ab-axxb-', '${1}')", "-${1}-${1}-"),
    ("sprig.regexSplit('z+', 'pizza', -1)", ["pi", "a"]),
    ("sprig.regexQuoteMeta('1.2')", "1\\.2"),
    ("sprig.base('/a/b.txt')", "b.txt"),
    ("sprig.dir('/a/b/../c')", "/a"),
    ("sprig.clean('/a/./b/../c/')", "/a/c"),
    ("sprig.ext('x.tar.gz')", ".gz"),
    ("sprig.add(1, '2', 3.9)", 6),
    ("sprig.add1('9')", 10),
    ("sprig.sub(3, 5)", -2),
    ("sprig.mul(2, 3, 4)", 24),
    ("sprig.div(-7, 2)", -3),
    ("sprig.mod(-7, 2)", -1),
    ("sprig.max(1, '5', 3)", 5),
    ("sprig.min(2, 1)", 1),
    ("sprig.int('zz')", 0),
    ("sprig.int('010')", 8),  # a leading zero is octal to the cast
    ("sprig.int('1.0')", 1),
    ("sprig.int('1.5')", 0),
    ("sprig.int(true)", 1),
    ("sprig.atoi('010')", 10),
    ("sprig.float64('x')", 0.0),
    ("sprig.addf(0.1, 0.2)", 0.3),
    ("sprig.subf(7.5, 2, 3)", 2.5),
    ("sprig.divf(10, 4)", 2.5),
    ("sprig.round(123.5555, 3)", 123.556),
    ("sprig.floor('1.9')", 1.0),
    ("sprig.until(3)", [0, 1, 2]),
    ("sprig.untilStep(3, 6, 2)", [3, 5]),
    ("sprig.seq(5)", "1 2 3 4 5"),
    ("sprig.seq(0, 2, 6)", "0 2 4 6"),
    ("sprig.seq(2, -2)", "2 1 0 -1 -2"),
    ("sprig.default('d', '')", "d"),
    ("sprig.default('d', 0)", "d"),
    ("sprig.default('d', 'x')", "x"),
    ("sprig.empty([])", True),
    ("sprig.coalesce(0, '', 'a')", "a"),
    ("sprig.ternary('y', 'n', false)", "n"),
    ("sprig.toJson({a: '<'})", '{"a":"\\u003c"}'),
    ("sprig.toRawJson({a: '<'})", '{"a":"<"}'),
    ("sprig.toPrettyJson([1])", "[\n  1\n]"),
    ("sprig.fromJson('[1]')", [1.0]),
    ("sprig.fromJson('rubbish')", None),
    ("sprig.typeOf(1.5)", "float64"),
    ("sprig.kindOf({})", "map"),
    ("sprig.kindIs('slice', [])", True),
    ("sprig.dict('a', 1, 'b')", {"a": 1, "b": ""}),
    ("sprig.get(m, 'zz')", ""),
    ("sprig.set(m, 'c', 3).c", 3),
    ("sprig.unset(m, 'a')", {"b": 2}),
    ("sprig.hasKey(m, 'a')", True),
    ("sprig.pluck('a', m, {a: 9})", [1, 9]),
    ("sprig.pick(m, 'a')", {"a": 1}),
    ("sprig.omit(m, 'a')", {"b": 2}),
    ("sprig.merge({a: {x: 1}}, {a: {x: 2, y: 3}})", {"a": {"x": 1, "y": 3}}),
    ("sprig.mergeOverwrite({a: {x: 1}}, {a: {x: 2}})", {"a": {"x": 2}}),
    ("sprig.dig('a', 'b', 'd', {a: {b: 1}})", 1),
    ("sprig.dig('a', 'z', 'd', {a: {b: 1}})", "d"),
    ("sprig.append([1], 2)", [1, 2]),
    ("sprig.prepend([1], 2)", [2, 1]),
    ("sprig.rest([1, 2])", [2]),
    ("sprig.initial([1, 2])", [1]),
    ("sprig.without([1, 2, 3], 2)", [1, 3]),
    ("sprig.has(4, [1, 4])", True),
    ("sprig.compact([1, '', 0, 'a'])", [1, "a"]),
    ("sprig.chunk(2, [1, 2, 3])", [[1, 2], [3]]),
    ("sprig.slice([1, 2, 3], 1, 3)", [2, 3]),
    ("sprig.date('2006-01-02 15:04', 0)", "1970-01-01 00:00"),
    ("sprig.dateInZone('15:04', now(), 'Europe/Zurich')", "13:30"),
    ("sprig.dateModify('-1h', now()).Hour()", 11),
    ("sprig.unixEpoch(now())", "1795437000"),
    ("sprig.toDate('2006-01-02', '2026-01-02').Day()", 2),
    ("sprig.duration('95')", "1m35s"),
    ("sprig.durationRound('2h10m5s')", "2h"),
    ("sprig.ago(now())", "0s"),
    ("len(sprig.randAlphaNum(8))", 8),
    ("sprig.uuidv4() matches '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'", True),
    ("sprig.uuidv4() == sprig.uuidv4()", False),
    ("sprig.shuffle('abc') | split('') | sort()", ["a", "b", "c"]),
]
CASE_ROWS: list[tuple[str, Any]] = [
    (f"sprig.{name}case('{text}')", expected)
    for text, snake, camel in (
        ("FirstName", "first_name", "FirstName"),
        ("HTTPServer", "http_server", "Httpserver"),
        ("NoHTTPS", "no_https", "NoHTTPS"),
        ("GO_PATH", "go_path", "GoPath"),
        ("GO PATH", "go_path", "GoPath"),
        ("http2xx", "http_2xx", "Http2xx"),
        ("HTTP20xOK", "http_20x_ok", "Http20xOK"),
        ("Duration2m3s", "duration_2m3s", "Duration2m3s"),
        ("Bld4Floor3rd", "bld4_floor_3rd", "Bld4Floor3rd"),
        ("_complex__case_", "_complex__case_", "_Complex_Case_"),
        ("some-words", "some_words", "SomeWords"),
        ("a.b", "a.b", "A.b"),
        ("", "", ""),
    )
    for name, expected in (("snake", snake), ("camel", camel), ("kebab", snake.replace("_", "-")))
]
WORD_ROWS: list[tuple[str, Any]] = [
    ("sprig.wrap(5, 'one two three')", "one\ntwo\nthree"),
    ("sprig.wrap(3, 'longest word')", "longest\nword"),
    ("sprig.wrapWith(3, '|', 'longest')", "lon|ges|t"),
    ("sprig.wrap(80, 'short')", "short"),
    (
        "sprig.urlParse('http://u:p@Host:80/a%20b?q=1#f')",
        {
            "scheme": "http", "host": "Host:80", "hostname": "Host", "path": "/a b", "query": "q=1", "opaque": "",
            "fragment": "f", "userinfo": "u:p",
        },
    ),
    ("sprig.urlParse('mailto:a@b').opaque", "a@b"),
    ("sprig.urlParse('http://[::1]:80/').hostname", "::1"),
    ("sprig.urlJoin(sprig.urlParse('http://u:p@host:80/a%20b?q=1#f'))", "http://u:p@host:80/a%20b?q=1#f"),
    ("sprig.urlJoin({scheme: 'https', host: 'h', path: 'x'})", "https://h/x"),
    ("toJson(sprig.semver('v1.2'))", '"1.2.0"'),
    ("sprig.semver('1.2.3-rc.1+b').Prerelease() + sprig.semver('1.2.3+b').Metadata()", "rc.1b"),
    ("sprig.semver('1.2.3').Minor()", 2),
]  # fmt: skip
VERSION_ROWS: list[tuple[str, Any]] = [
    (f"sprig.semverCompare('{constraint}', '{version}')", expected)
    for constraint, yes, no in (
        ("", "1.2.3 0.0.0", "1.2.3-rc"),
        ("*", "1.2.3", "1.0-a"),
        ("1.2.3", "1.2.3 v1.2.3 1.2.3+x", "1.2.4"),
        ("=1.2", "1.2.0 1.2.9", "1.3.0"),
        ("1.x", "1.0.0 1.9.9", "2.0.0"),
        ("!=1.2.3", "1.2.4", "1.2.3"),
        ("!=1.x", "2.0.0", "1.5.0"),
        (">1.2", "1.3.0 2.0.0", "1.2.9 1.2.0"),
        (">11", "12.0.0", "11.1.0"),
        (">1.2.3", "1.2.4", "1.2.3"),
        ("<1.2", "1.1.9", "1.2.0"),
        ("<=1.2", "1.2.9 1.1.0", "1.3.0"),
        (">=1.2", "1.2.0", "1.1.9"),
        ("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"),
        ("~1", "1.9.0", "2.0.0"),
        ("~>1.2", "1.2.5", "1.3.0"),
        ("^1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2"),
        ("^0.2.3", "0.2.9", "0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0.0", "0.0.9", "0.1.0"),
        ("^0", "0.9.0", "1.0.0"),
        (">=1.2, <3", "1.2.0 2.9.9", "3.0.0"),
        (">=1.2 <3 || 5.x", "2.0.0 5.1.0", "4.0.0"),
        ("1.2 - 1.4.5", "1.2.0 1.4.5", "1.4.6 1.1.0"),
        (">=1.2.3-0", "1.2.3-rc 1.3.0", "1.2.2"),
        (">1.2.3-rc.2", "1.2.3-rc.10 1.2.3", "1.2.3-rc.1 1.2.3-alpha"),
    )
    for versions, expected in ((yes, True), (no, False))
    for version in versions.split()
]
ROWS = CASE_ROWS + WORD_ROWS + VERSION_ROWS + BUILTIN_ROWS + TIME_ROWS + ARGO_ROWS + SPRIG_ROWS


@pytest.mark.parametrize(("text", "expected"), ROWS, ids=[text for text, _ in ROWS])
@pytest.mark.rule("expressions.sprig", "expressions.exprlang-times")
def test_value(text: str, expected: Any) -> None:
    found = evaluate(text, ENV, ambient=AMBIENT)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int('1.5')", "invalid operation: int(1.5)"),
        ("int('')", "invalid operation"),
        ("int('9223372036854775808')", "invalid operation"),
        ("float('x')", "invalid operation: float(x)"),
        ("len(1)", "invalid argument for len (type int)"),
        ("upper(1)", "needs a string"),
        ("join([1])", "needs a string"),
        ("sort([1, 'a'])", "invalid operation: int < string"),
        ("sort([1], 'up')", "invalid order up"),
        ("repeat('a', -1)", "positive integer"),
        ("repeat('a', 2000000)", "memory budget exceeded"),
        ("fromJSON('{')", "invalid JSON"),
        ("fromJSON('NaN')", "invalid character"),
        ("fromJSON('1e999')", "cannot unmarshal"),
        ("fromBase64('!')", "illegal base64"),
        ("keys([1])", "cannot get keys"),
        ("take([1], -1)", "cannot take -1"),
        ("fromPairs([[1]])", "invalid pair"),
        ("bitshl(1, -1)", "negative shift"),
        ("toJSON(1 / 0)", "unsupported value: +Inf"),
        ("toJson(groupBy([1], #))", "unsupported type"),
        ("toJson(fromPairs([['a', 1]]))", "unsupported type"),
        ("date('x')", "invalid date x"),
        ("date('2021-02-29')", "invalid date"),
        ("date('x', '2006')", 'parsing time "x" as "2006"'),
        ("duration('5')", "missing unit in duration"),
        ("duration('x')", "invalid duration"),
        ("timezone('Mars/Base')", "unknown time zone Mars/Base"),
        ("timezone('../../etc/passwd')", "unknown time zone"),
        ("now().Foo()", "unknown or unsupported method Foo of time.Time"),
        ("now().Format()", "expected 1, got 0"),
        ("jsonpath('{', '$')", "invalid JSON"),
        ("jsonpath('{}', 'a')", "must begin with $"),
        ("jsonpath('{}', '$.a')", "names nothing"),
        ("jsonpath('{}', '$[')", "not closed"),
        ("jsonpath('{}', '$[(@.length-1)]')", "scripts"),
        ("jsonpath(toJson(map(1..300, 1..300)), '$..*..*')", "more than"),
        ("jsonpath('{}', '$[?(@.a ~ 1)]')", "not supported in a filter"),
        ("sprig.div(1, 0)", "divide by zero"),
        ("sprig.divf(1, 0)", "division by 0"),
        ("sprig.repeat('a', 2)", "argument 1 of sprig.repeat must be an int, got string"),
        ("sprig.fail('stop here')", "stop here"),
        ("sprig.mustFromJson('x')", "invalid JSON"),
        ("sprig.regexFind('(', 'a')", "error parsing regexp"),
        ("sprig.substr(3, 1, 'hello')", "out of range"),
        ("sprig.until(100000000)", "memory budget"),
        ("sprig.genCA('a', 1)", "sprig.genCA is not available: expressions make no secrets"),
        ("sprig.getHostByName('a')", "do not use the network"),
        ("sprig.semver('x')", "Invalid Semantic Version: 'x'"),
        ("sprig.semverCompare('>>1', '1')", "improper constraint: >>1"),
        ("sprig.semverCompare('1.2>=1', '1.0')", "improper constraint: 1.2>=1"),
        ("sprig.semverCompare('1', 'x')", "Invalid Semantic Version"),
        ("sprig.semver('1').Foo()", "unknown or unsupported method Foo of *semver.Version"),
        ("sprig.urlParse('http://[::1')", "unable to parse url"),
        ("sprig.urlJoin({host: 1})", "unable to parse host key"),
        ("sprig.date('2006', 'x')", "needs a time"),
        ("sprig.randAlpha(100000000)", "0 to 10000"),
    ],
)
def test_refusal(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, ENV, ambient=AMBIENT)
    assert message in str(caught.value)


@pytest.mark.rule("expressions.exprlang-builtins", "tags.functions")
def test_the_table_holds_all_builtins_of_the_language() -> None:
    words = """
        all none any one filter map find findIndex findLast findLastIndex count sum groupBy sortBy reduce len
        type abs ceil floor round int float string trim trimPrefix trimSuffix upper lower split splitAfter
        replace repeat join indexOf lastIndexOf hasPrefix hasSuffix max min mean median toJSON fromJSON toBase64
        fromBase64 now duration date timezone first last get take keys values toPairs fromPairs reverse uniq
        concat flatten sort bitand bitor bitxor bitnand bitshl bitshr bitushr bitnot
    """
    assert set(BUILTINS) | set(PREDICATES) == set(words.split())
    assert set(ARGO_FUNCTIONS) == {"asInt", "asFloat", "toJson", "jsonpath"}
    assert not {"sprig.env", "sprig.expandenv"} & set(SPRIG)


def test_an_evaluation_leaves_its_environment_alone() -> None:
    env = {"m": {"a": 1}, "l": [3, 1, 2]}
    for text in ("sprig.set(m, 'b', 2)", "sprig.unset(m, 'a')", "sort(l)", "reverse(l)", "sprig.merge(m, {c: 1})"):
        evaluate(text, env)
    assert env == {"m": {"a": 1}, "l": [3, 1, 2]}


def test_the_same_seed_draws_the_same() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    text = "sprig.randAlphaNum(20) + sprig.uuidv4()"
    first = evaluate(text, {}, ambient=Ambient(now, b"a"))
    assert first == evaluate(text, {}, ambient=Ambient(now, b"a"))
    assert first != evaluate(text, {}, ambient=Ambient(now, b"b"))
