"""The commands of argo against a control plane that is up: by its state directory, and by contexts of its kubeconfig.

`home` is the state directory; `context` is its context, which names its Argo Server; `bare` is the same cluster without
an Argo Server, by the Kubernetes API alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from setpoint.cli import main
from tests.e2e.runs import MANIFESTS, setpoint

HELLO, FAIL = str(MANIFESTS / "hello.yaml"), str(MANIFESTS / "fail.yaml")
HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: {}\nmetadata: {}\nspec:\n"
BODY = "  entrypoint: main\n  templates: [{name: main, container: {image: busybox, command: [echo, hi]}}]\n"
WAITS = HEAD.format("Workflow", "{generateName: waits-, labels: {team: LABEL}}") + (
    "  entrypoint: main\n"
    "  templates:\n"
    "  - name: main\n"
    "    suspend: {}\n"
    "    outputs: {parameters: [{name: x, valueFrom: {supplied: {}}}]}\n"
)
ARTIFACT = HEAD.format("Workflow", "{name: NAME}") + (
    "  entrypoint: main\n"
    "  templates:\n"
    "  - name: main\n"
    "    container: {image: busybox, command: [sh, -c, 'echo 42 > /tmp/answer']}\n"
    "    outputs: {artifacts: [{name: answer, path: /tmp/answer, archive: {none: {}}}]}\n"
)


@dataclass
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What `-o json` printed."""
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs commands on one substrate."""

    where: tuple[str, ...]
    capture: pytest.CaptureFixture[str]
    folder: Path

    def __call__(self, *words: str, code: int = 0) -> Said:
        self.capture.readouterr()
        found = main([*words, *self.where])
        said = Said(found, *self.capture.readouterr())
        assert found == code, said
        return said

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("argo") / "home"
    done = setpoint(home, "up", "--detach")
    assert done.returncode == 0, done.stderr
    whole = yaml.safe_load((home / "kubeconfig").read_text())
    cluster = dict(whole["clusters"][0]["cluster"])
    del cluster["extensions"]
    whole["clusters"].append({"name": "bare", "cluster": cluster})
    whole["contexts"].append({"name": "bare", "context": {"cluster": "bare", "user": "setpoint"}})
    (home.parent / "config").write_text(yaml.safe_dump(whole))
    yield home
    assert setpoint(home, "down").returncode == 0


@pytest.fixture
def on(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Shell]:
    """A shell on a substrate by its name."""
    monkeypatch.setenv("KUBECONFIG", str(home.parent / "config"))
    monkeypatch.setenv("NO_COLOR", "1")
    places = {
        "home": ("--home", str(home)),
        "context": ("--context", "setpoint"),
        "bare": ("--context", "bare"),
    }
    return lambda name: Shell(places[name], capsys, tmp_path)


@pytest.fixture(params=["home", "bare"])
def shell(request: pytest.FixtureRequest, on: Callable[[str], Shell]) -> Shell:
    """Both ways to do the verbs."""
    return on(request.param)


@pytest.fixture
def argo(on: Callable[[str], Shell]) -> Shell:
    """A cluster with an Argo Server."""
    return on("context")


def submitted(shell: Shell, *words: str) -> str:
    return shell("submit", *words, "-o", "name").out.strip().partition("/")[2]


def test_a_workflow_is_submitted_waited_for_listed_and_deleted(shell: Shell) -> None:
    name = submitted(shell, HELLO, "-p", "message=hi", "-l", "team=hello,line=1", "--generate-name", "mine-")
    assert name.startswith("mine-")
    assert f"{name} Succeeded at 20" in shell("wait", name).out
    assert "Succeeded" in shell("get", name).out
    assert shell("list", "-l", "line=1", "--status", "Succeeded", "-o", "name").out.count("workflow.argoproj.io/") == 1
    wide = shell("list", "-l", "line=1", "-o", "wide", "--completed").out
    assert "P/R/C" in wide
    assert "message=hi" in wide
    assert shell("list", "--running", "--prefix", name).err == "nothing found\n"
    assert shell("get", "@latest", "-o", "json").json["metadata"]["name"] == name
    assert shell("delete", "-l", "line=1", "--dry-run").out == f"workflow '{name}' would be deleted\n"
    assert shell("delete", name).out == f"workflow '{name}' deleted\n"
    shell("delete", "wf", "none", code=2)


def test_names_are_taken_as_they_are_printed_and_logs_are_followed_from_the_start(shell: Shell) -> None:
    said = shell("submit", HELLO, "-p", "message=now", "--log").out
    name = said.split("'")[1]
    assert f"{name}: now, plant" in said
    printed = shell("list", "--prefix", name, "-o", "name").out.strip()
    assert printed == f"workflow.argoproj.io/{name}"
    assert "Succeeded" in shell("wait", printed, f"wf/{name}").out
    assert shell("logs", printed).out == f"{name}: now, plant\n"
    assert f"✔ {name}" in shell("get", printed).out


def test_logs_are_told_by_pod_and_chosen(shell: Shell) -> None:
    name = submitted(shell, HELLO)
    shell("wait", name)
    whole = shell("logs", name, "-f").out
    assert whole.strip().startswith(f"{name}: ")
    last = shell("logs", name, name, "--tail", "1").out
    assert whole.endswith(last)
    assert shell("logs", name, "--grep", "no such word").out == ""
    assert shell("logs", name, "--since-time", "2100-01-01T00:00:00Z").out == ""
    shell("logs", name, "--since", "1h", "--since-time", "2100-01-01T00:00:00Z", code=2)


def test_a_failure_is_exit_code_1_of_wait_and_of_submit(shell: Shell) -> None:
    said = shell("submit", FAIL, "--wait", code=1)
    assert "Failed at" in said.out
    shell("wait", "@latest", code=1)
    shell("watch", "@latest", code=1)


def test_run_goes_to_the_end_on_every_substrate(shell: Shell) -> None:
    assert shell("run", HELLO, "-o", "json").json["status"]["phase"] == "Succeeded"
    shell("run", FAIL, code=1)


def test_dry_runs_store_nothing(shell: Shell) -> None:
    before = shell("list", "-o", "name").out
    made = yaml.safe_load(shell("submit", HELLO, "--dry-run", "--name", "x", "--priority", "3").out)
    assert (made["metadata"]["name"], made["spec"]["priority"]) == ("x", 3)
    made = shell("submit", HELLO, "--server-dry-run", "--entrypoint", "greet", "-o", "json").json
    assert made["kind"] == "Workflow"
    assert shell("list", "-o", "name").out == before


def test_parameters_come_from_a_file_and_unknown_fields_are_passed_over_if_asked(shell: Shell) -> None:
    values = shell.file("values.yaml", "message: from file\nother: [1, 2]\n")
    made = shell("submit", HELLO, "-f", values, "-p", "other=x", "--dry-run", "-o", "json").json
    given = {item["name"]: item["value"] for item in made["spec"]["arguments"]["parameters"]}
    assert (given["message"], given["other"]) == ("from file", "x")
    strange = shell.file("strange.yaml", Path(HELLO).read_text() + "  colour: red\n")
    shell("submit", strange, "--dry-run", code=2)
    shell("submit", strange, "--dry-run", "--no-strict")


@pytest.mark.parametrize(
    ("group", "kind"), [("template", "WorkflowTemplate"), ("cluster-template", "ClusterWorkflowTemplate")]
)
def test_templates_are_stored_run_and_deleted(shell: Shell, group: str, kind: str) -> None:
    name = f"say-{shell.where[1].strip('/').replace('/', '-')[-8:]}"
    text = HEAD.format(kind, f"{{name: {name}}}") + BODY
    file = shell.file("t.yaml", text)
    assert shell(group, "lint", file).out.startswith("1 file checked, no error")
    assert "created" in shell(group, "create", file).out
    shell(group, "create", file, code=2)
    shell.file("t.yaml", text.replace("hi", "bye"))
    assert "updated" in shell(group, "update", file).out
    assert "bye" in shell(group, "get", name, "-o", "yaml").out
    assert name in shell(group, "list").out
    short = "wftmpl" if group == "template" else "cwft"
    assert "Succeeded at" in shell("submit", "--from", f"{short}/{name}", "--wait").out
    assert "deleted" in shell(group, "delete", name).out
    shell(group, "create", HELLO, code=2)


def test_stored_and_shipped_templates_are_listed_together(on: Callable[[str], Shell]) -> None:
    shell = on("home")
    text = HEAD.format("WorkflowTemplate", "{name: ours, annotations: {workflows.argoproj.io/title: Our own}}")
    shell("template", "create", shell.file("t.yaml", text + BODY))
    lines = shell("template", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "SOURCE", "ABOUT"]
    assert any(line.split() == ["ours", "stored", "in", "default", "Our", "own"] for line in lines)
    assert any(line.startswith("process-control ") and "shipped pipeline" in line for line in lines)
    assert "shipped" not in on("context")("template", "list").out
    shell("template", "delete", "ours")


def test_cron_workflows_are_kept_suspended_and_made_up_for(shell: Shell) -> None:
    text = HEAD.format("CronWorkflow", "{name: nightly}") + (
        "  schedules: ['0 0 * * *']\n  timezone: UTC\n  workflowSpec:\n"
        + BODY.replace("  e", "    e", 1).replace("  t", "    t")
    )
    file = shell.file("cron.yaml", text)
    shell("cron", "lint", file)
    shell("cron", "create", file)
    shell("cron", "suspend", "nightly")
    row = shell("cron", "list", "-l", "").out.splitlines()[1].split()
    assert (row[0], row[-1], row[-2]) == ("nightly", "true", "UTC")
    shell("cron", "resume", "nightly")
    assert shell("cron", "get", "nightly", "-o", "json").json["spec"].get("suspend") in (None, False)
    period = ("--start", "2026-01-01", "--end", "2026-01-03")
    assert shell("cron", "backfill", "nightly", *period, "--dry-run").out.split() == [
        "2026-01-02T00:00:00+0000",
        "2026-01-03T00:00:00+0000",
    ]
    shell("cron", "backfill", "nightly", *period, "--maxworkflowcount", "1", code=2)
    made = shell("cron", "backfill", "nightly", *period).out.splitlines()
    names = [line.split("'")[1] for line in made]
    assert len(names) == 2
    shell("wait", *names)
    shell("cron", "delete", "nightly")


def test_one_that_waits_is_steered(argo: Shell) -> None:
    file = argo.file("waits.yaml", WAITS.replace("LABEL", argo.where[1].rpartition("/")[2]))
    name = submitted(argo, file)
    argo("suspend", name)
    argo("node", "set", name, "--node-field-selector", "templateName=main", "-p", "x=1", "-m", "by hand")
    argo("node", "set", name, code=2)
    argo("resume", name)
    ended = argo("wait", name)
    assert "Succeeded" in ended.out
    node = next(iter(argo("get", name, "-o", "json").json["status"]["nodes"].values()))
    assert (node["outputs"]["parameters"][0]["value"], node["message"]) == ("1", "by hand")


@pytest.mark.parametrize("verb", [("stop", "--message", "enough"), ("stop", "--now"), ("terminate",)])
def test_one_that_runs_is_stopped(shell: Shell, verb: tuple[str, ...]) -> None:
    name = submitted(shell, shell.file("waits.yaml", WAITS.replace("LABEL", "stop")))
    assert (
        "is meant"
        in shell(verb[0], "-l", "team=stop,workflows.argoproj.io/completed!=true", *verb[1:], "--dry-run").out
    )
    assert shell(verb[0], name, *verb[1:]).out == f"workflow '{name}' is stopping\n"
    shell("wait", name, code=1)


def test_a_failed_one_is_retried_and_resubmitted(argo: Shell) -> None:
    name = submitted(argo, FAIL)
    argo("wait", name, code=1)
    argo("retry", name, code=1)
    assert argo("retry", name, "--no-wait").out == f"workflow '{name}' retried\n"
    argo("resubmit", name, "--wait", code=1)
    made = argo("resubmit", name, "--no-wait", "--priority", "7", "-o", "json").json
    assert made["spec"]["priority"] == 7
    argo("wait", made["metadata"]["name"], code=1)
    assert made["metadata"]["name"] in argo("list", "--resubmitted", "-o", "name").out


def test_the_archive_keeps_what_was_deleted(argo: Shell) -> None:
    name = submitted(argo, FAIL, "-l", "kept=yes")
    argo("wait", name, code=1)
    argo("delete", name)
    assert name in argo("archive", "list").out
    assert argo("archive", "get", name, "-o", "json").json["metadata"]["name"] == name
    assert "kept" in argo("archive", "list-label-keys").out.split()
    assert argo("archive", "list-label-values", "-l", "kept").out == "yes\n"
    argo("archive", "resubmit", name, "--wait", code=1)
    argo("archive", "retry", name, "--wait", code=1)
    uid = argo("archive", "list", "-o", "json").json["items"][0]["metadata"]["uid"]
    argo("archive", "delete", uid)
    argo("archive", "get", uid, code=2)


def test_artifacts_are_copied(argo: Shell) -> None:
    name = f"art-{argo.where[0].strip('-')}"
    submitted(argo, argo.file("a.yaml", ARTIFACT.replace("NAME", name)))
    argo("wait", name)
    out = argo.folder / "out"
    argo("cp", name, str(out), "--artifact-name", "answer", "--path", "{workflowName}/{artifactName}")
    (file,) = (out / name / "answer").iterdir()
    assert file.read_text() == "42\n"
    argo("cp", name, str(out), "--path", "../{artifactName}", code=2)
    argo("cp", name, str(out), "--artifact-name", "none", code=2)


def test_without_an_argo_server_what_needs_one_is_refused_with_the_variable_that_helps(
    on: Callable[[str], Shell],
) -> None:
    shell = on("bare")
    name = submitted(shell, FAIL)
    shell("wait", name, code=1)
    for words in (("retry", name), ("resubmit", name, "--memoized"), ("archive", "list")):
        assert "ARGO_SERVER" in shell(*words, code=2).err
    waiting = submitted(shell, shell.file("waits.yaml", WAITS.replace("LABEL", "bare")))
    shell("stop", waiting)


def test_an_argo_server_of_the_environment_is_used(
    home: Path, on: Callable[[str], Shell], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = json.loads((home / "run" / "endpoint.json").read_text())
    monkeypatch.setenv("ARGO_SERVER", endpoint["argoUrl"].removeprefix("http://"))
    monkeypatch.setenv("ARGO_SECURE", "false")
    monkeypatch.setenv("ARGO_TOKEN", f"Bearer {endpoint['token']}")
    shell = on("bare")
    shell("archive", "list-label-keys")
    assert shell("auth", "token").out == f"Bearer {endpoint['token']}\n"
    monkeypatch.setenv("ARGO_SERVER", "what:ever:1")
    assert "ARGO_SERVER" in shell("archive", "list", code=2).err


def test_what_makes_no_sense_is_said_in_one_line(on: Callable[[str], Shell]) -> None:
    shell = on("home")
    for words in (
        ("submit",),
        ("submit", HELLO, "--from", "wftmpl/x"),
        ("submit", "--from", "x"),
        ("submit", HELLO, "--watch", "--log"),
        ("list", "--completed", "--running"),
        ("list", "isvc", "--running"),
        ("delete",),
        ("delete", "x", "--all"),
        ("wait",),
        ("retry", "x", "--no-wait", "--wait"),
        ("archive", "retry", "x", "--no-wait", "--wait"),
        ("archive", "resubmit", "x", "--no-wait", "--log"),
        ("list", "--context", "nowhere"),
    ):
        said = shell(*words, code=2)
        assert said.err.startswith("error: "), words
        assert said.err.count("\n") == 1, words


def test_versions_are_told(on: Callable[[str], Shell]) -> None:
    assert "setpoint: " in on("home")("version").out
    assert "bare: v1." in on("bare")("version").out
