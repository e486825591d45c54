"""The InferenceService of a model version: how it reads, how it is applied, and when it counts as in service.

Decides by the API alone (conditions, model status, protocol V2), so it is the same on every substrate. Invariant: a
version counts as in service only when the service is Ready at the generation that asked for it *and* the golden rows,
sent through the service's URL, come back as they were at training time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec
import numpy as np

from setpoint.apis.errors import AlreadyExists, Conflict, InvalidSpec, NotFound, SetpointError, Timeout, Unavailable
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.serving import (
    InferenceService,
    InferenceServiceSpec,
    InferenceServiceStatus,
    ModelFormat,
    ModelSpec,
    PredictorSpec,
    TransitionStatus,
)
from setpoint.clients.inference import InferenceClient
from setpoint.components.model_deployment.environment import MANAGED_BY
from setpoint.core.models import GOLDEN_FILE, INPUT_NAME, OUTPUT_LABEL, OUTPUT_PROBABILITY, Golden, parse_golden
from setpoint.core.predictions import PROBE_CLIENT
from setpoint.core.serving.tensors import make_tensor
from setpoint.ports.registry import ModelVersion
from setpoint.ports.resources import ResourceApi, WatchType

MODEL_NAME = "setpoint.dev/model-name"
MODEL_VERSION = "setpoint.dev/model-version"
APPROVED_BY = "setpoint.dev/approved-by"
REQUESTS = "setpoint.dev/serve-requests"

_ATTEMPTS = 10
_GONE_SECONDS = 60.0
_REFUSED = (TransitionStatus.BLOCKED_BY_FAILED_LOAD, TransitionStatus.INVALID_SPEC)

Say = Callable[[str], None]


def make_service(version: ModelVersion, service: str, namespace: str, *, approved_by: str = "") -> InferenceService:
    """The object that puts the version into service."""
    annotations = {MODEL_NAME: version.name, MODEL_VERSION: version.version}
    return InferenceService(
        metadata=ObjectMeta(
            name=service,
            namespace=namespace,
            labels=dict(MANAGED_BY),
            annotations=annotations | ({APPROVED_BY: approved_by} if approved_by else {}),
        ),
        spec=InferenceServiceSpec(
            predictor=PredictorSpec(
                model=ModelSpec(
                    model_format=ModelFormat(name="mlflow"), storage_uri=version.source, protocol_version="v2"
                ),
                # On the pods, so that another version is another revision even from the same directory.
                annotations={MODEL_VERSION: version.version},
            )
        ),
    )


async def find(resources: ResourceApi, service: str, namespace: str) -> InferenceService | None:
    """The service as it is, None if there is none."""
    try:
        return await resources.get(InferenceService, namespace, service)
    except NotFound:
        return None


async def wait_gone(resources: ResourceApi, service: str, namespace: str) -> None:
    """Return when a service that is being deleted is gone, its servers ended. Raises: Timeout."""
    try:
        async with asyncio.timeout(_GONE_SECONDS):
            while await find(resources, service, namespace) is not None:  # noqa: ASYNC110  a watch may begin too late
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        message = f"InferenceService {namespace}/{service} is being deleted, not done after {_GONE_SECONDS:g} s"
        raise Timeout(message) from error


async def apply(resources: ResourceApi, wanted: InferenceService) -> InferenceService:
    """Create the service, or change version and annotations of the one there is; the rest of its spec stays.

    Raises: Conflict if it is changed by others again and again, and what the API raises.
    """
    last: SetpointError | None = None
    for _ in range(_ATTEMPTS):
        present = await find(resources, wanted.metadata.name, wanted.metadata.namespace)
        if present is not None and present.metadata.deletion_timestamp is not None:
            await wait_gone(resources, wanted.metadata.name, wanted.metadata.namespace)
            present = None
        try:
            if present is None:
                return await resources.create(wanted)
            merged = merge(present, wanted)
            if merged == present:
                if _ready(present):
                    return present
                merged = _touched(present)
            return await resources.update(merged)
        except (Conflict, AlreadyExists) as error:
            last = error
    raise last or Conflict("InferenceService", wanted.metadata.name, found="", wanted="")


def _ready(service: InferenceService) -> bool:
    condition = service.status.condition("Ready")
    return condition is not None and condition.status == "True"


def _touched(service: InferenceService) -> InferenceService:
    """The service with one more request to serve it: engines that left it at rest take it up again."""
    annotations = service.metadata.annotations
    count = annotations.get(REQUESTS, "")
    more = str(int(count) + 1) if count.isdecimal() else "1"
    return service.replace(metadata=service.metadata.replace(annotations=annotations | {REQUESTS: more}))


async def restore(resources: ResourceApi, before: InferenceService) -> None:
    """Give the service the spec, labels and annotations it had; nothing if it is gone. Raises: as `apply`."""
    for attempt in range(_ATTEMPTS):
        present = await find(resources, before.metadata.name, before.metadata.namespace)
        if present is None:
            return
        metadata = present.metadata.replace(annotations=before.metadata.annotations, labels=before.metadata.labels)
        try:
            await resources.update(present.replace(metadata=metadata, spec=before.spec))
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return


def merge(present: InferenceService, wanted: InferenceService) -> InferenceService:
    """The present service with the wanted version: what people set on it (timeout, environment) is kept."""
    before, after = present.spec.predictor, wanted.spec.predictor
    model = after.model
    if before.model is not None and model is not None:
        model = before.model.replace(
            model_format=model.model_format, storage_uri=model.storage_uri, protocol_version=model.protocol_version
        )
    predictor = before.replace(model=model, annotations=before.annotations | after.annotations)
    kept = {key: text for key, text in present.metadata.annotations.items() if key != APPROVED_BY}
    metadata = present.metadata.replace(
        labels=present.metadata.labels | wanted.metadata.labels, annotations=kept | wanted.metadata.annotations
    )
    return present.replace(metadata=metadata, spec=present.spec.replace(predictor=predictor))


async def wait_ready(
    resources: ResourceApi, applied: InferenceService, *, timeout_seconds: float, say: Say
) -> InferenceService:
    """The service, Ready at the applied generation.

    Raises: Unavailable, with the reason, as soon as the version is known not to load; Timeout; NotFound if it is
        deleted meanwhile.
    """
    name, namespace = applied.metadata.name, applied.metadata.namespace
    told = ""
    try:
        async with asyncio.timeout(timeout_seconds), aclosing(_states(resources, applied)) as states:
            async for current in states:
                status = current.status
                if status.observed_generation < applied.metadata.generation:
                    continue
                ready = status.condition("Ready")
                if ready is not None and ready.status == "True":
                    return current
                if status.model_status is not None and status.model_status.transition_status in _REFUSED:
                    raise Unavailable(f"InferenceService {namespace}/{name} cannot serve it: {reason_of(status)}")
                if ready is not None and ready.message and ready.message != told:
                    told = ready.message
                    say(f"waiting for {namespace}/{name}: {told}")
    except TimeoutError as error:
        last = f"; last heard: {told}" if told else "; is a serving engine running?"
        message = f"InferenceService {namespace}/{name} was not Ready within {timeout_seconds:g} s{last}"
        raise Timeout(message) from error
    raise NotFound("InferenceService", name, namespace)


def reason_of(status: InferenceServiceStatus) -> str:
    """Why the latest version does not serve, in the words of the status."""
    failure = status.model_status.last_failure_info if status.model_status is not None else msgspec.UNSET
    if failure is not msgspec.UNSET and failure.message:
        return failure.message
    messages = [item.message for item in status.conditions if item.status == "False" and item.message]
    return messages[0] if messages else "no reason given"


async def _states(resources: ResourceApi, applied: InferenceService) -> AsyncGenerator[InferenceService, None]:
    name, namespace = applied.metadata.name, applied.metadata.namespace
    watch = resources.watch(InferenceService, namespace)
    async for event in watch:
        if event.resource.metadata.name != name:
            continue
        if event.type is WatchType.DELETED:
            return
        yield event.resource


async def verify(service: InferenceService, golden: Golden, *, timeout_seconds: float = 30.0) -> None:
    """Send the golden rows through the service's URL. Raises: Unavailable if an answer differs or none comes."""
    url = service.status.url
    if not url:
        raise Unavailable(f"InferenceService {service.key} is Ready but names no URL")
    async with InferenceClient(
        url, service.metadata.name, timeout_seconds=timeout_seconds, client=PROBE_CLIENT
    ) as client:
        try:
            response = await client.infer([make_tensor(INPUT_NAME, golden.array())])
            labels = [item.decode() for item in response.output(OUTPUT_LABEL).array.ravel().tolist()]
            probabilities = response.output(OUTPUT_PROBABILITY).array
        except (InvalidSpec, NotFound) as error:
            raise Unavailable(f"the golden rows were refused at {url}: {error}") from error
    expected = np.array(golden.probabilities)
    if probabilities.shape != expected.shape:
        raise Unavailable(
            f"golden rows at {url}: answers of shape {list(probabilities.shape)} for {list(expected.shape)}"
        )
    off = float(np.abs(probabilities - expected).max())
    wrong = sum(found != wanted for found, wanted in zip(labels, golden.labels, strict=True))
    if wrong or not off <= golden.tolerance:
        raise Unavailable(
            f"golden rows at {url}: {wrong} of {len(labels)} labels differ, probabilities are off by {off:.3g} "
            f"(tolerance {golden.tolerance:.3g})"
        )


def read_golden(directory: Path) -> Golden:
    """The golden rows of a model directory. Raises: NotFound, InvalidSpec."""
    try:
        return parse_golden((directory / GOLDEN_FILE).read_bytes())
    except FileNotFoundError as error:
        raise NotFound("golden rows", str(directory / GOLDEN_FILE)) from error
