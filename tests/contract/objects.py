"""Objects for the contract suites, and how to read a watch to a certain point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

import msgspec

from setpoint.apis.argo import CronWorkflow, Workflow
from setpoint.apis.core import ConfigMap
from setpoint.apis.meta import ObjectMeta, Resource
from setpoint.ports.resources import WatchEvent

R = TypeVar("R", bound=Resource)

PATIENCE_SECONDS = 20.0

_SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "busybox", "command": ["true"]}}]}


def config_map(name: str = "", data: dict[str, str] | None = None, **metadata: Any) -> ConfigMap:
    """A ConfigMap in `default`."""
    return ConfigMap(metadata=ObjectMeta(**{"name": name, "namespace": "default"} | metadata), data=data or {"a": "1"})


def cron_workflow(name: str, schedule: str = "0 * * * *") -> CronWorkflow:
    """An object that has both spec and status."""
    wire = {"metadata": {"name": name}, "spec": {"schedules": [schedule], "workflowSpec": _SPEC}}
    return msgspec.convert(wire, type=CronWorkflow)


def workflow(name: str, **metadata: Any) -> Workflow:
    """A Workflow of one step."""
    return msgspec.convert({"metadata": {"name": name} | metadata, "spec": _SPEC}, type=Workflow)


async def take(watch: AsyncIterator[WatchEvent[R]], count: int) -> list[WatchEvent[R]]:
    """The next events of a watch; fails if they do not come."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [await anext(watch) for _ in range(count)]


async def close(watch: AsyncIterator[Any]) -> None:
    """End a watch; the port says iterator, all implementations are generators."""
    assert isinstance(watch, AsyncGenerator)
    await watch.aclose()


def told(events: list[WatchEvent[R]]) -> list[tuple[str, str]]:
    """Type and name of each event."""
    return [(event.type.value, event.resource.metadata.name) for event in events]
