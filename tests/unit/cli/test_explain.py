"""`setpoint explain`: the page shows what comes out, bad input gets the words of lint, every example is explained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from setpoint.apis.argo import CronWorkflow, TemplateCatalog, Workflow, WorkflowTemplate
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.cli import main
from setpoint.core.explain import draw, explain

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / ".." / "shared" / "argo" / "examples"
PAGE = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The one of the page."""
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    file = tmp_path / "inspection.yaml"
    file.write_text(found[1])
    return file


def run(file: Path, *arguments: str) -> int:
    return main(["explain", str(file), "--home", str(file.parent / "home"), *arguments])


def test_the_page_shows_what_comes_out(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(manifest) == 0
    text = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert f"$ setpoint explain inspection.yaml\n{text}\n```" in PAGE
    assert run(manifest, "-o", "svg") == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "images" / "explain.svg").read_text(encoding="utf-8")


def test_parameters_decide(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(manifest, "-p", "mode=full", "-p", "lines=[1]", "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)
    tasks = {task["name"]: task for task in found["entry"]["tasks"]}
    assert tasks["inspect"]["items"]["count"] == 1
    assert "runs" not in tasks["deep-check"]  # true is the default


def test_bad_input_is_what_lint_says(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest.write_text(manifest.read_text().replace("template: plan}", "template: paln}"))
    assert run(manifest) == 2
    assert "template name 'paln' undefined, did you mean 'plan'?" in capsys.readouterr().err
    other = tmp_path / "map.yaml"
    other.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")
    assert run(other) == 2
    assert "holds no workflow with an entrypoint" in capsys.readouterr().err
    assert run(tmp_path / "missing.yaml") == 2


@pytest.mark.shared
@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the reference material is not here")
def test_every_example_can_be_explained() -> None:
    documents = [
        item for file in sorted(EXAMPLES.rglob("*.yaml")) for item in load_documents(file.read_text(), file.name)
    ]
    resources = [decode_document(item) for item in documents if item.kind != "PersistentVolumeClaim"]
    templates = TemplateCatalog.of(resources)
    count = 0
    for item in resources:
        if isinstance(item, CronWorkflow):
            item = Workflow(metadata=item.metadata, spec=item.spec.workflow_spec)
        if isinstance(item, Workflow | WorkflowTemplate):
            found = explain(Workflow(metadata=item.metadata, spec=item.spec), templates)
            names = {task.name for task in found.walk()}
            entry = item.spec.template(item.spec.entrypoint)
            assert {call.name for call in entry.calls} <= names if entry is not None else True
            ElementTree.fromstring(draw([found]))
            count += 1
    assert count > 100
