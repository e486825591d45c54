"""Following a Pod to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import typer

from setpoint.apis.errors import NotFound
from setpoint.apis.pod import ContainerStatus, Pod
from setpoint.ports.resources import ResourceApi

_LOOK_SECONDS = 0.1


async def follow_pod(resources: ResourceApi, pod: Pod, *, quiet: bool) -> Pod:
    """The pod as it is in the end, or was when somebody deleted it; a line whenever something has become of it."""
    told = ""
    while True:
        try:
            found = await resources.get(Pod, pod.metadata.namespace, pod.metadata.name)
        except NotFound:
            return pod
        pod = found
        line = f"pod {pod.metadata.name!r}: {describe(pod)}"
        if not quiet and line != told:
            typer.echo(line)
            told = line
        if pod.status.ended and not pod.metadata.finalizers:
            return pod
        await asyncio.sleep(_LOOK_SECONDS)


async def make_room(resources: ResourceApi, wanted: Pod) -> None:
    """Delete a pod of that name that has ended; one that runs is left alone."""
    namespace, name = wanted.metadata.namespace, wanted.metadata.name
    with suppress(NotFound):
        former = await resources.get(Pod, namespace, name)
        if former.status.ended:
            typer.echo(f"replacing the finished pod {name!r}", err=True)
            await resources.delete(Pod, namespace, name, uid=former.metadata.uid)


def describe(pod: Pod) -> str:
    """Its phase, and what is to be said of its containers."""
    status = pod.status
    said = [*filter(None, (status.reason, status.message)), *_of_containers(pod)]
    phase = "Terminating" if pod.metadata.deletion_timestamp is not None else status.phase or "Pending"
    return f"{phase} ({'; '.join(said)})" if said else phase


def _of_containers(pod: Pod) -> Iterator[str]:
    for item in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        text = _of_container(item)
        if text:
            yield f"{item.name}: {text}"


def _of_container(status: ContainerStatus) -> str:
    waiting, ended = status.state.waiting, status.state.terminated
    if waiting is not None and waiting.reason not in ("", "ContainerCreating", "PodInitializing"):
        return waiting.reason + (f", {waiting.message}" if waiting.message else "")
    if ended is not None and ended.exit_code:
        return f"{ended.reason}, exit code {ended.exit_code}"
    return ""
