"""Which names a cluster takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.names import (
    check_annotations,
    check_finalizers,
    check_generate_name,
    check_label_name,
    check_label_value,
    check_labels,
    check_name,
    check_qualified_name,
)


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a.b", "1.2-3", "a" * 253, "a.b.c"])
def test_names_that_are_legal(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", ".a", "a.", "a..b", "a.-b", "a b", "ä", "a\n", "a" * 254])
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        check_name(name)
    assert caught.value.path == "metadata.name"


@pytest.mark.parametrize(("name", "kind"), [("system:x", "Role"), ("A B", "RoleBinding")])
def test_roles_take_more(name: str, kind: str) -> None:
    check_name(name, kind=kind)
    with pytest.raises(InvalidSpec):
        check_name(name)


@pytest.mark.parametrize("name", [".", "..", "a/b", "a%b"])
def test_but_not_all(name: str) -> None:
    with pytest.raises(InvalidSpec):
        check_name(name, kind="Role")


@pytest.mark.parametrize("name", ["a.b", "a" * 64, "A", ""])
def test_namespaces_take_less(name: str) -> None:
    with pytest.raises(InvalidSpec):
        check_name(name, kind="Namespace")
    with pytest.raises(InvalidSpec):
        check_label_name(name)


@pytest.mark.parametrize("prefix", ["train-", "a", "a.", "x" * 200 + "-"])
def test_prefixes_that_are_legal(prefix: str) -> None:
    check_generate_name(prefix)


@pytest.mark.parametrize("prefix", ["Train-", "-", "a_b", "a b-"])
def test_prefixes_that_are_not(prefix: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        check_generate_name(prefix)
    assert caught.value.path == "metadata.generateName"


@pytest.mark.parametrize("key", ["a", "A.b_c-d", "example.com/a", "a" * 63, "x" * 63 + "/a"])
def test_keys_that_are_legal(key: str) -> None:
    check_qualified_name(key, path="p")


@pytest.mark.parametrize("key", ["", "/a", "a/", "Example.com/a", "a/b/c", "_a", "a_", "a" * 64, "a b"])
def test_keys_that_are_not(key: str) -> None:
    with pytest.raises(InvalidSpec):
        check_qualified_name(key, path="p")


def test_values() -> None:
    check_label_value("", path="p")
    check_label_value("A.b_c-9", path="p")
    for value in ("a b", "-", "a/b", "a" * 64, "a\n"):
        with pytest.raises(InvalidSpec):
            check_label_value(value, path="p")


def test_paths_name_the_field() -> None:
    with pytest.raises(InvalidSpec) as caught:
        check_labels({"ok": "1", "x": "a b"})
    assert caught.value.path == "metadata.labels[x]"
    with pytest.raises(InvalidSpec) as caught:
        check_annotations({"a b": "1"})
    assert caught.value.path == "metadata.annotations"
    with pytest.raises(InvalidSpec) as caught:
        check_finalizers(["setpoint.dev/ok", "no good"])
    assert caught.value.path == "metadata.finalizers[1]"


def test_annotation_keys_count_in_any_case_and_the_size_is_of_all() -> None:
    check_annotations({"Example.com/Owner": "x" * 1000})
    with pytest.raises(InvalidSpec):
        check_annotations({f"k{number}": "x" * 60_000 for number in range(5)})


@given(st.text(max_size=30))
def test_a_legal_name_is_safe_as_a_path(text: str) -> None:
    try:
        check_name(text)
    except InvalidSpec:
        return
    assert not set(text) & set("/\\\0 \n%")
    assert ".." not in text
    assert text == text.lower()
