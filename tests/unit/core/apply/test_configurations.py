"""What an apply refuses, what it leaves alone, and objects that others managed before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from setpoint.apis.errors import ApplyConflict, InvalidSpec, Malformed
from setpoint.core.apply import apply
from setpoint.core.apply.last_applied import ANNOTATION
from tests.unit.core.apply.follower import DEDUCED, START, TYPED, Follower, Json, document


def _first(applied: Json, **more: Any) -> tuple[Json, list[Json]]:
    options: Json = {"manager": "m", "force": False, "api_version": "v1", "time": START, "structure": TYPED, **more}
    return apply(None, applied, [], **options)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"list": [{"value": 1}]},
            ".spec.list[0]: associative list with keys has an element that omits all key fields",
        ),
        ({"list": [None]}, ".spec.list[0]: associative list with keys may not have a null element"),
        ({"list": ["a"]}, ".spec.list[0]: associative list with keys may not have non-map elements"),
        ({"list": [{"name": "a"}, {"name": "a"}]}, '.spec.list: duplicate entries for key [name="a"]'),
        (
            {"ports": [{"port": 80}, {"port": 80, "protocol": "TCP"}]},
            '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]',
        ),
        ({"set": ["a", "a"]}, '.spec.set: duplicate entries for key [="a"]'),
        ({"set": [None]}, ".spec.set[0]: associative list without keys has an element that's an explicit null"),
        (
            {"list": [{"name": "x", "set": ["a", "a"]}]},
            '.spec.list[name="x"].set: duplicate entries for key [="a"]',
        ),
    ],
)
def test_a_list_whose_items_cannot_be_told_apart_is_not_applied(spec: Any, said: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        _first(document(spec))
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("managed", [[], [{}], [{"manager": "m"}]])
def test_a_configuration_has_no_managed_fields(managed: Any) -> None:
    with pytest.raises(Malformed, match=r"metadata.managedFields: must be nil"):
        _first(document({}, metadata={"name": "o", "managedFields": managed}))


@pytest.mark.parametrize("metadata", [{}, None, {"name": ""}])
def test_a_configuration_has_a_name(metadata: Any) -> None:
    with pytest.raises(InvalidSpec, match=r"metadata.name: is required"):
        _first(document({}, metadata=metadata))


def test_managed_fields_of_the_object_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(InvalidSpec, match=r"metadata.managedFields: operation must be"):
        apply(
            document({}),
            document({}),
            [{"manager": "m"}],
            manager="m",
            force=True,
            api_version="v1",
            time=START,
            structure=TYPED,
        )


def test_an_object_is_made_and_its_names_have_no_owner() -> None:
    metadata = {"name": "o", "namespace": "n", "labels": {"a": "b"}, "creationTimestamp": None}
    made, (entry,) = _first(document({"text": "x"}, metadata=metadata, status={"ready": True}))
    assert made == document({"text": "x"}, metadata=metadata)
    assert entry["operation"] == "Apply"
    assert entry["fieldsV1"] == {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:text": {}}}


def test_a_configuration_with_a_name_alone_owns_nothing() -> None:
    assert _first(document()) == (document(), [])


def test_what_the_server_wrote_stays_and_managed_fields_are_given_apart() -> None:
    live = document(
        {"text": "x"},
        metadata={
            "name": "o",
            "uid": "1",
            "resourceVersion": "5",
            "generation": 2,
            "managedFields": [{"manager": "m"}],
        },
        status={"ready": True},
    )
    follower = Follower()
    follower.live = live
    follower.apply("m", document({"number": 1}, metadata={"name": "o", "generation": 9}, status={"ready": False}))
    assert follower.object == document(
        {"text": "x", "number": 1},
        metadata={"name": "o", "uid": "1", "resourceVersion": "5", "generation": 2},
        status={"ready": True},
    )


def test_a_version_and_a_uid_that_the_configuration_names_are_there_to_be_checked() -> None:
    follower = Follower()
    follower.live = document({}, metadata={"name": "o", "uid": "1", "resourceVersion": "5"})
    follower.apply("m", document({}, metadata={"name": "o", "uid": "2", "resourceVersion": "4"}))
    assert follower.object["metadata"] == {"name": "o", "uid": "2", "resourceVersion": "4"}


def test_below_the_status_the_status_alone_is_applied() -> None:
    follower = Follower()
    follower.update("m", document({"text": "x"}, status={"ready": True}))
    follower.apply("s", document({"text": "y"}, status={"count": 1}), subresource="status")
    assert follower.object == document({"text": "x"}, status={"ready": True, "count": 1})
    assert follower.owned("s") == [".status.count"]
    follower.apply("s", document({}, status={}), subresource="status")
    assert follower.object["status"] == {"ready": True}


def test_one_manager_below_the_status_and_elsewhere_has_two_entries() -> None:
    follower = Follower()
    follower.apply("m", {"text": "x"})
    follower.apply("m", document(status={"count": 1}), subresource="status")
    assert [entry.get("subresource", "") for entry in follower.managed] == ["", "status"]
    assert follower.spec == {"text": "x"}


def test_a_conflict_below_the_status_names_it() -> None:
    follower = Follower()
    follower.update("m", document({}))
    follower.update("c", document({}, status={"ready": True}), subresource="status")
    with pytest.raises(ApplyConflict) as refused:
        follower.apply("s", document(status={"ready": False}), subresource="status")
    said = 'conflict with "c" with subresource "status" using v1: .status.ready'
    assert str(refused.value) == f"Apply failed with 1 conflict: {said}"


def test_an_object_that_nobody_followed_belongs_to_those_before() -> None:
    follower = Follower()
    follower.live = document({"text": "x", "number": 1})
    with pytest.raises(ApplyConflict) as refused:
        follower.apply("m", {"text": "y"})
    said = 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .spec.text'
    assert str(refused.value) == said
    follower.apply("m", {"text": "x"})
    assert follower.owned("before-first-apply") == [".", ".number", ".text"]
    assert follower.owned("m") == [".text"]


def test_to_apply_the_same_again_changes_nothing_not_even_a_moment() -> None:
    follower = Follower()
    for spec in ({"text": "x", "map": {"k": None}}, {"list": [{"name": "a"}]}):
        follower.apply("m", spec)
        before = follower.live, follower.managed
        follower.apply("m", spec)
        assert (follower.live, follower.managed) == before


def test_a_new_version_of_the_configuration_is_the_same_entry() -> None:
    follower = Follower()
    follower.apply("m", {"text": "x", "number": 1}, version="v1")
    follower.apply("m", {"text": "x"}, version="v2")
    (entry,) = follower.managed
    assert (entry["apiVersion"], follower.spec) == ("v2", {"text": "x"})


def test_what_was_applied_in_a_version_that_is_gone_is_not_taken_away() -> None:
    follower = Follower()
    follower.apply("m", {"set": ["a", "b", "c"]}, version="v1", served={"v1"})
    follower.apply("m", {"set": ["a"]}, version="v2", served={"v2"})
    assert follower.spec == {"set": ["a", "b", "c"]}
    assert follower.owned("m") == ['.set[="a"]']


def test_a_map_that_has_become_atomic_since_it_was_applied_belongs_to_who_applied_to_it() -> None:
    follower = Follower(DEDUCED)
    follower.apply("m", {"atomicMap": {"a": "1"}})
    follower.structure = TYPED
    with pytest.raises(ApplyConflict, match=r'conflict with "m": \.spec\.atomicMap$'):
        follower.apply("n", {"atomicMap": {"b": "2"}})
    follower.apply("m", {"atomicMap": {"b": "2"}})
    assert follower.spec == {"atomicMap": {"b": "2"}}


def test_items_that_are_there_twice_stay_until_they_are_applied() -> None:
    twice = [{"name": "a", "value": 1}, {"name": "a", "value": 2}, {"name": "b", "value": 3}]
    follower = Follower()
    follower.update("u", {"list": twice})
    follower.apply("m", {"text": "x", "list": [{"name": "c"}]})
    assert follower.spec == {"text": "x", "list": [*twice, {"name": "c"}]}
    with pytest.raises(ApplyConflict, match=r'\.spec\.list\[name="a"\]'):
        follower.apply("m", {"list": [{"name": "a", "value": 2}]})
    follower.apply("m", {"list": [{"name": "a", "value": 2}]}, force=True)
    assert follower.spec == {"list": [{"name": "a", "value": 2}, {"name": "b", "value": 3}]}


def _client_side(spec: Json) -> Follower:
    """An object as `kubectl apply` leaves it."""
    body = msgspec.json.encode(document(spec)).decode()
    follower = Follower()
    metadata = {"name": "o", "annotations": {ANNOTATION: body}}
    follower.update("kubectl-client-side-apply", document(spec, metadata=metadata))
    return follower


def test_kubectl_takes_over_what_it_applied_in_the_client() -> None:
    follower = _client_side({"text": "x", "number": 1})
    follower.apply("kubectl", {"text": "y"})
    assert follower.spec == {"text": "y", "number": 1}
    assert follower.owned("kubectl") == [".text"]
    last = follower.object["metadata"]["annotations"][ANNOTATION]
    assert msgspec.json.decode(last) == document({"text": "y"})


def test_what_was_changed_since_then_is_a_conflict_and_another_manager_takes_nothing_over() -> None:
    follower = _client_side({"text": "x", "number": 1})
    with pytest.raises(ApplyConflict):
        follower.apply("other", {"text": "y"})
    follower.update("someone", {**follower.object, "spec": {"text": "x", "number": 2}})
    with pytest.raises(ApplyConflict) as refused:
        follower.apply("kubectl", {"text": "y", "number": 3})
    said = 'Apply failed with 1 conflict: conflict with "someone" using v1: .spec.number'
    assert str(refused.value) == said


@pytest.mark.parametrize(
    "body", ["", "no JSON", "[]", '{"apiVersion":"v2"}', '{"spec":{"list":[1]},"apiVersion":"v1"}']
)
def test_an_annotation_that_says_nothing_allows_nothing(body: str) -> None:
    follower = Follower()
    follower.update("u", document({"text": "x"}, metadata={"name": "o", "annotations": {ANNOTATION: body}}))
    with pytest.raises(ApplyConflict):
        follower.apply("kubectl", {"text": "y"})


def test_a_configuration_too_long_for_an_annotation_takes_it_away() -> None:
    follower = _client_side({"text": "x"})
    follower.apply("kubectl", {"map": {"k": "v" * 300_000}})
    assert ANNOTATION not in follower.object["metadata"]["annotations"]
