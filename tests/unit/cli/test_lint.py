"""`setpoint lint`: all files at once, places that hold for every way to write YAML, and its forms of output."""

from __future__ import annotations

import asyncio
import json
import textwrap
from pathlib import Path

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import WorkflowTemplate
from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.cli import main
from setpoint.cli._findings import excerpt, github_line
from setpoint.operations.lint import lint_text

TEMPLATE = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: shared, namespace: default}
spec:
  templates:
  - {name: work, container: {image: alpine}}
"""
CALLER = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: w-}
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: a, templateRef: {name: shared, template: WORK}}]]
"""


def lint(tmp_path: Path, *arguments: str) -> int:
    return main(["lint", "--home", str(tmp_path / "home"), *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that need each other, one below the other, and one that nobody means."""
    (tmp_path / "m" / "below").mkdir(parents=True)
    (tmp_path / "m" / ".git").mkdir()
    (tmp_path / "m" / ".git" / "x.yaml").write_text("not: a manifest")
    (tmp_path / "m" / "below" / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "m" / "caller.yaml").write_text(CALLER.replace("WORK", "work"))
    return tmp_path / "m"


def test_files_of_a_directory_know_each_other(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tmp_path, str(folder)) == 0
    assert capsys.readouterr().out == "2 files checked, no error\n"
    assert not (tmp_path / "home").exists()
    assert lint(tmp_path, str(folder / "caller.yaml")) == 2


def test_templates_of_the_state_directory_are_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (document,) = load_documents(TEMPLATE, "t.yaml")
    template = decode_document(document)
    assert isinstance(template, WorkflowTemplate)
    with SqliteStore(tmp_path / "home" / "store", SystemClock()) as store:
        asyncio.run(store.resources.create(template))
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(CALLER.replace("WORK", "work"))
    bad.write_text(CALLER.replace("WORK", "wrok"))
    assert lint(tmp_path, str(good)) == 0
    assert lint(tmp_path, str(bad)) == 2
    assert "template reference shared.wrok not found, did you mean 'work'?" in capsys.readouterr().err


def test_a_finding_shows_the_line_it_is_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(CALLER.replace("main\n  templates", "mian\n  templates").replace("WORK", "work"))
    assert lint(tmp_path, str(file)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(
        f"error: {file}:5:3: spec.entrypoint: template name 'mian' undefined, did you mean 'main'?"
    )
    assert lines[1:3] == ["    5 |   entrypoint: mian", "      |   ^^^^^^^^^^"]
    assert lines[-1] == "1 file checked, 2 errors"


def test_json_and_github_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(CALLER)
    assert lint(tmp_path, str(file), "-o", "json") == 2
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding == {
        "severity": "error",
        "file": str(file),
        "line": 8,
        "column": 24,
        "path": "spec.templates[0].steps[0][0].templateRef",
        "reason": "templates.main.steps[0].a template reference shared.WORK not found",
        "allowed": [],
    }
    assert lint(tmp_path, str(file), "-o", "github") == 2
    assert capsys.readouterr().out == (
        f"::error file={file},line=8,col=24,title=spec.templates[0].steps[0][0].templateRef::{finding['reason']}\n"
    )


def test_github_lines_are_escaped() -> None:
    finding = InvalidSpec("50%\nwrong: a, b", path="a,b:c", location=Location(file="a:b.yaml", line=1, column=2))
    assert github_line("warning", finding) == (
        "::warning file=a%3Ab.yaml,line=1,col=2,title=a%2Cb%3Ac::50%25%0Awrong: a, b"
    )
    assert github_line("error", InvalidSpec("x")) == "::error title=manifest::x"


def test_a_long_line_is_cut_around_the_place() -> None:
    line = "x" * 500 + " here " + "y" * 500
    cut, mark = excerpt(Location(file="f", line=1, column=502), {"f": [line]})
    assert len(cut) < 130
    assert cut[mark.index("^") :].startswith("here")
    assert list(excerpt(Location(file="f", line=2, column=1), {"f": [line]})) == []
    assert list(excerpt(Location(file="other", line=1, column=1), {"f": [line]})) == []


def test_another_kind_in_a_directory_is_not_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("apiVersion: v1\nkind: ReplicationController\nmetadata: {name: c}\n")
    assert lint(tmp_path, str(file)) == 0
    assert "kind 'ReplicationController' of v1 is not served here: not checked" in capsys.readouterr().err
    assert lint_text(file.read_text(), "f.yaml", submit=True).errors != ()


WRONG = "{name: main, container: {command: [ls]}}"
HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\n"
PLACES = {
    "second document": (HEAD + "spec: {entrypoint: m, templates: [{name: m, suspend: {}}]}\n---\n" + HEAD
                        + f"spec:\n  entrypoint: main\n  templates:\n  - {WRONG}\n", 12, 18,
                        "spec.templates[0].container"),
    "json": (
        '{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"},\n "spec": {"entrypoint":'
        ' "main", "templates": [\n  {"name": "main",\n   "container": {"command": ["ls"]}}]}}', 4, 4,
        "spec.templates[0].container",
    ),
    "list": (
        "apiVersion: v1\nkind: List\nitems:\n" + textwrap.indent(
            HEAD + f"spec:\n  entrypoint: main\n  templates:\n  - {WRONG}\n", "  ").replace("  api", "- api", 1),
        10, 20, "items[0].spec.templates[0].container",
    ),
    "alias": (
        HEAD + "spec:\n  templateDefaults: {container: &c {command: [ls]}}\n  entrypoint: main\n  templates:\n"
        "  - name: main\n    container: *c\n", 9, 5, "spec.templates[0].container",
    ),
    "merge": (
        HEAD + "spec:\n  entrypoint: main\n  podMetadata: {labels: &m {name: main}}\n  templates:\n"
        "  - <<: *m\n    container: {command: [ls]}\n", 9, 5, "spec.templates[0].container",
    ),
    "merged field": (
        HEAD + "spec:\n  entrypoint: main\n  templates:\n  - &t\n    name: main\n    retryStrategy: {limit: often}\n"
        "    suspend: {}\n  - <<: *t\n    name: other\n", 9, 21, "spec.templates[0].retryStrategy.limit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(PLACES))
def test_places_hold_however_it_is_written(name: str) -> None:
    text, line, column, path = PLACES[name]
    errors = lint_text(text, "f.yaml").errors
    assert (path, line, column) in [
        (error.path, error.location.line, error.location.column) for error in errors if error.location
    ]
