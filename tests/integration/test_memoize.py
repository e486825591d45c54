"""Memoized templates through the real engine: what one workflow made, the next one takes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from setpoint.apis.core import ConfigMap
from setpoint.apis.meta import ObjectMeta
from tests.workflow_engine import node, running_plane

MEMOIZED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: {name}}}
spec:
  entrypoint: main
  templates:
  - name: main
    memoize: {{key: batch-1, cache: {{configMap: {{name: made}}}}}}
    container: {{image: busybox, command: [sh, -c, "date +%N > /tmp/out"]}}
    outputs: {{parameters: [{{name: out, valueFrom: {{path: /tmp/out}}}}]}}
"""


@pytest.mark.rule("memoize.hit")
async def test_the_second_workflow_takes_what_the_first_one_made(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        first = node(await plane.run(MEMOIZED.format(name="first")), "first")
        second = node(await plane.run(MEMOIZED.format(name="second")), "second")
        assert first.outputs is not None
        assert second.outputs == first.outputs
        assert (first.memoization_status.hit, second.memoization_status.hit) == (False, True)  # type: ignore[union-attr]
        cache = await plane.resources.get(ConfigMap, "default", "made")
        assert cache.metadata.labels == {"workflows.argoproj.io/configmap-type": "Cache"}
        entry = msgspec.json.decode(cache.data["batch-1"])
        assert entry["nodeID"] == first.id
        assert entry["creationTimestamp"] <= entry["lastHitTimestamp"]


@pytest.mark.rule("memoize.save")
async def test_a_pod_whose_outputs_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        full = ConfigMap(
            metadata=ObjectMeta(
                name="made", namespace="default", labels={"workflows.argoproj.io/configmap-type": "Cache"}
            ),
            data={"other": "x" * (1 << 20)},
        )
        await plane.resources.create(full)
        workflow = await plane.run(MEMOIZED.format(name="first"))
        assert workflow.status.phase.value == "Error"
        assert "Too long: may not be more than 1048576 bytes" in workflow.status.message
