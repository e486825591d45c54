"""Plugin templates: handed to the executor plugins of this control plane, the first that answers wins.

Plugins listen on loopback and are nobody's children here: who runs the control plane names their addresses. A plugin
is asked again when it says so, and after a crash, so it must know what it has begun, as on a cluster.
Source: SEMANTICS section 13 (plugin); argo-workflows `executePluginTemplate`, `workflow/util/plugins`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import msgspec

from setpoint.apis.argo import NodePhase, Outputs, Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.http import HttpReply, HttpRequest, RequestFailed
from setpoint.core.workflow import ActionReported, ExecutePlugin
from setpoint.core.workflow.durations import parse_duration
from setpoint.ports.clock import Clock
from setpoint.ports.http import HttpClient

METHOD = "template.execute"
TIMEOUT_SECONDS = 30.0
PAUSES = (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8))
_REPORTED = (NodePhase.PENDING, NodePhase.RUNNING, NodePhase.SUCCEEDED, NodePhase.FAILED, NodePhase.ERROR)


class _Node(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin says of the node; fields that are not looked at are passed over."""

    phase: str = ""
    message: str = ""
    outputs: Outputs | None = None


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    node: _Node | None = None
    requeue: str | None = None


class PluginActions:
    """Carries out ExecutePlugin.

    Args:
        http: Sends the calls.
        clock: For waiting.
        addresses: Base URLs of the plugins, asked in this order.
        pauses: Waits between calls of a plugin that cannot be reached at present.
    """

    def __init__(
        self, http: HttpClient, clock: Clock, addresses: Sequence[str], pauses: Sequence[timedelta] = PAUSES
    ) -> None:
        self._http = http
        self._clock = clock
        self._addresses = tuple(item.rstrip("/") for item in addresses)
        self._pauses = tuple(pauses)
        self._deaf: set[str] = set()  # plugins that do not know the method

    async def run(
        self, command: ExecutePlugin, workflow: Workflow, report: Callable[[ActionReported], None]
    ) -> ActionReported:
        """Ask until a plugin has brought the template to an end; `report` gets what comes before it."""
        body = msgspec.json.encode({"workflow": _workflow(workflow), "template": command.template})
        while True:
            try:
                reply = await self._ask(body)
                told = _report(command, reply)
                requeue = parse_duration(reply.requeue, bare_seconds=False) if reply.requeue else timedelta()
            except (RequestFailed, InvalidSpec) as error:
                return _failed(command, str(error))
            if told is not None and told.phase.fulfilled:
                return told
            if requeue <= timedelta():
                phase = told.phase.value if told is not None else "unset"
                return _failed(command, f"the plugin left the node's phase {phase} and gave no requeue to ask it again")
            if told is not None:
                report(told)
            await self._clock.sleep_until(self._clock.now() + requeue)

    async def _ask(self, body: bytes) -> _Reply:
        """The first reply with something in it. Raises: RequestFailed; InvalidSpec."""
        for address in self._addresses:
            if address in self._deaf:
                continue
            reply = await self._call(address, body)
            if reply.status == HTTPStatus.NOT_FOUND:
                self._deaf.add(address)
                continue
            found = _decoded(reply)
            if found.node is not None:
                return found
        raise InvalidSpec("no plugin executed the template")

    async def _call(self, address: str, body: bytes) -> HttpReply:
        """One plugin's reply, waiting for one that is not up yet or busy."""
        request = HttpRequest(
            method="POST",
            url=f"{address}/api/v1/{METHOD}",
            headers=(("Content-Type", "application/json"),),
            body=body,
            timeout_seconds=TIMEOUT_SECONDS,
        )
        for pause in self._pauses:
            try:
                reply = await self._http.send(request)
                if reply.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    return reply
            except RequestFailed as error:
                if "connection refused" not in str(error):
                    raise
            await self._clock.sleep_until(self._clock.now() + pause)
        return await self._http.send(request)


def _workflow(workflow: Workflow) -> dict[str, Any]:
    meta = workflow.metadata
    return {"metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid}}


def _decoded(reply: HttpReply) -> _Reply:
    if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise InvalidSpec(reply.text)
    if reply.status != HTTPStatus.OK:
        known = {item.value: item.phrase for item in HTTPStatus}
        raise InvalidSpec(f"{reply.status} {known.get(reply.status, '')}: {reply.text}")
    try:
        return msgspec.json.decode(reply.body, type=_Reply)
    except msgspec.DecodeError as error:
        raise InvalidSpec(f"the plugin's reply cannot be read: {error}") from error


def _report(command: ExecutePlugin, reply: _Reply) -> ActionReported | None:
    """What the reply says of the node; None if it says no phase yet. Raises: InvalidSpec."""
    node = reply.node
    if node is None or not node.phase:
        return None
    if node.phase not in {item.value for item in _REPORTED}:
        raise InvalidSpec(
            f"the plugin gave the node the phase {node.phase!r}", allowed=tuple(item.value for item in _REPORTED)
        )
    phase = NodePhase(node.phase)
    return ActionReported(
        node=command.node, command=command.id, phase=phase, message=node.message, outputs=node.outputs
    )


def _failed(command: ExecutePlugin, message: str) -> ActionReported:
    return ActionReported(node=command.node, command=command.id, phase=NodePhase.FAILED, message=message)
