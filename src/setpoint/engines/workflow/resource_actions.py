"""Resource templates: one verb on one object of the API, then waiting for its conditions.

May be carried out twice after a crash: what it creates carries the command's id, so the second time finds its own.
Source: SEMANTICS section 13 (resource).
"""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from typing import Any

import msgspec

from setpoint.apis.argo import NodePhase, Outputs, Parameter, Workflow
from setpoint.apis.errors import AlreadyExists, InvalidSpec, NotFound, NotSupported, SetpointError, Transient
from setpoint.apis.kinds import KINDS
from setpoint.apis.manifest import decode_document, kind_map, load_documents
from setpoint.apis.meta import Resource, render_wire
from setpoint.apis.selectors import parse_selector
from setpoint.core.workflow import ActionReported, RunResourceAction
from setpoint.engines.workflow.conditions import failed_requirement, holds, output_value
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi

COMMAND = "setpoint.dev/command"
POLL = timedelta(seconds=1)


class ResourceActions:
    """Carries out RunResourceAction over the API."""

    def __init__(self, resources: ResourceApi, clock: Clock) -> None:
        self._resources = resources
        self._clock = clock

    async def run(self, command: RunResourceAction, workflow: Workflow) -> ActionReported:
        """Do the verb and wait for the conditions; how it went is the answer, whatever it is.

        Raises: Transient if the API cannot be reached; it may be tried again.
        """
        phase, message, outputs = NodePhase.SUCCEEDED, "", None
        try:
            document = await self._act(command, workflow)
            if document is not None and (command.resource.success_condition or command.resource.failure_condition):
                phase, message, document = await self._wait(command, document)
            if phase is NodePhase.SUCCEEDED:
                outputs = Outputs(parameters=_parameters(command, document))
        except Transient:
            raise
        except (SetpointError, msgspec.ValidationError) as error:
            phase, message = NodePhase.FAILED, f"main: Error (exit code 64): {error}"
        return ActionReported(node=command.node, command=command.id, phase=phase, message=message, outputs=outputs)

    async def _act(self, command: RunResourceAction, workflow: Workflow) -> dict[str, Any] | None:
        action = command.resource.action
        if action == "patch":
            return await self._patch(command, workflow)
        wanted = self._decode(command, workflow)
        kind, meta = type(wanted), wanted.metadata
        if action == "delete":
            with contextlib.suppress(NotFound):
                await self._resources.delete(kind, meta.namespace, meta.name)
            return None
        if action == "get":
            return render_wire(await self._resources.get(kind, meta.namespace, meta.name))
        if action == "create":
            return render_wire(await self._create(wanted))
        if action == "apply":
            return render_wire(await self._apply(wanted))
        if action == "replace":
            held = await self._resources.get(kind, meta.namespace, meta.name)
            version = meta.replace(resource_version=held.metadata.resource_version, uid=held.metadata.uid)
            return render_wire(await self._resources.update(wanted.replace(metadata=version)))
        raise InvalidSpec(f"resource.action {action!r} is none", path="resource.action")

    def _decode(self, command: RunResourceAction, workflow: Workflow) -> Resource:
        documents = load_documents(command.resource.manifest, "resource.manifest")
        if len(documents) != 1:
            raise InvalidSpec(f"one object is needed, found {len(documents)}", path="resource.manifest")
        wanted = decode_document(documents[0], kind_map(KINDS))
        meta = wanted.metadata
        if type(wanted).NAMESPACED and not meta.namespace:
            meta = meta.replace(namespace=workflow.metadata.namespace)
        if not meta.name and meta.generate_name:
            meta = meta.replace(name=f"{meta.generate_name}{command.id[:5]}")
        if command.resource.action == "create":
            meta = meta.replace(annotations={**meta.annotations, COMMAND: command.id})
        if command.resource.set_owner_reference:
            owners = (*meta.owner_references, workflow.owner_reference())
            meta = meta.replace(owner_references=owners)
        return wanted.replace(metadata=meta)

    async def _create(self, wanted: Resource) -> Resource:
        try:
            return await self._resources.create(wanted)
        except AlreadyExists:
            meta = wanted.metadata
            held: Resource = await self._resources.get(type(wanted), meta.namespace, meta.name)
            if held.metadata.annotations.get(COMMAND) != meta.annotations.get(COMMAND):
                raise
            return held

    async def _apply(self, wanted: Resource) -> Resource:
        kind, meta = type(wanted), wanted.metadata
        try:
            await self._resources.get(kind, meta.namespace, meta.name)
        except NotFound:
            return await self._resources.create(wanted)
        body = {key: value for key, value in render_wire(wanted).items() if key != "status"}
        return await self._resources.patch(kind, meta.namespace, meta.name, body)

    async def _patch(self, command: RunResourceAction, workflow: Workflow) -> dict[str, Any]:
        if command.resource.merge_strategy == "json":
            raise NotSupported("mergeStrategy json is not supported: use merge", path="resource.mergeStrategy")
        document = load_documents(command.resource.manifest, "resource.manifest")[0]
        body = document.root.builtins()
        kind = KINDS.of_manifest(str(body.get("apiVersion", "")), str(body.get("kind", "")))
        meta = body.get("metadata") or {}
        namespace = meta.get("namespace") or (workflow.metadata.namespace if kind.NAMESPACED else "")
        found: Resource = await self._resources.patch(kind, namespace, meta.get("name", ""), body)
        return render_wire(found)

    async def _wait(
        self, command: RunResourceAction, document: dict[str, Any]
    ) -> tuple[NodePhase, str, dict[str, Any]]:
        """Failure is tested first; success needs all; a missing successCondition is met at once."""
        success = parse_selector(command.resource.success_condition)
        kind = KINDS.of_manifest(document["apiVersion"], document["kind"])
        meta = document["metadata"]
        while True:
            failed = failed_requirement(command.resource.failure_condition, document)
            if failed:
                text = f"failure condition '{failed}' evaluated true"
                return NodePhase.FAILED, f"main: Error (exit code 64): {text}", document
            if holds(success, document):
                return NodePhase.SUCCEEDED, "", document
            await self._clock.sleep_until(self._clock.now() + POLL)
            try:
                held: Resource = await self._resources.get(kind, meta.get("namespace", ""), meta["name"])
            except NotFound:
                text = f"the resource {meta['name']} was deleted while its conditions were waited for"
                return NodePhase.FAILED, f"main: Error (exit code 64): {text}", document
            document = json.loads(msgspec.json.encode(render_wire(held)))


def _parameters(command: RunResourceAction, document: dict[str, Any] | None) -> tuple[Parameter, ...]:
    """The template's outputs that have a value."""
    values = {item.name: output_value(item, document) for item in command.outputs}
    return tuple(Parameter(name=name, value=value) for name, value in values.items() if value is not None)
