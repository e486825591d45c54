"""What the embedded Kubernetes API server is made of: the store, the kinds there are, and what single kinds demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec

from setpoint import __version__
from setpoint.apis.argo import Workflow, default
from setpoint.apis.manifest import decode_object
from setpoint.apis.meta import render_wire
from setpoint.engines.customresources import FINALIZER, CustomResourceEngine
from setpoint.ports.clock import Clock
from setpoint.ports.objects import Json, ObjectApi
from setpoint.server.kubernetes import Admitter, Backend

EMULATED = "v1.32.0"
"""The Kubernetes version whose API is spoken."""


def kubernetes_backend(
    objects: ObjectApi,
    kinds: CustomResourceEngine,
    clock: Clock,
    *,
    check_workflow: Callable[[Workflow], Awaitable[None]],
) -> Backend:
    """The parts of the API server.

    Args:
        objects: The store.
        kinds: Which kinds there are at present.
        clock: For ages and time stamps.
        check_workflow: Raises InvalidSpec for a Workflow that cannot run here.
    """
    admitters: dict[str, Admitter] = {
        "Workflow.argoproj.io": _WorkflowAdmitter(check_workflow),
        "CustomResourceDefinition.apiextensions.k8s.io": _admit_crd,
    }
    return Backend(
        api=objects,
        catalog=lambda: kinds.catalog,
        clock=clock,
        pod_log=_no_log,
        version=_version(),
        admitters=admitters,
    )


class _WorkflowAdmitter:
    """A new workflow, or a changed spec of one that has not begun, must pass `lint`; defaults are filled in."""

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


def _no_log(namespace: str, name: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
    raise NotImplementedError


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
