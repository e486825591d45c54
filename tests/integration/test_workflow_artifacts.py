"""Artifacts from step to step through the whole engine: where they lie, how they are packed, what is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflow_engine import node, running_plane

MANIFEST = Path(__file__).parent / "manifests" / "artifacts.yaml"


@pytest.mark.rule(
    "artifacts.from",
    "artifacts.argument-replaces",
    "artifacts.default-key",
    "artifacts.key-only",
    "artifacts.archive-location",
    "artifacts.sub-path",
    "artifacts.overlapping",
    "artifacts.global-name",
)
async def test_artifacts_go_from_step_to_step(tmp_path: Path) -> None:
    text = MANIFEST.read_text()
    async with running_plane(tmp_path) as plane:
        ended = await plane.run(text)
    assert ended.status.phase.value == "Succeeded", [item.message for item in ended.status.nodes.values()]
    read = {}
    for name in ("whole", "chosen", "part", "key", "shared", "inner"):
        outputs = node(ended, f"wf[1].{name}").outputs
        assert outputs is not None
        read[name] = outputs.parameters[0].value
    assert read == {
        "whole": "one\ntwo",
        "chosen": "three",
        "part": "two",
        "key": "three",
        "shared": "one\ntwo",
        "inner": "two",
    }
    made = node(ended, "wf[0].make")
    assert made.outputs is not None
    keys = {item.name: item.s3.key for item in made.outputs.artifacts if item.s3 is not None}
    pod = f"wf-make-{made.id.rpartition('-')[2]}"
    assert keys == {
        "tree": f"wf/{pod}/tree.tgz",
        "plain": f"wf/{pod}/tree",
        "inner": f"wf/{pod}/inner.tgz",
        "file": f"wf/{pod}/file",
        "hand": "made/by-hand",
    }
    assert ended.status.outputs is not None
    assert [item.name for item in ended.status.outputs.artifacts] == ["shared"]
