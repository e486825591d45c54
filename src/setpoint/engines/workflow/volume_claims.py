"""The claims of workflows as objects of the embedded API, and the directories behind all claims.

A claim's directory is made by the first pod that mounts it and deleted when the claim is.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from setpoint.apis.argo import Workflow
from setpoint.apis.core import PersistentVolumeClaim
from setpoint.apis.errors import AlreadyExists, Conflict, NotFound, SetpointError, Transient
from setpoint.core.workflow import ClaimsMade, DeleteClaims, MakeClaims
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi, WatchType


async def make_claims(resources: ResourceApi, workflow: Workflow, command: MakeClaims) -> ClaimsMade:
    """Make those that are not there. Raises: Transient."""
    try:
        for claim in command.claims:
            await _make(resources, workflow, claim)
    except Transient:
        raise
    except (SetpointError, msgspec.ValidationError) as error:
        return ClaimsMade(error=str(error))
    return ClaimsMade()


async def _make(resources: ResourceApi, workflow: Workflow, tree: Mapping[str, Any]) -> None:
    claim = msgspec.convert(tree, PersistentVolumeClaim)
    meta = claim.metadata.replace(namespace=workflow.metadata.namespace, owner_references=(workflow.owner_reference(),))
    try:
        await resources.create(claim.replace(metadata=meta))
    except AlreadyExists:
        found = await resources.get(PersistentVolumeClaim, meta.namespace, meta.name)
        if all(owner.uid != workflow.metadata.uid for owner in found.metadata.owner_references):
            raise SetpointError(f"{meta.name} pvc already exists with different ownerreference") from None


async def delete_claims(resources: ResourceApi, namespace: str, command: DeleteClaims) -> None:
    """Delete those that are there. Raises: Transient."""
    for name in command.names:
        try:
            await resources.delete(PersistentVolumeClaim, namespace, name)
        except NotFound:
            continue


async def follow_claims(resources: ResourceApi, launcher: Launcher) -> None:
    """Bind claims that are new, delete the directories of those that are deleted or were while no engine was up."""
    left = await launcher.claims()  # asked first: a claim is stored before its directory is made
    if left:
        listed = await resources.list(PersistentVolumeClaim)
        for uid in set(left) - {item.metadata.uid for item in listed.items}:
            await launcher.remove_claim(uid)
    while True:
        try:
            async for event in resources.watch(PersistentVolumeClaim):
                if event.type is WatchType.DELETED:
                    await launcher.remove_claim(event.resource.metadata.uid)
                elif not event.resource.status:
                    await _bind(resources, event.resource)
        except Conflict:  # the watch fell behind what is kept: begin again
            continue


async def _bind(resources: ResourceApi, claim: PersistentVolumeClaim) -> None:
    """A directory is always to be had, of whatever size the disk has left."""
    requested = (claim.spec.get("resources") or {}).get("requests") or {}
    status = {"phase": "Bound", "accessModes": claim.spec.get("accessModes", []), "capacity": requested}
    with suppress(NotFound):
        await resources.patch_status(
            PersistentVolumeClaim, claim.metadata.namespace, claim.metadata.name, {"status": status}
        )
