"""Manifests: what YAML means, where things stand, and one clear message for everything that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.manifest import (
    FieldPath,
    collect_problems,
    decode_document,
    decode_object,
    format_path,
    load_documents,
    load_values,
    nearest,
    parse_path,
)

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  name: w\nspec:\n"


def value_of(text: str) -> Any:
    (value,) = load_values(text, "f.yaml")
    return value


def error_of(text: str | bytes) -> InvalidSpec:
    with pytest.raises(InvalidSpec) as caught:
        for document in load_documents(text, "f.yaml"):
            decode_document(document)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("y", True),
        ("'yes'", "yes"),
        ("yess", "yess"),
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("12:30", "12:30"),
        ("1_000", 1000),
        ("0755", 493),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0b11", -3),
        ("08", 8),
        ("1e3", 1000),
        ("2.0", 2),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e400", float("inf")),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        ("~", None),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("!!int '7'", 7),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_mean_what_they_mean_to_kubernetes(text: str, value: Any) -> None:
    assert value_of(f"a: {text}") == {"a": value}
    assert type(value_of(f"a: {text}")["a"]) is type(value)


def test_keys_are_text() -> None:
    assert value_of("on: 1\n5: 2\n1.5: 3\ntrue: 4") == {"true": 4, "5": 2, "1.5": 3}


@pytest.mark.rule("validation.duplicate-keys")
def test_of_duplicate_keys_the_last_wins() -> None:
    assert value_of("a: 1\nb: 2\na: 3") == {"b": 2, "a": 3}


def test_anchors_and_merges() -> None:
    text = "base: &b {k: 1, l: 1}\nmore: &m {l: 2, m: 2}\nall: {<<: [*b, *m], k: 9}\nsame: *b"
    assert value_of(text) == {
        "base": {"k": 1, "l": 1},
        "more": {"l": 2, "m": 2},
        "all": {"k": 9, "l": 1, "m": 2},
        "same": {"k": 1, "l": 1},
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=6), children, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_json_reads_as_json(value: Any) -> None:
    assert value_of(json.dumps({"v": value})) == {"v": value}


@given(st.dictionaries(st.from_regex(r"[a-z]{3,9}", fullmatch=True), JSON, max_size=4))
def test_what_a_yaml_writer_writes_reads_back(value: Any) -> None:
    assert value_of(yaml.safe_dump({"v": value}, default_style='"')) == {"v": value}


@given(st.lists(st.text(min_size=1, max_size=9) | st.integers(0, 99), max_size=6).map(tuple))
def test_paths_read_back(path: FieldPath) -> None:
    wordlike = all(
        isinstance(part, int) or (not set(part) & set("\\'\"\n\r\t\x7f") and part.isprintable()) for part in path
    )
    if wordlike:
        assert parse_path(format_path(path)) == path


def test_documents_of_a_file_and_of_a_list() -> None:
    text = (
        f"---\n# nothing\n---\n{HEAD}  entrypoint: a\n---\nkind: List\napiVersion: v1\nitems:\n- kind: A\n- kind: B\n"
    )
    documents = load_documents(text, "f.yaml")
    assert [document.kind for document in documents] == ["Workflow", "A", "B"]
    assert documents[2].base == ("items", 1)
    assert str(documents[2].locate(("kind",))) == "f.yaml:15:3"
    assert documents[0].name == "w"


def test_a_field_is_located_and_a_missing_one_by_its_parent() -> None:
    (document,) = load_documents(HEAD + "  templates:\n  - name: a\n    container: {image: i}\n", "f.yaml")
    assert str(document.locate("spec.templates[0].container.image")) == "f.yaml:8:17"
    assert str(document.locate("spec.templates[0].dag.tasks[3]")) == "f.yaml:7:5"
    assert str(document.locate(())) == "f.yaml:1:1"


def test_nulls_of_declared_fields_count_as_absent() -> None:
    text = HEAD + "  entrypoint:\n  parallelism: null\n  templates: ~\nstatus:\n"
    workflow = load_documents(text, "f.yaml")[0].decode(Workflow)
    assert workflow.spec.entrypoint == ""
    assert workflow.spec.templates == ()


def test_null_items_stay() -> None:
    text = HEAD + "  templates:\n  - name: a\n    steps: [[{name: x, withItems: [1, null]}]]\n"
    workflow = load_documents(text, "f.yaml")[0].decode(Workflow)
    assert workflow.spec.templates[0].calls[0].with_items == (1, None)


BAD_TEXT = {
    "a: b: c": "f.yaml:1:5: YAML syntax error: mapping values are not allowed",
    "a: 1\n\tb: 2": "f.yaml:2:1: YAML syntax error: while scanning a plain scalar found a tab",
    "a: [1, 2": "f.yaml:2:1: YAML syntax error: while parsing a flow sequence",
    "a: {{inputs.x}}": "f.yaml:1:5: a key must be text, found a map or list; text with {{...}} needs quotes",
    "a: *none": "f.yaml:1:4: the alias *none has no anchor before it",
    "a: &a [*a]": "f.yaml:1:8: the alias *a has no anchor before it",
    "a: !!int x": "f.yaml:1:4: 'x' is no int",
    "a: !include x": "f.yaml:1:4: the tag !include is not known",
    "<<: 5": "f.yaml:1:5: a merge key (<<) takes a map",
    "": "f.yaml: nothing in this file: expected a manifest",
    "# only a comment\n---\n": "f.yaml: nothing in this file",
    "just text": "f.yaml:1:1: this is not a manifest: expected a map",
    "- a\n- b": "f.yaml:1:1: this is not a manifest",
    "a\x00b": "f.yaml:1:2: this is not YAML text: the character U+0000 is not allowed",
    "[" * 100_000: "f.yaml:1:201: nested deeper than 200 levels",
    "%PDF-1.7": "f.yaml:1:7: YAML syntax error",
}


@pytest.mark.parametrize("text", list(BAD_TEXT), ids=lambda text: text[:12])
def test_text_that_cannot_be_read(text: str) -> None:
    assert str(error_of(text)).startswith(BAD_TEXT[text])


def test_bytes_that_are_no_text() -> None:
    assert "f.yaml: this is not text in UTF-8 (byte 1)" in str(error_of(b"\x89PNG\r\n\x1a\n"))
    assert load_documents(b"\xef\xbb\xbfkind: A", "f.yaml")[0].kind == "A"


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for above, below in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{below}: &{below} [{', '.join([f'*{above}'] * 10)}]")
    assert "the aliases of this document expand to more than 1000000 values" in str(error_of("\n".join(lines)))


def test_many_aliases_of_a_small_anchor_are_fine() -> None:
    text = "a: &a {x: 1}\nb: [" + ", ".join(["*a"] * 1000) + "]"
    assert len(value_of(text)["b"]) == 1000


def test_json_that_yaml_cannot_read() -> None:
    text = (
        '{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "\\ud83d\\ude00"}, "spec": {}}'
    )
    assert load_documents(text, "f.json")[0].name == "\U0001f600"


BAD_FIELDS = {
    "unknown": (
        "  entrypont: a\n",
        "f.yaml:6:3: spec.entrypont: unknown field 'entrypont', did you mean 'entrypoint'? (allowed: entrypoint, ",
    ),
    "unknown deep": (
        "  templates:\n  - name: a\n    dag:\n      tasks:\n      - name: x\n        depend: y\n",
        "f.yaml:11:9: spec.templates[0].dag.tasks[0].depend: unknown field 'depend', did you mean 'depends'?",
    ),
    "text for number": ("  parallelism: many\n", "spec.parallelism: expected a whole number, found the text 'many'"),
    "number for text": ("  entrypoint: 5\n", "spec.entrypoint: expected text, found the number 5: put it in quotes"),
    "boolean for text": ("  entrypoint: yes\n", "spec.entrypoint: expected text, found true: put it in quotes"),
    "number for boolean": ("  suspend: 1\n", "spec.suspend: expected true or false, found the number 1"),
    "fraction for number": ("  parallelism: 1.5\n", "spec.parallelism: expected a whole number, found the number 1.5"),
    "map for list": ("  templates: {a: 1}\n", "spec.templates: expected a list, found a map"),
    "list for map": ("  arguments: []\n", "spec.arguments: expected a map, found a list"),
    "text for map": ("  arguments: x\n", "spec.arguments: expected a map, found the text 'x'"),
    "list for text": ("  entrypoint: [a]\n", "spec.entrypoint: expected text, found a list"),
    "flat steps": (
        "  templates:\n  - name: a\n    steps:\n    - name: x\n",
        "spec.templates[0].steps[0]: expected a list, found a map: each group of steps is itself a list",
    ),
    "missing": (
        "  arguments:\n    parameters:\n    - value: 1\n",
        "f.yaml:8:7: spec.arguments.parameters[0].name: name is required",
    ),
    "not a number": (
        "  templates:\n  - name: a\n    steps: [[{name: x, withItems: [.nan]}]]\n",
        "withItems[0]: nan has no form in JSON",
    ),
    "enum": (
        "  artifactGC: {strategy: OnWorkflowDeleted}\n",
        "expected one of the allowed words, found the text 'OnWorkflowDeleted', did you mean 'OnWorkflowDeletion'?",
    ),
}


@pytest.mark.parametrize("name", list(BAD_FIELDS))
def test_a_wrong_field_is_one_message_with_path_and_place(name: str) -> None:
    text, said = BAD_FIELDS[name]
    (document,) = load_documents(HEAD + text, "f.yaml")
    (problem,) = collect_problems(document)
    assert said in str(problem)
    assert problem.location is not None and problem.location.line is not None
    assert str(error_of(HEAD + text)) == str(problem)


def test_all_problems_of_a_document_are_found_in_order() -> None:
    text = HEAD + "  parallelism: x\n  foo: 1\n  templates:\n  - nam: a\n    suspend: 5\n"
    problems = collect_problems(load_documents(text, "f.yaml")[0])
    assert [problem.path for problem in problems] == [
        "spec.parallelism",
        "spec.foo",
        "spec.templates[0].nam",
        "spec.templates[0].suspend",
    ]


def test_a_wrong_time_is_found_by_conversion_and_still_has_a_place() -> None:
    text = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  creationTimestamp: soon\nspec: {}\n"
    (problem,) = collect_problems(load_documents(text, "f.yaml")[0])
    assert str(problem).startswith("f.yaml:4:3: metadata.creationTimestamp: ")


@pytest.mark.parametrize(
    ("text", "said", "kind"),
    [
        ("kind: Workflow", "f.yaml:1:1: apiVersion: apiVersion is required (allowed: ", InvalidSpec),
        ("apiVersion: v1", "kind: kind is required (allowed: Cluster", InvalidSpec),
        (
            "apiVersion: argoproj.io/v1alpha1\nkind: Workfow",
            "f.yaml:2:1: kind: kind 'Workfow' of argoproj.io/v1alpha1 is not known, did you mean 'Workflow'?",
            InvalidSpec,
        ),
        (
            "apiVersion: argoproj.io/v1\nkind: Workflow",
            "apiVersion: apiVersion 'argoproj.io/v1' is not one of Workflow's (allowed: argoproj.io/v1alpha1)",
            InvalidSpec,
        ),
        ("apiVersion: apps/v1\nkind: Deployment", "kind 'Deployment' of apps/v1 is not served here", NotSupported),
    ],
)
def test_an_unknown_kind_says_which_there_are(text: str, said: str, kind: type[InvalidSpec]) -> None:
    error = error_of(text)
    assert said in str(error)
    assert type(error) is kind


def test_nearest_ignores_case_and_gives_up_on_strangers() -> None:
    assert nearest("WithItem", ("withItems", "withParam")) == "withItems"
    assert nearest("zzz", ("withItems", "withParam")) is None


@pytest.mark.parametrize("kind", [["Workflow"], {"a": "b"}, 1, None])
def test_a_kind_that_is_no_text_is_said(kind: Any) -> None:
    text = json.dumps({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "spec": {"schedule": "x"}})
    assert error_of(text).path == "kind"


def test_a_request_body_gets_the_words_that_a_file_gets() -> None:
    spec: dict[str, Any] = {"entrypoint": "m", "template": []}
    body = {"metadata": {"name": None}, "spec": spec}
    with pytest.raises(InvalidSpec) as caught:
        decode_object(body, Workflow, ("workflow",))
    assert str(caught.value).startswith("workflow.spec.template: unknown field 'template', did you mean 'templates'?")
    with pytest.raises(InvalidSpec, match="workflow: expected a map, found nothing"):
        decode_object(None, Workflow, ("workflow",))
    del spec["template"]
    assert decode_object(body, Workflow).spec.entrypoint == "m"
