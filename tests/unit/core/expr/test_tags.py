"""Tags: finding them and filling them in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.core.expr import (
    Ambient,
    ExpressionError,
    Mode,
    Scope,
    Tag,
    find_tags,
    places_of,
    substitute,
    tags_of,
    unfold,
    unresolved_names,
)

SCOPE = Scope(
    {
        "workflow.name": "wf",
        "item": "n",
        "inputs.parameters.n": "7",
        "inputs.parameters.text": 'line\n"quoted" \\ {{item}} é',
        "inputs.parameters.json": '{"a": 1}',
        "cron.failed": 3,
    },
    absent=frozenset({"steps.gone.outputs.parameters.p"}),
)


def test_find() -> None:
    assert find_tags("no { tags } }} here") == ()
    assert find_tags("x{{ a.b }}y") == (Tag(1, 10, " a.b "),)
    assert find_tags("{{=a + 1}}{{b}}") == (Tag(0, 10, "a + 1", expression=True), Tag(10, 15, "b"))
    assert find_tags("{{a}} {{open") == (Tag(0, 5, "a"),)
    (nested,) = find_tags("{{inputs.parameters.{{item}}}}")
    assert (nested.body, nested.prefix, nested.name) == ("item", "inputs.parameters.", "item")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{workflow.name}}-{{ inputs.parameters.n }}", "wf-7"),
        ("{{unknown}}", "{{unknown}}"),
        ("{{ unknown }} {{item}}", "{{ unknown }} n"),
        ("{{inputs.parameters.text}}", 'line\n"quoted" \\ {{item}} é'),  # inserted as it is, and not looked at again
        ("{{=inputs.parameters.n + '!'}}", "7!"),
        ("{{= asInt(inputs.parameters.n) * 2 }}", "14"),
        ("{{=asInt(inputs.parameters.n) / 7}}", "1"),
        ("{{=1 == 1}}", "true"),
        ("{{=[1, 'a', {b: '<'}]}}", '[1,"a",{"b":"\\u003c"}]'),
        ("{{='a\\\"b'}}", 'a"b'),
        ("{{='{'}}", "{"),
        ("{{=nope}}", "{{=nope}}"),
        ("{{=inputs.parameters.zz}}", "{{=inputs.parameters.zz}}"),  # nil waits for a later pass
        ("{{=1 +}}", "{{=1 +}}"),
        ("{{=int('x')}}", "{{=int('x')}}"),
        ("{{=steps.gone.outputs.parameters.p ?? 'd'}}", "d"),
        ("{{=steps.gone.outputs.parameters.p == ''}}", "false"),
        ("{{=sprig.int(retries)}}", "{{=sprig.int(retries)}}"),  # delayed names are not taken for nil
        ("{{=workflow.status == 'Failed'}}", "{{=workflow.status == 'Failed'}}"),
        ("{{='workflow.status' + workflow.name}}", "workflow.statuswf"),
        ("{{=asInt(lastRetry.exitCode ?? '0')}}", "{{=asInt(lastRetry.exitCode ?? '0')}}"),
        ("{{inputs.parameters.{{item}}}}", "{{inputs.parameters.n}}"),
        ("{{=cron.failed + 1}}", "4"),
        ("a {{item", "a {{item"),
        ("{{}}", "{{}}"),
    ],
)
@pytest.mark.rule("tags.simple", "tags.expression", "tags.expression-result", "tags.expression-late")
def test_lenient(text: str, expected: str) -> None:
    assert substitute(text, SCOPE) == expected


@pytest.mark.rule("tags.nested")
def test_nested_tags_resolve_inside_out_over_two_passes() -> None:
    once = substitute("{{inputs.parameters.{{item}}}}", SCOPE)
    assert substitute(once, SCOPE) == "7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{unknown}}", "failed to resolve {{unknown}}"),
        ("{{ unknown }}", "failed to resolve {{ unknown }}"),
        ("{{a.{{b}}}}", "failed to resolve {{a.{{b}}"),
        ("{{=nope}}", "failed to evaluate expression {{=nope}}: unknown name nope"),
        ("{{=inputs.parameters.zz}}", "has no result (nil)"),
        ("{{=retries}}", "unknown name retries"),
        ("{{={'a': {'b': 1}}.a.b}}", "the tag ends at the first `}}`"),
        ("{{cron.failed}}", "failed to resolve {{cron.failed}} to string"),
    ],
)
def test_strict(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        substitute(text, SCOPE, Mode.STRICT)
    assert message in str(caught.value)


def test_strict_leaves_what_is_allowed() -> None:
    def allowed(name: str) -> bool:
        return ".outputs.artifacts." in name

    text = "{{steps.a.outputs.artifacts.x}} {{=steps.a.outputs.artifacts.x}} {{workflow.name}}"
    expected = "{{steps.a.outputs.artifacts.x}} {{=steps.a.outputs.artifacts.x}} wf"
    assert substitute(text, SCOPE, Mode.STRICT, allowed=allowed) == expected
    with pytest.raises(ExpressionError, match="failed to resolve"):
        substitute("{{steps.a.outputs.result}}", SCOPE, Mode.STRICT, allowed=allowed)


@pytest.mark.parametrize("mode", Mode)
def test_an_absent_output_fails_in_every_mode(mode: Mode) -> None:
    with pytest.raises(ExpressionError, match=r"unable to substitute \{\{steps.gone.outputs.parameters.p\}\}"):
        substitute("x {{ steps.gone.outputs.parameters.p }}", SCOPE, mode)


def test_trees_are_replaced_keys_and_values() -> None:
    tree: Any = {"{{item}}": ["{{workflow.name}}", 1, None, True, {"x": ("{{item}}",)}], "plain": "text"}
    assert substitute(tree, SCOPE) == {"n": ["wf", 1, None, True, {"x": ("n",)}], "plain": "text"}


def test_what_has_no_tags_is_returned_as_it_is() -> None:
    tree = {"a": ["b", {"c": "{{unknown}}"}], "d": 1}
    assert substitute(tree, SCOPE) is tree


def test_deep_trees_are_refused() -> None:
    tree: Any = "{{item}}"
    for _ in range(5000):
        tree = [tree]
    for run in (lambda: substitute(tree, SCOPE), lambda: unresolved_names(tree)):
        with pytest.raises(ExpressionError, match="nested deeper"):
            run()


def test_names_for_lint() -> None:
    tree = {"{{ k }}": ["{{a.b}} {{=c.d}}", 1], "x": "{{inputs.parameters.{{item}}}}"}
    assert unresolved_names(tree) == {"k", "a.b", "item"}
    assert [tag.body for tag in tags_of(tree) if tag.expression] == ["c.d"]


def test_time_comes_from_the_scope() -> None:
    from datetime import UTC, datetime

    ambient = Ambient(datetime(2026, 1, 2, tzinfo=UTC), b"seed")
    assert substitute("{{=now().Format('2006-01-02')}}", Scope({}, ambient=ambient)) == "2026-01-02"
    assert substitute("{{=now()}}", Scope({})) == "{{=now()}}"


def test_unfold() -> None:
    assert unfold({"a.b": "1", "a.c.d": "2", "e": "3"}) == {"a": {"b": "1", "c": {"d": "2"}}, "e": "3"}
    # a key that is a prefix of another is dropped, in whatever order they come
    assert unfold({"w.p": "{}", "w.p.n": "1"}) == unfold({"w.p.n": "1", "w.p": "{}"}) == {"w": {"p": {"n": "1"}}}
    with pytest.raises(ExpressionError, match="parts"):
        unfold({"a" + ".b" * 500: "1"})


def test_unfold_leaves_values_alone() -> None:
    labels = {"x": "1"}
    unfold({"w.labels": labels, "w.labels.y": "2"})
    assert labels == {"x": "1"}


def test_the_nested_view_is_built_once() -> None:
    scope = Scope({f"inputs.parameters.p{i}": str(i) for i in range(100)})
    first = scope.environment
    assert substitute("{{=inputs.parameters.p5}}", scope) == "5"
    assert scope.environment is first


_TEXT = st.sampled_from(["", "plain", "{{item}}", "a {{workflow.name}} b", "{{none}}", "{{inputs.parameters.text}}"])
_TREES = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.one_of(_TEXT, st.none(), st.booleans(), st.integers(0, 3)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(_TEXT, inner, max_size=3),
        ),
        max_leaves=12,
    ),
)


@given(_TREES)
def test_known_places_change_nothing_but_the_time_it_takes(tree: dict[str, Any]) -> None:
    places = places_of(tree)
    once = substitute(tree, SCOPE)
    assert substitute(tree, SCOPE, places=places) == once
    assert substitute(once, SCOPE, places=places) == substitute(once, SCOPE)  # what a pass put in stands there too
    bare = substitute({}, SCOPE, places=places)
    assert bare == {}


@given(_TREES)
def test_a_tree_without_tags_has_no_places(tree: dict[str, Any]) -> None:
    assert (not places_of(tree)) is ("{{" not in repr(tree))
    if not places_of(tree):
        assert substitute(tree, SCOPE, places={}) is tree
