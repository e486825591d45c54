"""Waiting for an InferenceService, with its reasons as progress."""

from __future__ import annotations

import typer

from setpoint.apis.errors import NotFound
from setpoint.apis.serving import InferenceService
from setpoint.ports.resources import ResourceApi, WatchType


async def wait_ready(resources: ResourceApi, service: InferenceService, *, quiet: bool) -> InferenceService:
    """Return the service once its present generation is Ready.

    Raises:
        NotFound: It was deleted meanwhile.
    """
    name, namespace = service.metadata.name, service.metadata.namespace
    told = ""
    async for event in resources.watch(InferenceService, namespace):
        current = event.resource
        if current.metadata.name != name:
            continue
        if event.type is WatchType.DELETED:
            raise NotFound("InferenceService", name, namespace)
        ready = next((item for item in current.status.conditions if item.type == "Ready"), None)
        if ready is None or current.status.observed_generation < current.metadata.generation:
            continue
        if ready.status == "True":
            if not quiet:
                typer.echo(f"inferenceservice {name!r} is ready: {current.status.url}")
            return current
        if not quiet and ready.message and ready.message != told:
            told = ready.message
            typer.echo(f"inferenceservice {name!r}: {told}")
    raise NotFound("InferenceService", name, namespace)
