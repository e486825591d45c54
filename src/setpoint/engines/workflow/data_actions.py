"""Data templates: keys below an artifact location, transformed step by step.

Source: SEMANTICS section 13 (data); argo-workflows `workflow/data`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from setpoint.apis.argo import ArtifactPaths, NodePhase, Outputs
from setpoint.apis.errors import InvalidSpec, NotFound, SetpointError, Transient
from setpoint.core.expr import ExpressionError
from setpoint.core.workflow import ActionReported, ProcessData
from setpoint.core.workflow.data_template import result_text, transform
from setpoint.engines.workflow.environment import filled_place
from setpoint.ports.artifacts import ArtifactPlaces, ArtifactStore
from setpoint.ports.resources import ResourceApi


class DataActions:
    """Carries out ProcessData over the embedded artifact store and others."""

    def __init__(self, resources: ResourceApi, artifacts: ArtifactStore, places: ArtifactPlaces) -> None:
        self._resources = resources
        self._artifacts = artifacts
        self._places = places

    async def run(self, command: ProcessData, namespace: str) -> ActionReported:
        """List and transform; the result is JSON text, a failure that of Argo's own program.

        Raises: Transient if the API cannot be reached; it may be tried again.
        """
        try:
            value = transform(command.data, await self._source(command, namespace))
            outputs = Outputs(result=result_text(value), exit_code="0")
        except Transient:
            raise
        except (SetpointError, ExpressionError) as error:
            message = f"main: Error (exit code 64): unable to process data template: {error}"
            return ActionReported(
                node=command.node,
                command=command.id,
                phase=NodePhase.FAILED,
                message=message,
                outputs=Outputs(exit_code="64"),
            )
        return ActionReported(node=command.node, command=command.id, phase=NodePhase.SUCCEEDED, outputs=outputs)

    async def _source(self, command: ProcessData, namespace: str) -> list[Any]:
        paths, place = command.data.source.artifact_paths, command.place
        if paths is None:
            raise InvalidSpec("unable to process data source: no valid source is used for data template")
        key = _key(paths)
        if place is not None:
            place = await filled_place(self._resources, namespace, place)
        try:
            if place is None:
                return list(await asyncio.to_thread(self._artifacts.keys, key.strip("/")))
            return list(await asyncio.to_thread(self._places.keys, place))
        except NotFound as error:
            reason = f"unable to process data source: unable to source artifact paths: no key found of name {key}"
            raise InvalidSpec(reason) from error
        except SetpointError as error:  # a store elsewhere has been tried for a while
            raise InvalidSpec(f"unable to process data source: unable to source artifact paths: {error}") from error


def _key(paths: ArtifactPaths) -> str:
    if paths.s3 is None:
        raise InvalidSpec("unable to process data source: only s3 artifacts with a key are listed here")
    return paths.s3.key
