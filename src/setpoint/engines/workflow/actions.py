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


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """Carries out all kinds of actions."""

    resources: ResourceActions
    http: HttpActions
    data: DataActions
    plugins: PluginActions

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
                return await self.data.run(command)
            case ExecutePlugin():
                return await self.plugins.run(command, workflow, report)
