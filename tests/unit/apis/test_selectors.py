"""Label selectors: the grammar, what matches, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.selectors import Operator, Requirement, Selector, parse_selector, selector_from_spec

LABELS = {"app": "web", "tier": "2", "empty": "", "setpoint.dev/model": "tep"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("   ", True),
        ("app=web", True),
        ("app==web", True),
        ("app=db", False),
        ("app!=db", True),
        ("missing!=db", True),
        ("app", True),
        ("missing", False),
        ("!missing", True),
        ("! app", False),
        ("app in (web, db)", True),
        ("app in (db)", False),
        ("app notin (db,cache)", True),
        ("missing notin (db)", True),
        ("missing in (db)", False),
        ("empty=", True),
        ("app=", False),
        ("empty in (,x)", True),
        ("tier>1", True),
        ("tier > 2", False),
        ("tier<10", True),
        ("app<10", False),
        ("missing>1", False),
        ("setpoint.dev/model=tep,app=web,tier", True),
        ("setpoint.dev/model=tep,app=db", False),
        (" app = web , tier = 2 ", True),
    ],
)
def test_what_matches(text: str, expected: bool) -> None:
    assert parse_selector(text).matches(LABELS) is expected


@pytest.mark.parametrize(
    "text",
    [
        ",",
        "app=web,",
        ",app=web",
        "=web",
        "app in web",
        "app in (web",
        "app in web)",
        "app web",
        "app=web tier=2",
        "!",
        "!app=web",
        "app=(web)",
        "-app=web",
        "app=-web",
        "app=a/b",
        "a/b/c=x",
        "Upper.Prefix/x=1",
        "tier>",
        "tier>x",
        "app===web",
        "a" * 64,
        "app=" + "b" * 64,
    ],
)
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse_selector(text)
    assert repr(text) in caught.value.reason
    assert caught.value.path == "selector"


names = st.from_regex(r"[a-z]([a-z0-9.]{0,8}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in ("in", "notin")
)
values = st.one_of(st.just(""), names)


@st.composite
def requirements(draw: st.DrawFn) -> Requirement:
    operator = draw(st.sampled_from(list(Operator)))
    match operator:
        case Operator.EXISTS | Operator.DOES_NOT_EXIST:
            found: frozenset[str] = frozenset()
        case Operator.GREATER | Operator.LESS:
            found = frozenset({str(draw(st.integers(0, 100)))})
        case _:
            found = frozenset(draw(st.sets(values, min_size=1, max_size=3)))
    return Requirement(key=draw(names), operator=operator, values=found)


@given(st.lists(requirements(), min_size=1, max_size=4).map(lambda found: Selector(tuple(found))))
def test_the_text_of_a_selector_reads_back_as_it(selector: Selector) -> None:
    assert parse_selector(str(selector)) == selector


@given(st.text(alphabet="ab1=!,()<> in.-/", max_size=20))
def test_any_text_is_a_selector_or_one_clear_error(text: str) -> None:
    try:
        parse_selector(text).matches({"a": "1"})
    except InvalidSpec as error:
        assert error.path == "selector"


@given(requirements(), st.dictionaries(names, values, max_size=3))
def test_opposites(requirement: Requirement, labels: dict[str, str]) -> None:
    opposite = {
        Operator.IN: Operator.NOT_IN,
        Operator.EXISTS: Operator.DOES_NOT_EXIST,
    }.get(requirement.operator)
    if opposite is not None:
        other = Requirement(key=requirement.key, operator=opposite, values=requirement.values)
        assert requirement.matches(labels) is not other.matches(labels)


def test_the_selector_of_a_spec() -> None:
    selector = selector_from_spec(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["1", "2"]},
                {"key": "old", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector.matches(LABELS)
    assert not selector.matches(LABELS | {"old": "1"})
    assert str(selector) == "app=web,tier in (1,2),!old"
    assert selector_from_spec(None).matches({})
    assert not selector_from_spec({})


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"matchExpressions": [{"key": "a", "operator": "Is"}]}, "selector.matchExpressions[0].operator"),
        ({"matchExpressions": [{"key": "a", "operator": "In"}]}, "selector.matchExpressions[0]"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["1"]}]}, "selector.matchExpressions[0]"),
        ({"matchExpressions": [{"operator": "Exists"}]}, "selector.matchExpressions[0]"),
        ({"matchLabels": {"a b": "1"}}, "selector"),
    ],
)
def test_a_wrong_spec_is_refused_with_its_path(spec: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        selector_from_spec(spec)
    assert caught.value.path == path
