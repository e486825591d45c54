"""Data templates: keys below an artifact location, transformed step by step.

Source: SEMANTICS section 13 (data); argo-workflows `workflow/data`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from setpoint.apis.argo import ArtifactPaths, Data, NodePhase, Outputs
from setpoint.apis.errors import InvalidSpec, NotFound, SetpointError, Transient
from setpoint.core.expr import ExpressionError
from setpoint.core.workflow import ActionReported, ProcessData
from setpoint.core.workflow.data_template import result_text, transform
from setpoint.ports.artifacts import ArtifactStore


class DataActions:
    """Carries out ProcessData over the embedded artifact store."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts

    async def run(self, command: ProcessData) -> ActionReported:
        """List and transform; the result is JSON text, a failure that of Argo's own program.

        Raises: Transient if the store cannot be reached; it may be tried again.
        """
        try:
            value = transform(command.data, await asyncio.to_thread(self._source, command.data))
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

    def _source(self, data: Data) -> list[Any]:
        paths = data.source.artifact_paths
        if paths is None:
            raise InvalidSpec("unable to process data source: no valid source is used for data template")
        try:
            return list(self._artifacts.keys(_prefix(paths)))
        except NotFound as error:
            reason = (
                f"unable to process data source: unable to source artifact paths: no key found of name {error.name}"
            )
            raise InvalidSpec(reason) from error


def _prefix(paths: ArtifactPaths) -> str:
    if paths.s3 is None:
        raise InvalidSpec("unable to process data source: only s3 artifacts with a key are listed here")
    return paths.s3.key.strip("/")
