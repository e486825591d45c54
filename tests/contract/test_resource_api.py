"""What every ResourceApi does: verbs, conflicts, generation, status, patches, selectors, finalizers."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from setpoint.apis.argo import CronWorkflow
from setpoint.apis.core import ConfigMap, Namespace, Role, Secret
from setpoint.apis.errors import AlreadyExists, Conflict, Forbidden, InvalidSpec, NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.ports.resources import ResourceApi
from tests.contract.objects import config_map, cron_workflow

Open = Callable[[], AbstractAsyncContextManager[ResourceApi]]


async def test_create_sets_the_servers_fields(open_api: Open) -> None:
    async with open_api() as api:
        sent = config_map("a", labels={"app": "x"})
        made = await api.create(sent)
        meta = made.metadata
        assert meta.uid
        assert meta.generation == 1
        assert int(meta.resource_version) > 0
        assert meta.creation_timestamp is not None
        assert meta.creation_timestamp.microsecond == 0
        assert (meta.namespace, meta.name, meta.labels) == ("default", "a", {"app": "x"})
        assert made.data == {"a": "1"}
        assert (made.api_version, made.kind) == ("v1", "ConfigMap")
        assert await api.get(ConfigMap, "default", "a") == made


async def test_what_a_client_sends_for_the_servers_fields_is_ignored(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a", uid="mine", generation=7))
        assert made.metadata.uid != "mine"
        assert made.metadata.generation == 1
        changed = await api.update(made.replace(metadata=made.metadata.replace(generation=99, creation_timestamp=None)))
        assert changed == made


async def test_objects_are_there_after_a_restart(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a"))
    async with open_api() as api:
        assert await api.get(ConfigMap, "default", "a") == made
        later = await api.create(config_map("b"))
        assert int(later.metadata.resource_version) > int(made.metadata.resource_version)


async def test_a_name_is_taken_once_per_kind_and_namespace(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(config_map("a"))
        with pytest.raises(AlreadyExists, match="'a' already exists"):
            await api.create(config_map("a"))
        await api.create(config_map("a", namespace="other"))
        await api.create(Secret(metadata=ObjectMeta(name="a", namespace="default")))


async def test_generate_name(open_api: Open) -> None:
    async with open_api() as api:
        made = [await api.create(config_map(generate_name="train-")) for _ in range(5)]
        names = {one.metadata.name for one in made}
        assert len(names) == 5
        for name in names:
            assert re.fullmatch(r"train-[bcdfghjklmnpqrstvwxz2456789]{5}", name)
        long = await api.create(config_map(generate_name="x" * 100))
        assert len(long.metadata.name) == 63
        assert long.metadata.generate_name == "x" * 100


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"name": ""}, "metadata.name"),
        ({"name": "Upper"}, "metadata.name"),
        ({"name": "a_b"}, "metadata.name"),
        ({"name": "-a"}, "metadata.name"),
        ({"name": "x" * 254}, "metadata.name"),
        ({"name": "../../etc/passwd"}, "metadata.name"),
        ({"generate_name": "Train_"}, "metadata.generateName"),
        ({"name": "a", "namespace": "a.b"}, "metadata.namespace"),
        ({"name": "a", "namespace": "n" * 64}, "metadata.namespace"),
        ({"name": "a", "labels": {"-x": "1"}}, "metadata.labels"),
        ({"name": "a", "labels": {"x": "a b"}}, "metadata.labels[x]"),
        ({"name": "a", "annotations": {"": "1"}}, "metadata.annotations"),
        ({"name": "a", "annotations": {"x": "y" * 262_144}}, "metadata.annotations"),
        ({"name": "a", "finalizers": ("no way",)}, "metadata.finalizers[0]"),
        ({"name": "a", "resource_version": "5"}, "metadata.resourceVersion"),
    ],
)
async def test_illegal_metadata_is_refused_with_its_path(
    open_api: Open, metadata: dict[str, object], path: str
) -> None:
    async with open_api() as api:
        with pytest.raises(InvalidSpec) as caught:
            await api.create(config_map(**metadata))  # type: ignore[arg-type]
        assert caught.value.path == path
        assert not (await api.list(ConfigMap)).items


async def test_an_object_too_large_for_a_cluster_is_refused(open_api: Open) -> None:
    async with open_api() as api:
        with pytest.raises(InvalidSpec, match="at most 1572864"):
            await api.create(config_map("a", {"x": "y" * 1_600_000}))


async def test_cluster_scoped_kinds_have_no_namespace(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(Namespace(metadata=ObjectMeta(name="plant")))
        assert made.metadata.namespace == ""
        assert await api.get(Namespace, "", "plant") == made
        with pytest.raises(InvalidSpec):
            await api.create(Namespace(metadata=ObjectMeta(name="other", namespace="default")))


async def test_the_namespace_default_is_there_and_stays(open_api: Open) -> None:
    async with open_api() as api:
        assert (await api.get(Namespace, "", "default")).status == {"phase": "Active"}
        with pytest.raises(Forbidden):
            await api.delete(Namespace, "", "default")


async def test_names_with_colons_are_for_roles(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(Role(metadata=ObjectMeta(name="system:Reader", namespace="default")))
        with pytest.raises(InvalidSpec):
            await api.create(Role(metadata=ObjectMeta(name="a/b", namespace="default")))


async def test_not_found(open_api: Open) -> None:
    async with open_api() as api:
        with pytest.raises(NotFound, match="ConfigMap 'no' not found"):
            await api.get(ConfigMap, "default", "no")
        with pytest.raises(NotFound):
            await api.update(config_map("no"))
        with pytest.raises(NotFound):
            await api.patch(ConfigMap, "default", "no", {"data": {}})
        with pytest.raises(NotFound):
            await api.delete(ConfigMap, "default", "no")


async def test_update_replaces_and_raises_the_version(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a", labels={"x": "1"}))
        changed = await api.update(
            made.replace(data={"b": "2"}, metadata=made.metadata.replace(labels={"y": "2"}, annotations={"n": "m"}))
        )
        assert changed.data == {"b": "2"}
        assert changed.metadata.labels == {"y": "2"}
        assert changed.metadata.annotations == {"n": "m"}
        assert changed.metadata.uid == made.metadata.uid
        assert changed.metadata.creation_timestamp == made.metadata.creation_timestamp
        assert int(changed.metadata.resource_version) > int(made.metadata.resource_version)
        assert await api.get(ConfigMap, "default", "a") == changed


async def test_an_update_of_an_old_version_is_a_conflict(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a"))
        changed = await api.update(made.replace(data={"b": "2"}))
        with pytest.raises(Conflict) as caught:
            await api.update(made.replace(data={"c": "3"}))
        assert caught.value.found == changed.metadata.resource_version
        assert caught.value.wanted == made.metadata.resource_version
        free = made.replace(data={"d": "4"}, metadata=made.metadata.replace(resource_version=""))
        assert (await api.update(free)).data == {"d": "4"}


async def test_an_update_of_another_object_of_the_name_is_a_conflict(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a"))
        await api.delete(ConfigMap, "default", "a")
        await api.create(config_map("a"))
        with pytest.raises(Conflict):
            await api.update(made.replace(metadata=made.metadata.replace(resource_version="")))


async def test_an_update_without_a_change_keeps_the_version(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a", labels={"x": "1"}))
        assert await api.update(made) == made
        assert await api.patch(ConfigMap, "default", "a", {"metadata": {"labels": {"x": "1"}}}) == made


async def test_one_of_many_concurrent_updates_of_a_version_wins(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a"))
        results = await asyncio.gather(
            *(api.update(made.replace(data={"n": str(n)})) for n in range(20)), return_exceptions=True
        )
        won = [result for result in results if isinstance(result, ConfigMap)]
        assert len(won) == 1
        assert all(isinstance(result, Conflict) for result in results if not isinstance(result, ConfigMap))
        assert await api.get(ConfigMap, "default", "a") == won[0]


async def test_generation_grows_with_the_spec_alone(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(cron_workflow("a"))
        labelled = await api.patch(CronWorkflow, "default", "a", {"metadata": {"labels": {"x": "1"}}})
        assert labelled.metadata.generation == 1
        seen = await api.update_status(labelled.replace(status=labelled.status.replace(succeeded=3)))
        assert seen.metadata.generation == 1
        changed = await api.update(seen.replace(spec=cron_workflow("a", "5 * * * *").spec))
        assert changed.metadata.generation == 2
        assert changed.metadata.uid == made.metadata.uid


async def test_status_is_a_subresource(open_api: Open) -> None:
    async with open_api() as api:
        sent = cron_workflow("a")
        made = await api.create(sent.replace(status=sent.status.replace(succeeded=9)))
        assert made.status.succeeded == 0
        seen = await api.update_status(
            made.replace(status=made.status.replace(succeeded=2), spec=cron_workflow("a", "5 * * * *").spec)
        )
        assert seen.status.succeeded == 2
        assert seen.spec == made.spec
        changed = await api.update(seen.replace(status=seen.status.replace(succeeded=7)))
        assert changed.status.succeeded == 2
        with pytest.raises(Conflict):
            await api.update_status(made.replace(status=made.status.replace(failed=1)))
        patched = await api.patch_status(CronWorkflow, "default", "a", {"status": {"failed": 4}, "spec": None})
        assert (patched.status.succeeded, patched.status.failed) == (2, 4)
        assert patched.spec == made.spec
        both = await api.patch(CronWorkflow, "default", "a", {"status": {"failed": 0}, "spec": {"suspend": True}})
        assert (both.status.failed, both.spec.suspend) == (4, True)


async def test_a_kind_without_status_has_none_to_update(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a"))
        with pytest.raises((InvalidSpec, NotFound)):
            await api.update_status(made)


async def test_merge_patch(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a", {"k": "1", "l": "2"}, labels={"x": "1", "y": "2"}))
        patched = await api.patch(
            ConfigMap, "default", "a", {"data": {"k": None, "m": "3"}, "metadata": {"labels": {"x": None}}}
        )
        assert patched.data == {"l": "2", "m": "3"}
        assert patched.metadata.labels == {"y": "2"}
        assert patched.metadata.uid == made.metadata.uid


async def test_a_version_in_a_patch_is_a_precondition(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a"))
        old = {"metadata": {"resourceVersion": made.metadata.resource_version}}
        await api.patch(ConfigMap, "default", "a", old | {"data": {"b": "2"}})
        with pytest.raises(Conflict):
            await api.patch(ConfigMap, "default", "a", old | {"data": {"c": "3"}})


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"data": {"a": 1}}, "data.a"),
        ({"dada": {}}, "dada"),
        ({"metadata": {"name": "b"}}, "metadata.name"),
        ({"metadata": {"labels": {"x": "a b"}}}, "metadata.labels[x]"),
    ],
)
async def test_a_patch_that_makes_nonsense_is_refused(open_api: Open, patch: dict[str, object], path: str) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a"))
        with pytest.raises(InvalidSpec) as caught:
            await api.patch(ConfigMap, "default", "a", patch)
        assert caught.value.path == path
        assert await api.get(ConfigMap, "default", "a") == made


async def test_list_is_in_order_and_by_namespace(open_api: Open) -> None:
    async with open_api() as api:
        for namespace, name in [("b", "x"), ("a", "z"), ("a", "y")]:
            await api.create(config_map(name, namespace=namespace))
        found = await api.list(ConfigMap)
        assert [item.key for item in found.items] == ["a/y", "a/z", "b/x"]
        assert [item.key for item in (await api.list(ConfigMap, "a")).items] == ["a/y", "a/z"]
        assert int(found.resource_version) >= max(int(item.metadata.resource_version) for item in found.items)


async def test_list_by_selector(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(config_map("a", labels={"app": "x", "tier": "1"}))
        await api.create(config_map("b", labels={"app": "y"}))
        await api.create(config_map("c"))

        async def names(selector: str) -> list[str]:
            found = await api.list(ConfigMap, "default", selector=selector)
            return [item.metadata.name for item in found.items]

        assert await names("app=x") == ["a"]
        assert await names("app in (x,y),tier") == ["a"]
        assert await names("app!=x") == ["b", "c"]
        assert await names("!app") == ["c"]
        with pytest.raises(InvalidSpec):
            await names("app in x")


async def test_delete_preconditions(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a"))
        with pytest.raises(Conflict):
            await api.delete(ConfigMap, "default", "a", uid="another")
        with pytest.raises(Conflict):
            await api.delete(ConfigMap, "default", "a", resource_version="1")
        await api.delete(
            ConfigMap,
            "default",
            "a",
            uid=made.metadata.uid,
            resource_version=made.metadata.resource_version,
        )
        with pytest.raises(NotFound):
            await api.get(ConfigMap, "default", "a")


async def test_finalizers_hold_an_object(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(config_map("a", finalizers=("setpoint.dev/one", "setpoint.dev/two")))
        await api.delete(ConfigMap, "default", "a")
        held = await api.get(ConfigMap, "default", "a")
        assert held.metadata.deletion_timestamp is not None
        await api.delete(ConfigMap, "default", "a")
        assert await api.get(ConfigMap, "default", "a") == held
        with pytest.raises(AlreadyExists):
            await api.create(config_map("a"))
        with pytest.raises(InvalidSpec, match="cannot be added while"):
            await api.patch(ConfigMap, "default", "a", {"metadata": {"finalizers": ["setpoint.dev/three"]}})
        one = await api.update(held.replace(metadata=held.metadata.replace(finalizers=("setpoint.dev/two",))))
        gone = await api.patch(ConfigMap, "default", "a", {"metadata": {"finalizers": None}})
        assert int(gone.metadata.resource_version) > int(one.metadata.resource_version)
        with pytest.raises(NotFound):
            await api.get(ConfigMap, "default", "a")


async def test_the_mark_of_deletion_is_the_servers(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(config_map("a", finalizers=("setpoint.dev/one",)))
        await api.delete(ConfigMap, "default", "a")
        held = await api.get(ConfigMap, "default", "a")
        back = await api.update(held.replace(metadata=held.metadata.replace(deletion_timestamp=None), data={"z": "1"}))
        assert back.metadata.deletion_timestamp == held.metadata.deletion_timestamp


async def test_a_secrets_plain_text_is_stored_encoded(open_api: Open) -> None:
    async with open_api() as api:
        meta = ObjectMeta(name="a", namespace="default")
        made = await api.create(Secret(metadata=meta, string_data={"token": "péché"}, data={"n": "eA=="}))
        assert made.string_data == {}
        assert base64.b64decode(made.data["token"]).decode() == "péché"
        assert made.data["n"] == "eA=="
        with pytest.raises(InvalidSpec) as caught:
            await api.create(Secret(metadata=meta.replace(name="b"), data={"k": "hidden words"}))
        assert "hidden" not in str(caught.value)


async def test_immutable_means_that(open_api: Open) -> None:
    async with open_api() as api:
        made = await api.create(config_map("a").replace(immutable=True))
        await api.update(made.replace(metadata=made.metadata.replace(labels={"x": "1"})))
        with pytest.raises(InvalidSpec):
            await api.patch(ConfigMap, "default", "a", {"data": {"b": "2"}})


async def test_text_of_any_script_comes_back_as_it_was(open_api: Open) -> None:
    async with open_api() as api:
        data = {"de": "Füllstand \u2013 Behälter", "zh": "液位", "nul": "a\x00b", "emoji": "🏭", "line": '"\\\n'}
        await api.create(config_map("a", data, annotations={"n": "é"}))
        found = await api.get(ConfigMap, "default", "a")
        assert found.data == data
        assert msgspec.json.decode(msgspec.json.encode(found), type=ConfigMap) == found
