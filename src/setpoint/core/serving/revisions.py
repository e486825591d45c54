"""Revisions of an InferenceService: what of a spec makes a server, its name and its identity.

Decides what makes two specs the same model server (the hash) and how a revision is called. Invariant: names and
ids are derived from uid, generation and attempt alone, so a control plane that comes back asks for the same pods.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from setpoint.apis.meta import Wire
from setpoint.apis.serving import InferenceService

VERSION_ANNOTATION = "setpoint.dev/model-version"
DEFAULT_TIMEOUT_SECONDS = 300  # KServe's
DEFAULT_GRACE_SECONDS = 30.0


class ServerSpec(Wire, frozen=True, kw_only=True):
    """All of a spec that a model server depends on; kept with its revision, so that it can be started again."""

    storage_uri: str
    version: str = ""
    env: dict[str, str] = {}
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    grace_seconds: float = DEFAULT_GRACE_SECONDS


class Replica(Wire, frozen=True, kw_only=True):
    """One revision's server: `attempt` counts its pods from 1, `model` names the attempt that fetched its model."""

    revision: str
    generation: int
    hash: str
    server: ServerSpec
    attempt: int = 1
    model: int = 1
    failures: int = 0  # in a row
    not_before: datetime | None = None  # the next launch waits until then
    launched_at: datetime | None = None  # None: this attempt was not launched yet
    ready_at: datetime | None = None  # None: this attempt was never ready
    unready_since: datetime | None = None


def make_server_spec(service: InferenceService) -> ServerSpec:
    """What of the (valid) spec the server depends on."""
    predictor = service.spec.predictor
    model = predictor.model
    if model is None:
        raise ValueError("a spec without model was not validated")
    grace = predictor.termination_grace_period_seconds
    version = predictor.annotations.get(VERSION_ANNOTATION, "") or predictor.labels.get(VERSION_ANNOTATION, "")
    return ServerSpec(
        storage_uri=model.storage_uri,
        version=version,
        env={variable.name: variable.value for variable in model.env},
        timeout_seconds=predictor.timeout or DEFAULT_TIMEOUT_SECONDS,
        grace_seconds=DEFAULT_GRACE_SECONDS if grace is None else float(grace),
    )


def make_replica(service: InferenceService) -> Replica:
    """The first attempt of the revision that the (valid) spec asks for."""
    server = make_server_spec(service)
    return Replica(
        revision=f"{service.metadata.name}-predictor-{service.metadata.generation:05d}",
        generation=service.metadata.generation,
        hash=hashlib.sha256(msgspec.json.encode(server, order="deterministic")).hexdigest()[:16],
        server=server,
    )


def make_pod_id(uid: str, replica: Replica) -> str:
    """Derived, so that the launcher finds the pod again."""
    identity = f"{uid}|{replica.revision}|{replica.hash}|{replica.attempt}"
    return f"isvc-{hashlib.sha256(identity.encode()).hexdigest()[:20]}"
