"""Following an InferenceService until it is Ready or known not to become so."""

from __future__ import annotations

import typer

from setpoint.apis.errors import Timeout, Unavailable
from setpoint.apis.serving import InferenceService
from setpoint.ports.resources import ResourceApi

READY_SECONDS = 300.0


async def follow_service(resources: ResourceApi, service: InferenceService, *, quiet: bool) -> InferenceService:
    """The service as it is in the end; `is_ready` tells how it went. Why it is not Ready is said on stderr."""
    from setpoint.components.model_deployment.service import wait_ready  # noqa: PLC0415  numpy: most runs need none

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text)

    try:
        ready = await wait_ready(resources, service, timeout_seconds=READY_SECONDS, say=say)
    except (Unavailable, Timeout) as error:
        typer.echo(f"error: {error}", err=True)
        return await resources.get(InferenceService, service.metadata.namespace, service.metadata.name)
    say(f"inferenceservice {ready.metadata.name!r} is ready: {ready.status.url}")
    return ready


def is_ready(service: InferenceService) -> bool:
    """Whether its present generation serves."""
    ready = service.status.condition("Ready")
    current = service.status.observed_generation >= service.metadata.generation
    return current and ready is not None and ready.status == "True"
