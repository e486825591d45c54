"""Data templates over the embedded store: keys of what an earlier step has saved, transformed and looped over."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.apis.argo import NodePhase
from tests.workflow_engine import node, running_plane

HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
"""

MAKE = """
  - name: make
    container:
      image: busybox
      command: [sh, -c]
      args: ["mkdir -p /out/deep; for n in b.csv a.csv note.txt deep/c.csv; do echo $n > /out/$n; done"]
    outputs: {artifacts: [{name: out, path: /out, archive: {none: {}}, s3: {key: "{{workflow.name}}/files"}}]}
"""


@pytest.mark.rule("leaf.data")
async def test_keys_below_a_prefix_are_listed_transformed_and_looped_over(tmp_path: Path) -> None:
    text = HEAD + (
        """
  - name: main
    steps:
    - - {name: make, template: make}
    - - {name: list, template: list}
    - - name: each
        template: each
        withParam: "{{steps.list.outputs.result}}"
        arguments: {parameters: [{name: key, value: "{{item}}"}]}
  - name: list
    data:
      source: {artifactPaths: {name: files, s3: {key: "{{workflow.name}}/files"}}}
      transformation:
      - expression: "filter(data, {# endsWith '.csv'})"
      - expression: "map(data, {split(#, '/')[-1] })"
  - name: each
    inputs: {parameters: [{name: key}]}
    container: {image: busybox, command: [echo, "{{inputs.parameters.key}}"]}
"""
        + MAKE
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(text)
    assert workflow.status.phase.value == "Succeeded", workflow.status.message
    found = node(workflow, "wf[1].list")
    assert found.outputs is not None
    assert found.outputs.result == '["a.csv","b.csv","c.csv"]'
    assert node(workflow, "wf[2].each(2:c.csv)").phase is NodePhase.SUCCEEDED


FAILURES = {
    "no such key": (
        "{name: f, s3: {key: none}}",
        "data",
        "unable to process data source: unable to source artifact paths: no key found of name none",
    ),
    "no source": ("null", "data", "unable to process data source: no valid source is used for data template"),
    "transformation": (
        "{name: f, s3: {key: wf}}",
        "data.x.y",
        "unable to process data transformation: error processing data step 0:",
    ),
    "functions of tags": (
        "{name: f, s3: {key: wf}}",
        "toJson(data)",
        "unable to process data transformation: error processing data step 0:",
    ),
}


@pytest.mark.parametrize("name", list(FAILURES))
async def test_what_goes_wrong_is_failed_and_says_where(tmp_path: Path, name: str) -> None:
    source, expression, message = FAILURES[name]
    text = HEAD + (
        "  - {name: main, steps: [[{name: make, template: make}], [{name: list, template: list}]]}\n"
        f"  - name: list\n    data: {{source: {{artifactPaths: {source}}}, transformation: "
        f"[{{expression: '{expression}'}}]}}\n" + MAKE
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(text)
    found = node(workflow, "wf[1].list")
    assert found.phase is NodePhase.FAILED
    assert found.message.startswith(f"main: Error (exit code 64): unable to process data template: {message}")
