"""The RBAC objects and service accounts as last heard of, for whoever must decide at once.

Nothing is listed or watched before somebody other than the admin asks. The built-in roles are in force where no stored
object has their name. Invariant: a decision is never older than what the watches have brought.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from setpoint.apis.core import Role, RoleBinding, ServiceAccount
from setpoint.apis.errors import NotFound
from setpoint.apis.meta import Resource
from setpoint.apis.pod import PodHead
from setpoint.apis.rbac import ClusterRole, ClusterRoleBinding
from setpoint.core.access import Policy, default_cluster_bindings, default_cluster_roles
from setpoint.engines.runner import Background, Informer
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi

R = TypeVar("R", bound=Resource)


class AccessView:
    """See `ports.access.PolicySource`; enter it, and what it watches ends with the context."""

    def __init__(self, resources: ResourceApi, clock: Clock) -> None:
        self._resources = resources
        self._roles = Informer(resources, Role, clock)
        self._bindings = Informer(resources, RoleBinding, clock)
        self._cluster_roles = Informer(resources, ClusterRole, clock)
        self._cluster_bindings = Informer(resources, ClusterRoleBinding, clock)
        self._accounts = Informer(resources, ServiceAccount, clock)
        self._background = Background(clock)
        self._policy: Policy | None = None
        self._begun = False
        self._beginning = asyncio.Lock()

    async def policy(self) -> Policy:
        """See the port."""
        await self._begin()
        if self._policy is None:
            self._policy = Policy(
                roles=self._roles.items(),
                bindings=self._bindings.items(),
                cluster_roles=_over(default_cluster_roles(), self._cluster_roles.items()),
                cluster_bindings=_over(default_cluster_bindings(), self._cluster_bindings.items()),
            )
        return self._policy

    async def account_uid(self, namespace: str, name: str) -> str:
        """See the port."""
        await self._begin()
        account = self._accounts.get(f"{namespace}/{name}")
        return account.metadata.uid if account is not None else virtual_uid(namespace, name)

    async def has_account(self, namespace: str, name: str) -> bool:
        """See the port."""
        await self._begin()
        return self._accounts.get(f"{namespace}/{name}") is not None

    async def has_pod(self, namespace: str, name: str, uid: str) -> bool:
        """See the port; looked up, for no other token is bound to a pod."""
        try:
            pod = await self._resources.get(PodHead, namespace, name)
        except NotFound:
            return False
        return pod.metadata.uid == uid

    def automounts(self, namespace: str, name: str) -> bool | None:
        """What the account, if it is known, says of tokens in its pods."""
        account = self._accounts.get(f"{namespace}/{name}")
        return account.automount_service_account_token if account is not None else None

    async def _begin(self) -> None:
        if not self._begun:
            async with self._beginning:
                await self._load()

    async def _load(self) -> None:
        if self._begun:
            return
        watched: tuple[Informer[Any], ...] = (
            self._roles,
            self._bindings,
            self._cluster_roles,
            self._cluster_bindings,
        )
        for informer in watched:
            informer.on_change(self._changed)
        for informer in (*watched, self._accounts):
            await informer.load()
            self._background.start(informer.name, informer.run)
        self._begun = True

    def _changed(self, old: Resource | None, new: Resource | None) -> None:
        self._policy = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.stop()


def virtual_uid(namespace: str, name: str) -> str:
    """The uid of a service account that no object stands for, such as `default` of each namespace."""
    digest = hashlib.sha256(f"serviceaccount/{namespace}/{name}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16]))


def _over(defaults: Iterable[R], stored: Iterable[R]) -> list[R]:
    """Stored objects, and the defaults whose names they do not have."""
    found = {item.metadata.name: item for item in defaults}
    found |= {item.metadata.name: item for item in stored}
    return list(found.values())
