"""Resource templates: one verb on objects of the API, then waiting for conditions and reading outputs.

May be carried out twice after a crash: what it creates carries the command's id, so the second time finds its own.
Whatever goes wrong is Argo's own program ending with 64, in kubectl's words where it has some.
Source: SEMANTICS section 13 (resource); argo-workflows `workflow/executor/resource.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import msgspec

from setpoint.apis.argo import NodePhase, Outputs, Parameter, Workflow
from setpoint.apis.errors import AlreadyExists, Conflict, InvalidSpec, NotFound, SetpointError, Transient
from setpoint.apis.kinds import KINDS, Kind
from setpoint.apis.meta import Resource
from setpoint.core.workflow import ActionReported, RunResourceAction
from setpoint.core.workflow.kubectl_flags import KubectlFlags, parse_flags
from setpoint.engines.workflow import resource_patch as patches
from setpoint.engines.workflow.conditions import failed_requirement, holds, read_condition
from setpoint.engines.workflow.environment import filled_place
from setpoint.engines.workflow.resource_outputs import output_value
from setpoint.engines.workflow.resource_target import (
    COMMAND,
    Target,
    load_manifest,
    resource_name,
    target_of,
    wanted_object,
)
from setpoint.ports.artifacts import ArtifactReader
from setpoint.ports.clock import Clock
from setpoint.ports.jq import JqFilter
from setpoint.ports.resources import Propagation, ResourceApi

POLL = timedelta(seconds=1)
_UPDATES = 5
_MANIFEST = "/tmp/manifest.yaml"  # noqa: S108  only named in messages, as on a cluster
_GONE = "The resource has been deleted while its status was still being checked. Will not be retried"

Document = dict[str, Any]


class ResourceActions:
    """Carries out RunResourceAction over the API."""

    def __init__(self, resources: ResourceApi, clock: Clock, jq: JqFilter, artifacts: ArtifactReader) -> None:
        self._resources = resources
        self._clock = clock
        self._jq = jq
        self._artifacts = artifacts

    async def run(self, command: RunResourceAction, workflow: Workflow) -> ActionReported:
        """Do the verb, wait for the conditions and read the outputs; how it went is the answer, whatever it is.

        Raises: Transient if the API cannot be reached; it may be tried again.
        """
        phase, message = NodePhase.SUCCEEDED, ""
        outputs: Outputs | None = None
        try:
            outputs = await self._run(await self._with_manifest(command, workflow.metadata.namespace), workflow)
        except _NotLoaded as error:
            phase, message = NodePhase.ERROR, f"init: Error (exit code 64): {error}"
        except Transient:
            raise
        except (SetpointError, msgspec.ValidationError) as error:
            phase, message = NodePhase.FAILED, f"main: Error (exit code 64): {error}"
            outputs = Outputs(exit_code="64")
        return ActionReported(node=command.node, command=command.id, phase=phase, message=message, outputs=outputs)

    async def _with_manifest(self, command: RunResourceAction, namespace: str) -> RunResourceAction:
        """The command with the manifest in it. Raises: _NotLoaded; Transient."""
        source = command.source
        if source is None:
            return command
        try:
            if source.place is not None:
                source = source.replace(place=await filled_place(self._resources, namespace, source.place))
            text = (await asyncio.to_thread(self._artifacts.read, source)).decode()
        except Transient:
            raise
        except (SetpointError, UnicodeDecodeError, OSError) as error:
            raise _NotLoaded(f"artifact {source.name}: {error}") from error
        # as on a cluster, where the owner is written into the template's own manifest only
        body = command.resource.replace(manifest=text, set_owner_reference=False)
        return msgspec.structs.replace(command, resource=body)

    async def _run(self, command: RunResourceAction, workflow: Workflow) -> Outputs:
        body = command.resource
        flags = parse_flags(body.flags)
        if not body.manifest.strip() and not body.flags:
            raise InvalidSpec("Must provide at least one of flags or manifest.")
        if body.action == "delete":
            if body.success_condition or body.failure_condition or command.outputs:
                raise InvalidSpec("successCondition, failureCondition and outputs are not supported for delete action")
            await self._delete(target_of(flags, load_manifest(body.manifest), workflow), flags)
            return Outputs(exit_code="0")
        document = await self._act(command, flags, workflow)
        if document is not None:
            document = await self._wait(command, document)
        values = {item.name: await output_value(self._jq, item, document) for item in command.outputs}
        found = (Parameter(name=name, value=value) for name, value in values.items() if value is not None)
        return Outputs(parameters=tuple(found), exit_code="0")

    async def _act(self, command: RunResourceAction, flags: KubectlFlags, workflow: Workflow) -> Document | None:
        """Do the verb; the object after it, None if there is none and that is fine."""
        body = command.resource
        match body.action:
            case "get":
                return await self._get(target_of(flags, load_manifest(body.manifest), workflow), flags)
            case "patch":
                return await self._patch(command, flags, workflow)
            case "create" | "apply" | "replace":
                wanted = wanted_object(body, body.manifest, flags, workflow, command.id)
                verb = {"create": self._create, "apply": self._apply, "replace": self._replace}[body.action]
                return patches.to_builtins(await verb(wanted))
            case _:
                raise InvalidSpec(f"resource.action {body.action!r} is none", path="resource.action")

    async def _get(self, target: Target, flags: KubectlFlags) -> Document | None:
        name = target.name
        try:
            async with _in_kubectl_words(target.kind, name):
                return patches.to_builtins(await self._resources.get(target.kind, target.namespace, name))
        except NotFoundThere:
            if flags.ignore_not_found:
                return None
            raise

    async def _delete(self, target: Target, flags: KubectlFlags) -> None:
        names = target.names
        if not names:
            found = await self._resources.list(target.kind, target.namespace, selector=target.selector)
            names = tuple(item.metadata.name for item in found.items)
        doomed: dict[str, str] = {}
        for name in names:
            with suppress(NotFound):
                held: Resource = await self._resources.get(target.kind, target.namespace, name)
                doomed[name] = held.metadata.uid
                how = Propagation(flags.propagation)
                await self._resources.delete(target.kind, target.namespace, name, propagation=how)
        for name, uid in doomed.items():
            while flags.wait and await self._is_there(target, name, uid):
                await self._clock.sleep_until(self._clock.now() + POLL)

    async def _is_there(self, target: Target, name: str, uid: str) -> bool:
        """Whether that very object still is, held by its finalizers."""
        try:
            held: Resource = await self._resources.get(target.kind, target.namespace, name)
        except NotFound:
            return False
        return held.metadata.uid == uid

    async def _create(self, wanted: Resource) -> Resource:
        meta = wanted.metadata
        try:
            return await self._resources.create(wanted)
        except AlreadyExists:
            held: Resource = await self._resources.get(type(wanted), meta.namespace, meta.name)
            if held.metadata.annotations.get(COMMAND) == meta.annotations.get(COMMAND):
                return held
            raise InvalidSpec(
                f'Error from server (AlreadyExists): error when creating "{_MANIFEST}": '
                f'{resource_name(type(wanted))} "{meta.name}" already exists'
            ) from None

    async def _apply(self, wanted: Resource) -> Resource:
        kind, meta = type(wanted), wanted.metadata
        try:
            held: Resource = await self._resources.get(kind, meta.namespace, meta.name)
        except NotFound:
            return await self._resources.create(patches.with_last_applied(wanted))
        return await self._resources.patch(kind, meta.namespace, meta.name, patches.apply_patch(wanted, held))

    async def _replace(self, wanted: Resource) -> Resource:
        kind, meta = type(wanted), wanted.metadata
        async with _in_kubectl_words(kind, meta.name, "replacing"):
            held: Resource = await self._resources.get(kind, meta.namespace, meta.name)
        version = meta.replace(resource_version=held.metadata.resource_version, uid=held.metadata.uid)
        return await self._resources.update(wanted.replace(metadata=version))

    async def _patch(self, command: RunResourceAction, flags: KubectlFlags, workflow: Workflow) -> Document:
        manifest = load_manifest(command.resource.manifest)
        merge = flags.merge or command.resource.merge_strategy or "strategic"
        target = target_of(flags, manifest, workflow)
        name = target.name
        patches.check_merge(target.kind, merge)
        async with _in_kubectl_words(target.kind, name):
            if merge == "json":
                return patches.to_builtins(await self._patch_json(target, name, manifest))
            body = patches.merge_body(manifest)
            found: Resource = await self._resources.patch(target.kind, target.namespace, name, body)
            return patches.to_builtins(found)

    async def _patch_json(self, target: Target, name: str, operations: Any) -> Resource:
        """Read, change and write, again if somebody else wrote in between."""
        for _ in range(_UPDATES):
            with suppress(Conflict):
                return await self._patch_json_once(target, name, operations)
        return await self._patch_json_once(target, name, operations)

    async def _patch_json_once(self, target: Target, name: str, operations: Any) -> Resource:
        held: Resource = await self._resources.get(target.kind, target.namespace, name)
        patched = msgspec.convert(patches.json_patched(held, operations), target.kind)
        meta = patched.metadata.replace(resource_version=held.metadata.resource_version)
        return await self._resources.update(patched.replace(metadata=meta))

    async def _wait(self, command: RunResourceAction, document: Document) -> Document:
        """Until the conditions decide: failure is tested first; success needs all; no successCondition is met at once.

        Raises: InvalidSpec if it has failed.
        """
        body = command.resource
        success = read_condition(body.success_condition, "success")
        failure = read_condition(body.failure_condition, "fail")
        if not body.success_condition and not body.failure_condition:
            return document
        kind, meta = KINDS.of_manifest(document["apiVersion"], document["kind"]), document["metadata"]
        while True:
            failed = failed_requirement(failure, document)
            if failed:
                raise InvalidSpec(f"failure condition '{failed}' evaluated true")
            if holds(success, document):
                return document
            await self._clock.sleep_until(self._clock.now() + POLL)
            try:
                held: Resource = await self._resources.get(kind, meta.get("namespace", ""), meta["name"])
            except NotFound:
                raise InvalidSpec(f'{_GONE}: {resource_name(kind)} "{meta["name"]}" not found') from None
            document = patches.to_builtins(held)


class _NotLoaded(SetpointError):
    """The manifest is an artifact that cannot be loaded."""


class NotFoundThere(InvalidSpec):
    """There is no such object, in kubectl's words."""


@asynccontextmanager
async def _in_kubectl_words(kind: Kind, name: str, doing: str = "") -> AsyncIterator[None]:
    try:
        yield
    except NotFound:
        when = f'error when {doing} "{_MANIFEST}": ' if doing else ""
        text = f'Error from server (NotFound): {when}{resource_name(kind)} "{name}" not found'
        raise NotFoundThere(text) from None
