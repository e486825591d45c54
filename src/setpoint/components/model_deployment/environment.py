"""The objects around a service: namespace, identity, rights, a place for credentials, and what the model is.

Decides what a model server may see: its own Secret and ConfigMap, nothing else. Every object is created if it is not
there and patched if it differs; a Secret's values are never touched, because somebody else puts them in.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.core import (
    ConfigMap,
    Namespace,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Secret,
    ServiceAccount,
    Subject,
)
from setpoint.apis.errors import AlreadyExists
from setpoint.apis.meta import ObjectMeta, Resource, to_wire
from setpoint.ports.resources import ResourceApi

MANAGED_BY = {"app.kubernetes.io/managed-by": "setpoint"}


def make_environment(service: str, namespace: str, facts: dict[str, str]) -> tuple[Resource, ...]:
    """The objects of one service, in the order in which they can be created; `facts` go into the ConfigMap."""
    labels = MANAGED_BY | {"serving.kserve.io/inferenceservice": service}

    def named(name: str) -> ObjectMeta:
        return ObjectMeta(name=name, namespace=namespace, labels=labels)

    secret, config, role = f"{service}-storage", f"{service}-model", f"{service}-server"
    read = PolicyRule(
        verbs=("get", "watch"), api_groups=("",), resources=("secrets", "configmaps"), resource_names=(secret, config)
    )
    return (
        Namespace(metadata=ObjectMeta(name=namespace)),
        Secret(metadata=named(secret)),
        ConfigMap(metadata=named(config), data=facts),
        ServiceAccount(metadata=named(service), secrets=({"name": secret},)),
        Role(metadata=named(role), rules=(read,)),
        RoleBinding(
            metadata=named(role),
            role_ref=RoleRef(kind="Role", name=role),
            subjects=(Subject(kind="ServiceAccount", name=service, namespace=namespace),),
        ),
    )


async def ensure(resources: ResourceApi, resource: Resource) -> bool:
    """Create the object, or patch what differs from it; returns whether anything was written.

    Raises: what the API raises, Conflict excepted: the patch carries no precondition.
    """
    try:
        await resources.create(resource)
    except AlreadyExists:
        namespace = resource.metadata.namespace
        present = await resources.get(type(resource), namespace, resource.metadata.name)
        patch = _difference(to_wire(present), _wanted(resource))
        if not patch:
            return False
        await resources.patch(type(resource), namespace, resource.metadata.name, patch)
    return True


def _wanted(resource: Resource) -> dict[str, Any]:
    """The fields that this component has a say in."""
    body: dict[str, Any] = to_wire(resource)
    metadata = {key: value for key, value in body.pop("metadata").items() if key in ("labels", "annotations")}
    for key in ("apiVersion", "kind", "status"):
        body.pop(key, None)
    if isinstance(resource, Secret):
        body = {}
    return body | ({"metadata": metadata} if metadata else {})


def _difference(present: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that makes `present` hold what is `wanted`; what is not mentioned stays."""
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        old = present.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := _difference(old, value):
                patch[key] = inner
        elif old != value:
            patch[key] = value
    return patch
