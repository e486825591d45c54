"""What the engine carries out itself instead of a pod: resource, http, data and plugin templates.

Each is asked for by a command and answered with an event; carrying one out twice after a crash does no harm that a
cluster would not do. Invariant: whatever goes wrong is an answer, except what may go away by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from setpoint.apis.argo import Workflow
from setpoint.core.workflow import (
    ActionCommand,
    ActionReported,
    ExecutePlugin,
    ProcessData,
    RunResourceAction,
    SendRequest,
)
from setpoint.engines.workflow.data_actions import DataActions
from setpoint.engines.workflow.http_actions import HttpActions
from setpoint.engines.workflow.plugin_actions import PluginActions
from setpoint.engines.workflow.resource_actions import ResourceActions
from setpoint.ports.artifacts import ArtifactPlaces, ArtifactReader, ArtifactStore
from setpoint.ports.clock import Clock
from setpoint.ports.http import HttpClient
from setpoint.ports.jq import JqFilter
from setpoint.ports.resources import ResourceApi


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What actions reach beside the API.

    Args:
        artifacts: The embedded artifact store.
        places: Stores of other kinds.
        reader: Reads manifests that are artifacts.
        http: Sends the requests of http and plugin templates.
        jq: Runs the jq filters of resource templates.
        plugins: Base URLs of executor plugins, asked in this order.
    """

    artifacts: ArtifactStore
    places: ArtifactPlaces
    reader: ArtifactReader
    http: HttpClient
    jq: JqFilter
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """Carries out all kinds of actions."""

    resources: ResourceActions
    http: HttpActions
    data: DataActions
    plugins: PluginActions

    @classmethod
    def over(cls, resources: ResourceApi, clock: Clock, outside: Outside) -> Actions:
        """Actions on an API and what is outside of it."""
        return cls(
            resources=ResourceActions(resources, clock, outside.jq, outside.reader),
            http=HttpActions(resources, outside.http, clock),
            data=DataActions(resources, outside.artifacts, outside.places),
            plugins=PluginActions(outside.http, clock, outside.plugins),
        )

    async def run(
        self, command: ActionCommand, workflow: Workflow, report: Callable[[ActionReported], None]
    ) -> ActionReported:
        """Do it; `report` gets what is to be told before the end.

        Raises: Transient if something behind it cannot be reached; it may be tried again.
        """
        match command:
            case RunResourceAction():
                return await self.resources.run(command, workflow)
            case SendRequest():
                return await self.http.run(command, workflow)
            case ProcessData():
                return await self.data.run(command, workflow.metadata.namespace)
            case ExecutePlugin():
                return await self.plugins.run(command, workflow, report)
