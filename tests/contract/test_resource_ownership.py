"""What every ResourceApi deletes along: dependants of owners, contents of namespaces."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from setpoint.apis.core import ConfigMap, Namespace
from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound
from setpoint.apis.meta import ObjectMeta, OwnerReference
from setpoint.ports.resources import Propagation, ResourceApi
from tests.contract.objects import config_map

Open = Callable[[], AbstractAsyncContextManager[ResourceApi]]


async def owned(api: ResourceApi, name: str, *owners: ConfigMap, block: bool = True, **metadata: Any) -> ConfigMap:
    references = tuple(
        owner.owner_reference(controller=False).replace(block_owner_deletion=block or None) for owner in owners
    )
    return await api.create(config_map(name, owner_references=references, **metadata))


async def names(api: ResourceApi) -> list[str]:
    return [item.metadata.name for item in (await api.list(ConfigMap)).items]


async def test_dependants_go_with_their_owner(open_api: Open) -> None:
    async with open_api() as api:
        owner = await api.create(config_map("owner"))
        child = await owned(api, "child", owner)
        await owned(api, "grandchild", child)
        await api.create(config_map("stranger"))
        await api.delete(ConfigMap, "default", "owner")
        assert await names(api) == ["stranger"]


async def test_a_long_chain_of_owners_goes(open_api: Open) -> None:
    async with open_api() as api:
        last = await api.create(config_map("a-0"))
        for number in range(1, 60):
            last = await owned(api, f"a-{number}", last)
        await api.delete(ConfigMap, "default", "a-0")
        assert await names(api) == []


async def test_a_dependant_stays_while_one_owner_does(open_api: Open) -> None:
    async with open_api() as api:
        one, two = await api.create(config_map("one")), await api.create(config_map("two"))
        await owned(api, "child", one, two)
        await api.delete(ConfigMap, "default", "one")
        child = await api.get(ConfigMap, "default", "child")
        assert [reference.name for reference in child.metadata.owner_references] == ["two"]
        await api.delete(ConfigMap, "default", "two")
        assert await names(api) == []


async def test_orphans_stay_without_reference(open_api: Open) -> None:
    async with open_api() as api:
        owner = await api.create(config_map("owner"))
        await owned(api, "child", owner)
        await api.delete(ConfigMap, "default", "owner", propagation=Propagation.ORPHAN)
        assert (await api.get(ConfigMap, "default", "child")).metadata.owner_references == ()
        assert await names(api) == ["child"]


async def test_background_waits_for_the_owners_finalizers(open_api: Open) -> None:
    async with open_api() as api:
        owner = await api.create(config_map("owner", finalizers=("setpoint.dev/one",)))
        await owned(api, "child", owner)
        await api.delete(ConfigMap, "default", "owner")
        assert await names(api) == ["child", "owner"]
        await api.patch(ConfigMap, "default", "owner", {"metadata": {"finalizers": None}})
        assert await names(api) == []


async def test_foreground_keeps_the_owner_until_the_dependants_are_gone(open_api: Open) -> None:
    async with open_api() as api:
        owner = await api.create(config_map("owner"))
        child = await owned(api, "child", owner)
        await owned(api, "grandchild", child, finalizers=("setpoint.dev/one",))
        await owned(api, "other", owner)
        await api.delete(ConfigMap, "default", "owner", propagation=Propagation.FOREGROUND)
        assert await names(api) == ["child", "grandchild", "owner"]
        held = await api.get(ConfigMap, "default", "owner")
        assert held.metadata.finalizers == ("foregroundDeletion",)
        assert held.metadata.deletion_timestamp is not None
        await api.patch(ConfigMap, "default", "grandchild", {"metadata": {"finalizers": None}})
        assert await names(api) == []


async def test_foreground_does_not_wait_for_those_that_do_not_block(open_api: Open) -> None:
    async with open_api() as api:
        owner = await api.create(config_map("owner"))
        await owned(api, "child", owner, block=False, finalizers=("setpoint.dev/one",))
        await api.delete(ConfigMap, "default", "owner", propagation=Propagation.FOREGROUND)
        assert await names(api) == ["child"]
        assert (await api.get(ConfigMap, "default", "child")).metadata.deletion_timestamp is not None


async def test_owners_that_own_each_other_go(open_api: Open) -> None:
    async with open_api() as api:
        one = await api.create(config_map("one"))
        two = await owned(api, "two", one)
        await api.update(
            one.replace(metadata=one.metadata.replace(owner_references=(two.owner_reference(controller=False),)))
        )
        await api.delete(ConfigMap, "default", "one", propagation=Propagation.FOREGROUND)
        assert await names(api) == []


async def test_an_object_of_an_owner_that_is_gone_goes(open_api: Open) -> None:
    async with open_api() as api:
        owner = await api.create(config_map("owner"))
        await api.delete(ConfigMap, "default", "owner")
        made = await owned(api, "child", owner)
        assert made.metadata.uid
        assert await names(api) == []


async def test_an_owner_in_another_namespace_is_none(open_api: Open) -> None:
    async with open_api() as api:
        owner = await api.create(config_map("owner", namespace="other"))
        await owned(api, "child", owner)
        assert await names(api) == ["owner"]


async def test_an_owner_reference_added_later_counts(open_api: Open) -> None:
    async with open_api() as api:
        owner, child = await api.create(config_map("owner")), await api.create(config_map("child"))
        await api.update(child.replace(metadata=child.metadata.replace(owner_references=(owner.owner_reference(),))))
        await api.delete(ConfigMap, "default", "owner")
        assert await names(api) == []


async def test_illegal_references_are_refused(open_api: Open) -> None:
    async with open_api() as api:
        reference = OwnerReference(api_version="v1", kind="ConfigMap", name="x", uid="")
        with pytest.raises(InvalidSpec) as caught:
            await api.create(config_map("a", owner_references=(reference,)))
        assert caught.value.path == "metadata.ownerReferences[0].uid"
        first = reference.replace(uid="1", controller=True)
        with pytest.raises(InvalidSpec):
            await api.create(config_map("a", owner_references=(first, first.replace(uid="2"))))


async def test_a_namespace_takes_its_objects_along(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(Namespace(metadata=ObjectMeta(name="plant")))
        await api.create(config_map("a", namespace="plant"))
        await api.create(config_map("b", namespace="plant", finalizers=("setpoint.dev/one",)))
        await api.create(config_map("c"))
        await api.delete(Namespace, "", "plant")
        assert (await api.get(Namespace, "", "plant")).status == {"phase": "Terminating"}
        assert await names(api) == ["c", "b"]
        with pytest.raises(Forbidden, match="being deleted"):
            await api.create(config_map("d", namespace="plant"))
        await api.patch(ConfigMap, "plant", "b", {"metadata": {"finalizers": None}})
        with pytest.raises(NotFound):
            await api.get(Namespace, "", "plant")
        await api.create(config_map("d", namespace="plant"))


async def test_an_empty_namespace_goes_at_once(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(Namespace(metadata=ObjectMeta(name="plant")))
        await api.delete(Namespace, "", "plant")
        with pytest.raises(NotFound):
            await api.get(Namespace, "", "plant")
