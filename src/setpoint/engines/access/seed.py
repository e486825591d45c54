"""What a state directory has of RBAC objects from its first day, so that people see and bind them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from setpoint.apis.errors import AlreadyExists
from setpoint.apis.meta import Resource
from setpoint.apis.rbac import ClusterRole, ClusterRoleBinding
from setpoint.core.access import default_cluster_bindings, default_cluster_roles
from setpoint.ports.resources import ResourceApi


async def store_defaults(resources: ResourceApi) -> None:
    """Store the built-in cluster roles and bindings that are not there; those that are stay as they are."""
    roles, bindings = await resources.list(ClusterRole), await resources.list(ClusterRoleBinding)
    there = {(item.KIND, item.metadata.name) for item in (*roles.items, *bindings.items)}
    missing: list[Resource] = [
        item
        for item in (*default_cluster_roles(), *default_cluster_bindings())
        if (item.KIND, item.metadata.name) not in there
    ]
    await asyncio.gather(*(_create(resources, item) for item in missing))


async def _create(resources: ResourceApi, item: Resource) -> None:
    with suppress(AlreadyExists):
        await resources.create(item)
