"""Puts a model version into service, or leaves everything as it was.

Decides the order: version, environment, InferenceService, Ready, golden rows, and the champion alias last of all.
Invariant: the alias points at a version only after that version gave its golden answers through the service's URL; on
any failure before that, the spec that served before is applied again.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from setpoint.apis.errors import InvalidSpec, NotFound, SetpointError
from setpoint.apis.serving import InferenceService
from setpoint.components._component import component
from setpoint.components._runner import say
from setpoint.components.model_deployment.environment import ensure, make_environment
from setpoint.components.model_deployment.service import (
    apply,
    find,
    make_service,
    read_golden,
    restore,
    verify,
    wait_gone,
    wait_ready,
)
from setpoint.core.models import MODEL_FILE, Golden, parse_document
from setpoint.ports.registry import CHAMPION, ModelRegistry, ModelVersion
from setpoint.ports.resources import ResourceApi

PREVIOUS_TAG = "setpoint.previous-champion"
APPROVED_TAG = "setpoint.approved-by"
SERVICE_TAG = "setpoint.service"

_STAGES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What a deployment leads to.

    Args:
        url: The service's stable URL; `/v2/models/SERVICE/infer` follows it.
        version: The version in service.
        previous_version: The champion before, empty if there was none; a rollback goes there.
        revision: The revision that serves.
    """

    url: str
    version: str
    previous_version: str
    revision: str


@component("model-deployment", description="Put a model version into service and prove it by its golden rows.")
async def deploy_model(
    *,
    model_name: str,
    service: str,
    version: str,
    namespace: str = "default",
    approved_by: str = "",
    ready_timeout: int = 120,
    registry: ModelRegistry,
    resources: ResourceApi,
) -> Deployed:
    """Deploy a registered version as an InferenceService.

    Args:
        model_name: Name in the model registry.
        service: Name of the InferenceService.
        version: Version number, or an alias such as @challenger.
        namespace: Where the service lives; made if it is not there.
        approved_by: Who let the version into service; kept as a tag and as an annotation.
        ready_timeout: Seconds until the version must be Ready.
        registry: Where versions and aliases are.
        resources: The Kubernetes API.

    Returns:
        URL and versions.

    Raises:
        NotFound: No such model or version.
        Unavailable: The version does not load, or its golden rows come back changed; what served before serves on.
        Timeout: It was not Ready in time; what served before serves on.
    """
    if ready_timeout <= 0:
        raise InvalidSpec("must be a positive number of seconds", path="model-deployment.ready-timeout")
    found = await asyncio.to_thread(registry.get, model_name, version)
    champion = await champion_of(registry, model_name)
    say(f"{model_name} version {found.version}, champion is {champion.version if champion else 'none'}", 1, _STAGES)
    golden, facts = await asyncio.to_thread(_contents, registry, found)
    for item in make_environment(service, namespace, facts):
        await ensure(resources, item)
    say(f"environment of {namespace}/{service} is there", 2, _STAGES)
    before = await find(resources, service, namespace)
    wanted = make_service(found, service, namespace, approved_by=approved_by)
    try:
        ready = await put_into_service(resources, wanted, golden, timeout_seconds=ready_timeout)
    except (SetpointError, asyncio.CancelledError) as error:
        try:
            await _put_back(resources, wanted, before, champion)
        except SetpointError as second:
            error.add_note(f"and the former version could not be put back: {second}")
            say(f"the former version could not be put back: {second}")
        raise
    previous = await asyncio.to_thread(_crown, registry, found, champion, service, approved_by)
    say(f"version {found.version} is the champion: {ready.status.url}", _STAGES, _STAGES)
    return Deployed(
        url=ready.status.url,
        version=found.version,
        previous_version=previous,
        revision=ready.status.ready_revision,
    )


async def put_into_service(
    resources: ResourceApi, wanted: InferenceService, golden: Golden, *, timeout_seconds: float
) -> InferenceService:
    """Apply, wait for Ready of that generation, and verify. Raises: as `wait_ready` and `verify`."""
    applied = await apply(resources, wanted)
    say(f"InferenceService {applied.key} is applied (generation {applied.metadata.generation})", 3, _STAGES)
    ready = await wait_ready(resources, applied, timeout_seconds=timeout_seconds, say=say)
    say(f"{applied.key} is Ready at {ready.status.url}", 4, _STAGES)
    await verify(ready, golden)
    say(f"{len(golden.labels)} golden rows answered as at training time", 5, _STAGES)
    return ready


async def champion_of(registry: ModelRegistry, name: str) -> ModelVersion | None:
    """The version that the champion alias points at, None if it points nowhere."""
    try:
        return await asyncio.to_thread(registry.get, name, f"@{CHAMPION}")
    except NotFound:
        return None


def fetch_golden(registry: ModelRegistry, version: ModelVersion) -> Golden:
    """The version's golden rows."""
    return _contents(registry, version)[0]


def _contents(registry: ModelRegistry, version: ModelVersion) -> tuple[Golden, dict[str, str]]:
    """Golden rows, and the facts that monitors and people look up without opening the model."""
    with tempfile.TemporaryDirectory(prefix="setpoint-model-") as scratch:
        directory = registry.download(version, Path(scratch) / "model")
        golden = read_golden(directory)
        try:
            document = parse_document((directory / MODEL_FILE).read_bytes())
        except FileNotFoundError as error:
            raise NotFound("model file", str(directory / MODEL_FILE)) from error
    facts = {
        "model-name": version.name,
        "model-version": version.version,
        "target": document.target,
        "normal-label": document.normal_label,
        "classes": msgspec.json.encode(document.classes).decode(),
        "columns": msgspec.json.encode(document.columns).decode(),
        "window": str(document.features.spec.window),
        "sample-period-seconds": repr(document.sample_period_seconds),
        "data-checksum": document.data_checksum,
    }
    return golden, facts


def _crown(
    registry: ModelRegistry, version: ModelVersion, champion: ModelVersion | None, service: str, approved_by: str
) -> str:
    """Make the version champion; returns the former champion, also when this is the second time."""
    previous = champion.version if champion is not None else ""
    if previous == version.version:
        previous = version.tags.get(PREVIOUS_TAG, "")
    tags = {PREVIOUS_TAG: previous, SERVICE_TAG: service}
    registry.tag(version.name, version.version, tags | ({APPROVED_TAG: approved_by} if approved_by else {}))
    registry.set_alias(version.name, CHAMPION, version.version)
    return previous


async def _put_back(
    resources: ResourceApi, wanted: InferenceService, before: InferenceService | None, champion: ModelVersion | None
) -> None:
    """Undo what was applied: the spec from before, or the champion's if that was this version already, or none."""
    name, namespace = wanted.metadata.name, wanted.metadata.namespace
    present = await find(resources, name, namespace)
    if present is None:
        return
    if before is not None and _source(before) != _source(wanted):
        await restore(resources, before)
        say(f"{namespace}/{name} is back at what served before")
    elif champion is not None and champion.source != _source(wanted):
        await apply(resources, make_service(champion, name, namespace))
        say(f"{namespace}/{name} is back at the champion, version {champion.version}")
    elif before is None:
        await resources.delete(InferenceService, namespace, name, uid=present.metadata.uid)
        await wait_gone(resources, name, namespace)
        say(f"{namespace}/{name} is removed: nothing served before")


def _source(service: InferenceService) -> str:
    model = service.spec.predictor.model
    return model.storage_uri if model is not None else ""
