"""What the workers of all workflows share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from setpoint.apis.argo import Workflow
from setpoint.apis.pods import ContainerEnd, PodExit
from setpoint.engines.runner import EventRecorder
from setpoint.engines.workflow.actions import Actions
from setpoint.engines.workflow.collection import Collector
from setpoint.engines.workflow.locks import LockKeeper
from setpoint.engines.workflow.metrics import WorkflowMetrics
from setpoint.ports.archive import WorkflowArchive
from setpoint.ports.clock import Clock
from setpoint.ports.credentials import PodCredentials
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi

Validate = Callable[[Workflow], Awaitable[None]]


class PodOwner(Protocol):
    """Who waits for a pod."""

    def pod_ended(self, launch: str, end: PodExit) -> None:
        """The pod has ended."""

    def pod_progressed(self, launch: str, progress: str) -> None:
        """The pod, which runs, has come as far as `N/M`."""

    def open_containers(self, launch: str) -> frozenset[str]:
        """Names of containers of the pod that have nodes of their own and run; empty unless it is a set."""

    def containers_ended(self, launch: str, ends: Mapping[str, ContainerEnd]) -> None:
        """Containers of the pod, which goes on, have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What all workers share. `pods` maps the launch ids of running pods to who waits for them."""

    resources: ResourceApi
    journal: WorkflowJournal
    launcher: Launcher
    clock: Clock
    actions: Actions
    recorder: EventRecorder
    pod_environment: dict[str, str]
    validate: Validate
    launches: asyncio.Semaphore
    metrics: WorkflowMetrics
    locks: LockKeeper
    collector: Collector
    pods: dict[str, PodOwner] = field(default_factory=dict)
    defaults: Workflow | None = None
    credentials: PodCredentials | None = None
    archive: WorkflowArchive | None = None
