"""Tokens of people, and the rights that go with them: a file of hashes, and ordinary RoleBindings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from setpoint.adapters.access.people import PeopleFile, PersonToken
from setpoint.adapters.clock import SystemClock
from setpoint.apis.core import RoleBinding, RoleRef, Subject
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.rbac import GROUP
from setpoint.ports.resources import ResourceApi

ROLES = {"viewer": "view", "editor": "edit", "admin": "admin"}
"""What people call a role, and the cluster role that it is."""


def check_role_name(role: str) -> None:
    """Raises: InvalidSpec: There is no such role."""
    if role not in ROLES:
        raise InvalidSpec(f"{role!r} is no role", path="--role", allowed=tuple(ROLES))


async def bind_person(resources: ResourceApi, name: str, namespace: str, role: str) -> None:
    """Give the person the role in the namespace. Raises: AlreadyExists: they have it."""
    binding = RoleBinding(
        metadata=ObjectMeta(name=_binding(name, role), namespace=namespace),
        role_ref=RoleRef(kind="ClusterRole", name=ROLES[role]),
        subjects=(Subject(kind="User", name=name, api_group=GROUP),),
    )
    await resources.create(binding)


async def unbind_person(resources: ResourceApi, name: str) -> None:
    """Take away what `bind_person` gave, in all namespaces; other bindings stay."""
    ours = {_binding(name, role) for role in ROLES}
    found = await resources.list(RoleBinding)
    for item in found.items:
        if item.metadata.name in ours:
            await resources.delete(RoleBinding, item.metadata.namespace, item.metadata.name)


def make_token(home: Path, name: str, groups: Sequence[str], now: datetime | None = None) -> str:
    """The token of a new person. Raises: InvalidSpec, AlreadyExists."""
    return PeopleFile(home).create(name, groups, now or SystemClock().now())


def list_tokens(home: Path) -> tuple[PersonToken, ...]:
    """Who has one."""
    return PeopleFile(home).list()


def delete_token(home: Path, name: str) -> None:
    """It is worth nothing from now on. Raises: NotFound."""
    PeopleFile(home).delete(name)


def _binding(name: str, role: str) -> str:
    return f"setpoint:{name}:{role}"
