"""Leaf templates other than containers: resource, suspend, http, data; and what may hang on any template.

Source: argoproj.io/v1alpha1 ResourceTemplate, SuspendTemplate, HTTP, Data, Memoize, Synchronization, Metrics.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.argo.artifacts import Artifact, ArtifactPaths
from setpoint.apis.argo.parameters import ConfigMapKeySelector
from setpoint.apis.argo.scalars import IntOrString
from setpoint.apis.meta import Wire

RESOURCE_ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")


class ManifestFrom(Wire, frozen=True, kw_only=True):
    """A manifest taken from an input artifact."""

    artifact: Artifact


class ResourceTemplate(Wire, frozen=True, kw_only=True):
    """One verb on one object of the Kubernetes API, and conditions to wait for (label-selector syntax)."""

    action: str
    manifest: str = ""
    manifest_from: ManifestFrom | None = None
    flags: tuple[str, ...] = ()
    merge_strategy: str = ""
    set_owner_reference: bool = False
    success_condition: str = ""
    failure_condition: str = ""


class SuspendTemplate(Wire, frozen=True, kw_only=True):
    """Waits to be resumed, or for `duration` (seconds or Go duration text)."""

    duration: IntOrString = ""


class HTTPHeader(Wire, frozen=True, kw_only=True):
    """One request header; `value_from` holds secretKeyRef."""

    name: str
    value: str = ""
    value_from: dict[str, Any] | None = None


class HTTP(Wire, frozen=True, kw_only=True):
    """One HTTP request."""

    url: str
    method: str = ""
    headers: tuple[HTTPHeader, ...] = ()
    body: str = ""
    body_from: dict[str, Any] | None = None
    timeout_seconds: int | None = None
    insecure_skip_verify: bool = False
    success_condition: str = ""


class DataSource(Wire, frozen=True, kw_only=True):
    """Where data comes from: the keys below an artifact location."""

    artifact_paths: ArtifactPaths | None = None


class TransformationStep(Wire, frozen=True, kw_only=True):
    """One expression over `data`."""

    expression: str


class Data(Wire, frozen=True, kw_only=True):
    """A list sourced from an artifact store, transformed by expressions."""

    source: DataSource
    transformation: tuple[TransformationStep, ...]


class Memoize(Wire, frozen=True, kw_only=True):
    """Outputs kept under a key, younger than `max_age` (Go duration text)."""

    key: str
    cache: dict[str, Any] | None = None
    max_age: str = ""


class Mutex(Wire, frozen=True, kw_only=True):
    """A named lock."""

    name: str = ""
    namespace: str = ""
    database: bool = False


class SemaphoreRef(Wire, frozen=True, kw_only=True):
    """A counted lock whose limit lies in a config map or database."""

    config_map_key_ref: ConfigMapKeySelector | None = None
    database: dict[str, Any] | None = None
    namespace: str = ""


class Synchronization(Wire, frozen=True, kw_only=True):
    """Locks taken together before a workflow or template starts."""

    mutexes: tuple[Mutex, ...] = ()
    semaphores: tuple[SemaphoreRef, ...] = ()


class Prometheus(Wire, frozen=True, kw_only=True):
    """One custom metric; exactly one of counter, gauge, histogram."""

    name: str
    help: str = ""
    labels: tuple[dict[str, Any], ...] = ()
    when: str = ""
    counter: dict[str, Any] | None = None
    gauge: dict[str, Any] | None = None
    histogram: dict[str, Any] | None = None


class Metrics(Wire, frozen=True, kw_only=True):
    """Custom metrics of a workflow or template."""

    prometheus: tuple[Prometheus, ...]


class ExecutorConfig(Wire, frozen=True, kw_only=True):
    """Settings of Argo's executor container."""

    service_account_name: str = ""


class ResourceRequirements(Wire, frozen=True, kw_only=True):
    """v1 ResourceRequirements of a pod as a whole."""

    claims: tuple[dict[str, Any], ...] = ()
    limits: dict[str, Any] = {}
    requests: dict[str, Any] = {}
