"""Puts the champion back into service; the catch of a pipeline, safe to run at any time.

Decides by the registry's champion alias alone. Invariant: afterwards the service runs the champion, or there is no
champion and nothing was touched.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from setpoint.apis.errors import InvalidSpec
from setpoint.components._component import component
from setpoint.components._runner import say
from setpoint.components.model_deployment.deployment import champion_of, fetch_golden, put_into_service
from setpoint.components.model_deployment.service import MODEL_VERSION, find, make_service
from setpoint.ports.registry import ModelRegistry
from setpoint.ports.resources import ResourceApi


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What a rollback leads to.

    Args:
        action: restored (another version was there), kept (the champion was there), none (no champion).
        version: The champion's version; empty if there is none.
        url: The service's URL; empty if there is none.
    """

    action: str
    version: str
    url: str


@component("model-rollback", description="Put the champion back into service; nothing if it serves already.")
async def roll_back_model(
    *,
    model_name: str,
    service: str,
    namespace: str = "default",
    ready_timeout: int = 120,
    registry: ModelRegistry,
    resources: ResourceApi,
) -> RolledBack:
    """Put the champion back into service.

    Args:
        model_name: Name in the model registry.
        service: Name of the InferenceService.
        namespace: Where the service lives.
        ready_timeout: Seconds until the champion must be Ready.
        registry: Where versions and aliases are.
        resources: The Kubernetes API.

    Returns:
        What was done.

    Raises:
        Unavailable: The champion does not load either, or answers its golden rows differently.
        Timeout: It was not Ready in time.
    """
    if ready_timeout <= 0:
        raise InvalidSpec("must be a positive number of seconds", path="model-rollback.ready-timeout")
    champion = await champion_of(registry, model_name)
    if champion is None:
        say(f"{model_name} has no champion: there is nothing to put back")
        return RolledBack(action="none", version="", url="")
    before = await find(resources, service, namespace)
    golden = await asyncio.to_thread(fetch_golden, registry, champion)
    wanted = make_service(champion, service, namespace)
    kept = before is not None and before.spec.predictor.annotations.get(MODEL_VERSION) == champion.version
    ready = await put_into_service(resources, wanted, golden, timeout_seconds=ready_timeout)
    say(f"{namespace}/{service}: champion version {champion.version} {'serves on' if kept else 'serves again'}")
    return RolledBack(action="kept" if kept else "restored", version=champion.version, url=ready.status.url)
