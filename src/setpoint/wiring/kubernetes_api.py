"""What the embedded Kubernetes API server is made of: the store, the kinds there are, and what single kinds demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from setpoint import __version__
from setpoint.apis import catalog
from setpoint.apis.argo import Workflow, default
from setpoint.apis.definitions import Catalog
from setpoint.apis.errors import Malformed, NotFound
from setpoint.apis.manifest import decode_object
from setpoint.apis.meta import render_wire
from setpoint.apis.pod import Pod
from setpoint.apis.serving import InferenceService
from setpoint.engines.customresources import FINALIZER, CustomResourceEngine
from setpoint.operations.lint import lint_resource
from setpoint.operations.metrics import Metrics
from setpoint.operations.pod_logs import pod_log
from setpoint.operations.pods import admit_pod, check_pod_change
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Launcher
from setpoint.ports.objects import Json, ObjectApi
from setpoint.ports.resources import ResourceApi
from setpoint.server.access import AccessHooks
from setpoint.server.kubernetes import Admitter, Backend, VirtualKind

EMULATED = "v1.32.0"
"""The Kubernetes version whose API is spoken."""

_METRICS = "metrics.k8s.io"


CATALOG: Catalog = catalog.CATALOG.with_definitions([*catalog.REVIEWS, *catalog.MEASURED])
"""Every kind that needs no CustomResourceDefinition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the API server stands on.

    `check_workflow` raises InvalidSpec for a Workflow that cannot run here. Without launcher there are no logs, without
    metrics nothing is measured.
    """

    objects: ObjectApi
    resources: ResourceApi
    kinds: CustomResourceEngine
    clock: Clock
    hooks: AccessHooks
    check_workflow: Callable[[Workflow], Awaitable[None]]
    launcher: Launcher | None = None
    metrics: Metrics | None = None


def kubernetes_backend(parts: ApiParts) -> Backend:
    """The API server's backend."""
    admitters: dict[str, Admitter] = {
        "Workflow.argoproj.io": _WorkflowAdmitter(parts.check_workflow),
        "CustomResourceDefinition.apiextensions.k8s.io": _admit_crd,
        "Pod": _admit_pod,
        "InferenceService.serving.kserve.io": _admit_service,
        **parts.hooks.admitters(),
    }
    virtual: dict[str, VirtualKind] = {}
    if parts.metrics is not None:
        virtual[f"NodeMetrics.{_METRICS}"] = _NodeMetrics(parts.metrics)
        virtual[f"PodMetrics.{_METRICS}"] = _PodMetrics(parts.metrics)
    return Backend(
        api=parts.objects,
        catalog=lambda: parts.kinds.catalog,
        clock=parts.clock,
        pod_log=_PodLogs(parts),
        version=_version(),
        admitters=admitters,
        virtual=virtual,
        reviews=parts.hooks.reviews(),
        subcreates=parts.hooks.subcreates(),
        may_create=parts.hooks.may_create,
    )


class _WorkflowAdmitter:
    """A new workflow must pass `lint`; defaults are filled in."""

    def __init__(self, check: Callable[[Workflow], Awaitable[None]]) -> None:
        self._check = check

    async def __call__(self, new: Json, old: Json | None, user: Any) -> Json:
        """See `Admitter`."""
        if old is not None:
            return new
        workflow = default(decode_object(new, Workflow))
        await self._check(workflow)
        filled: Json = msgspec.json.decode(msgspec.json.encode(render_wire(workflow)))
        return new | {"spec": filled["spec"]}


async def _admit_crd(new: Json, old: Json | None, user: Any) -> Json:
    """Its objects go before it does."""
    if old is not None:
        return new
    metadata = new["metadata"]
    return new | {"metadata": metadata | {"finalizers": [*metadata.get("finalizers", []), FINALIZER]}}


async def _admit_pod(new: Json, old: Json | None, user: Any) -> Json:
    """A new pod must be one that this machine can run, and stays as it is."""
    if old is None:
        admit_pod(decode_object(new, Pod)).raise_first()
    else:
        check_pod_change(new, old)
    return new


async def _admit_service(new: Json, old: Json | None, user: Any) -> Json:
    """What KServe's webhook would refuse, and what this machine cannot serve."""
    lint_resource(decode_object(new, InferenceService), warnings=False).raise_first()
    return new


class _NodeMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, namespace: str | None) -> list[Json]:
        found: list[Json] = (await self._metrics.nodes())["items"]
        return found


class _PodMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, namespace: str | None) -> list[Json]:
        found: list[Json] = (await self._metrics.pods(namespace))["items"]
        return found


class _PodLogs:
    """`GET pods/NAME/log`: options of the query as the operation takes them."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def __call__(self, namespace: str, name: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """See `PodLog`."""
        parts = self._parts
        if parts.launcher is None:
            raise NotFound("Pod", name, namespace)
        return pod_log(
            parts.resources,
            parts.launcher,
            namespace,
            name,
            now=parts.clock.now(),
            container=query.get("container", ""),
            follow=_flag(query, "follow"),
            tail_lines=_number(query, "tailLines"),
            since_seconds=_number(query, "sinceSeconds"),
            since_time=_moment(query, "sinceTime"),
            timestamps=_flag(query, "timestamps"),
            previous=_flag(query, "previous"),
            limit_bytes=_number(query, "limitBytes"),
        )


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise Malformed(f"{text[:40]!r} is no whole number from 0 on", path=name)
    return int(text)


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "")
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        moment = None
    if text and (moment is None or moment.tzinfo is None):
        raise Malformed(f"{text[:40]!r} is no time (RFC 3339)", path=name)
    return moment


def _version() -> dict[str, str]:
    major, minor, _ = EMULATED.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"{EMULATED}+setpoint-{__version__}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }
