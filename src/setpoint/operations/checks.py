"""Checks of workflows that are about to run, each done once: the API checks one before it is stored, its engine again.

A workflow that refers to no template of another object can be judged by itself; such verdicts are kept for a while by
what was judged. Invariant: only what passed is kept, and never what depends on other objects.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from functools import partial

import msgspec

from setpoint.apis.argo import TemplateCatalog, Workflow
from setpoint.operations.lint import lint_resource
from setpoint.operations.workflows import check
from setpoint.ports.resources import ResourceApi

_KEPT = 4096
_LARGE_BYTES = 64 * 1024  # such a one takes long: beside the loop, on which everybody else waits
_REFERENCES = (b'"templateRef"', b'"workflowTemplateRef"')


class WorkflowChecks:
    """`operations.workflows.check`, with a memory."""

    def __init__(self, resources: ResourceApi) -> None:
        self._resources = resources
        self._passed: OrderedDict[bytes, None] = OrderedDict()

    async def check(self, workflow: Workflow) -> None:
        """Nothing if the workflow may run. Raises: InvalidSpec or NotSupported, with the field's path."""
        metadata = workflow.metadata
        name = metadata.name or bool(metadata.generate_name)
        judged = msgspec.json.encode((name, sorted(metadata.labels), sorted(metadata.annotations), workflow.spec))
        if any(word in judged for word in _REFERENCES):
            await check(self._resources, workflow)
            return
        digest = hashlib.blake2b(judged, digest_size=16).digest()
        if digest in self._passed:
            return
        lint = partial(lint_resource, workflow, TemplateCatalog(), submit=True, warnings=False)
        found = await asyncio.to_thread(lint) if len(judged) > _LARGE_BYTES else lint()
        found.raise_first()
        self._passed[digest] = None
        if len(self._passed) > _KEPT:
            self._passed.popitem(last=False)
