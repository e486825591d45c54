"""Data templates: keys of what an earlier step has saved, or that lie in a bucket, transformed and looped over."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.apis.argo import NodePhase, Workflow
from tests.object_store import BUCKET, keep_keys, object_store
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


LIST = """
  - name: main
    data: {source: {artifactPaths: {name: f, s3: %s}}, transformation: [{expression: "filter(data, {# != 'in/b'})"}]}
"""


@pytest.mark.rule("leaf.data")
async def test_keys_of_a_bucket_of_its_own_and_of_the_repository(tmp_path: Path) -> None:
    with object_store(tmp_path, {"in/a": b"a", "in/b": b"b", "in/deep/c": b"c", "inner": b""}) as store:
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, store)
            own = await plane.run(HEAD + LIST % f"{{key: in, {store.fields}}}")
            assert result_of(own) == '["in/a","in/deep/c"]', own.status.message
            await plane.resources.delete(Workflow, "default", "wf")
            repository = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: artifact-repositories}}
data: {{bucket: "s3: {{{store.fields}}}"}}
---
"""
            ref = HEAD.replace("  templates:", "  artifactRepositoryRef: {key: bucket}\n  templates:")
            listed = await plane.run(repository + ref + LIST % "{key: in/deep/}")
            assert result_of(listed) == '["in/deep/c"]', listed.status.message


@pytest.mark.rule("leaf.data")
@pytest.mark.parametrize(
    ("key", "secret", "message"),
    [
        ("none", "secret", "no key found of name none"),
        ("in", "access", f"s3://{BUCKET}/in cannot be listed"),
        ("in", "other", "secret 'creds' with key 'other' is needed for an artifact"),
    ],
)
async def test_a_bucket_that_cannot_be_listed_is_failed(tmp_path: Path, key: str, secret: str, message: str) -> None:
    with object_store(tmp_path, {"in/a": b""}) as store:
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, store)
            fields = store.fields.replace("key: secret}", f"key: {secret}}}")
            workflow = await plane.run(HEAD + LIST % f"{{key: {key}, {fields}}}")
    found = node(workflow, "wf")
    assert found.phase is NodePhase.FAILED
    assert message in found.message


def result_of(workflow: Workflow) -> str | None:
    outputs = node(workflow, "wf").outputs
    return outputs.result if outputs is not None else None
