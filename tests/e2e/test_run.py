"""`setpoint run`: what people and programs see, and the exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.runs import MANIFESTS, command, environment, final_object, setpoint

HELLO, FAIL, WAIT = (str(MANIFESTS / f"{name}.yaml") for name in ("hello", "fail", "wait"))


def test_success_is_0_and_tells_the_tree_and_outputs(tmp_path: Path) -> None:
    done = setpoint(tmp_path, "run", HELLO, "-p", "message=good morning")
    assert done.returncode == 0, done.stderr
    assert "Succeeded" in done.stdout
    assert "word: done" in done.stdout
    name = setpoint(tmp_path, "list", "-o", "name").stdout.strip()
    assert name.startswith("workflow.argoproj.io/hello-")
    logs = setpoint(tmp_path, "logs", name.partition("/")[2])
    assert logs.stdout.strip().endswith("good morning, plant")


def test_json_is_the_final_object_alone(tmp_path: Path) -> None:
    found = final_object(setpoint(tmp_path, "run", HELLO, "-o", "json"))
    assert (found["kind"], found["status"]["phase"]) == ("Workflow", "Succeeded")
    (node,) = found["status"]["nodes"].values()
    assert node["name"] == found["metadata"]["name"] == node["id"]


def test_failure_is_1_and_shows_the_log_of_what_failed(tmp_path: Path) -> None:
    done = setpoint(tmp_path, "run", FAIL)
    assert done.returncode == 1
    assert "main: Error (exit code 7)" in done.stderr
    assert "| the pump is dry" in done.stderr
    found = final_object(setpoint(tmp_path, "run", FAIL, "-o", "json"))
    assert found["status"]["phase"] == "Failed"


def test_of_many_failed_pods_the_first_tell_their_log(tmp_path: Path) -> None:
    manifest = tmp_path / "many.yaml"
    manifest.write_text(
        "{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: many}, spec: {entrypoint: m, templates: ["
        "{name: m, steps: [[{name: a, template: t, withSequence: {count: 12}}]]},"
        "{name: t, container: {image: busybox, command: [sh, -c, 'echo dry; exit 1']}}]}}"
    )
    done = setpoint(tmp_path / "home", "run", str(manifest))
    assert done.returncode == 1
    assert done.stderr.count("| dry") == 10
    assert "2 more failed: setpoint get many" in done.stderr


def test_several_documents_are_a_list(tmp_path: Path) -> None:
    both = tmp_path / "both.yaml"
    both.write_text(Path(HELLO).read_text() + "\n---\n" + Path(FAIL).read_text())
    done = setpoint(tmp_path / "home", "run", str(both), "-o", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["kind"] == "List"
    assert [item["status"]["phase"] for item in found["items"]] == ["Succeeded", "Failed"]


CASES = {
    "syntax": ("metadata: {name: a\nspec: [", ["bad.yaml:2:", "YAML syntax"]),
    "unknown field": (
        "{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: a}, spec: {entrypint: x, templates: []}}",
        ["spec.entrypint", "entrypoint"],
    ),
    "unknown template": (
        "{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: a}, spec: {entrypoint: b, templates: "
        "[{name: a, container: {image: busybox, command: [ls]}}]}}",
        ["'b'", "undefined"],
    ),
    "cycle": (
        "{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: a}, spec: {entrypoint: a, templates: "
        "[{name: a, dag: {tasks: [{name: x, template: b, depends: y}, {name: y, template: b, depends: x}]}},"
        " {name: b, container: {image: busybox, command: [ls]}}]}}",
        ["templates", "x", "y"],
    ),
    "cron": (
        "{apiVersion: argoproj.io/v1alpha1, kind: CronWorkflow, metadata: {name: a}, spec: {schedules: ['* * * *'], "
        "workflowSpec: {entrypoint: b, templates: [{name: b, container: {image: busybox, command: [ls]}}]}}}",
        ["spec.schedules[0]", "exactly 5 fields, found 4"],
    ),
    "not supported": (
        "{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: a}, spec: {entrypoint: b, templates: "
        "[{name: b, container: {image: busybox, command: [ls], volumeDevices: [{name: d, devicePath: /d}]}}]}}",
        ["spec.templates[0].container.volumeDevices", "block devices are not supported"],
    ),
    "unknown image": (
        "{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: a}, spec: {entrypoint: b, templates: "
        "[{name: b, container: {image: 'example/none:1'}}]}}",
        ["example/none:1"],
    ),
    "empty": ("", ["nothing in this file"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_manifest_is_2_and_named(case: str, tmp_path: Path) -> None:
    text, words = CASES[case]
    manifest = tmp_path / "bad.yaml"
    manifest.write_text(text)
    done = setpoint(tmp_path / "home", "run", str(manifest), "-o", "json")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    assert all(word in done.stderr for word in words)


def test_a_command_that_is_not_there_names_image_and_command(tmp_path: Path) -> None:
    manifest = tmp_path / "wf.yaml"
    manifest.write_text(Path(HELLO).read_text().replace("[sh, -c]", "[no-such-program]"))
    done = setpoint(tmp_path / "home", "run", str(manifest))
    assert done.returncode == 1
    assert "no-such-program" in done.stderr
    assert "busybox" in done.stderr + done.stdout


def test_ctrl_c_stops_the_run_and_its_exit_handler_runs(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("run", WAIT), env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(tmp_path, "Running")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "onExit" in said
    found = json.loads(setpoint(tmp_path, "get", "waiting", "-o", "json").stdout)
    assert found["status"]["phase"] == "Failed"


def wait_for(home: Path, phase: str, name: str = "waiting") -> None:
    """Until the workflow is in the phase and its first leaf runs; another process works on it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        done = setpoint(home, "get", name, "-o", "json")
        if done.returncode == 0:
            status = json.loads(done.stdout).get("status", {})
            if status.get("phase") == phase and status.get("nodes"):
                return
        time.sleep(0.3)  # each look is a process of its own
    raise AssertionError(f"{name} was not {phase} in time")


def test_a_control_plane_that_stays_is_used_by_all_commands(tmp_path: Path) -> None:
    assert setpoint(tmp_path, "submit", WAIT).returncode == 1  # none is up
    up = setpoint(tmp_path, "up", "--detach")
    assert up.returncode == 0, up.stderr
    try:
        assert setpoint(tmp_path, "submit", WAIT, "-o", "name").stdout.strip() == "workflow.argoproj.io/waiting"
        wait_for(tmp_path, "Running")
        assert setpoint(tmp_path, "resume", "waiting", "--by", "A. Operator").returncode == 0
        wait_for(tmp_path, "Succeeded")
        assert "approved by A. Operator" in setpoint(tmp_path, "logs", "waiting").stdout
        again = setpoint(tmp_path, "submit", WAIT)
        assert again.returncode == 2
        assert "already exists" in again.stderr
        ran = setpoint(tmp_path, "run", HELLO, "-o", "json")
        assert final_object(ran)["status"]["phase"] == "Succeeded"
        assert setpoint(tmp_path, "delete", "waiting").returncode == 0
        assert setpoint(tmp_path, "get", "waiting").returncode == 2
    finally:
        down = setpoint(tmp_path, "down")
    assert down.returncode == 0, down.stderr
    assert "no control plane" in setpoint(tmp_path, "down").stdout


def test_commands_given_at_the_same_moment_share_a_state_directory(tmp_path: Path) -> None:
    lines = [["run", HELLO, "-o", "name"], ["run", HELLO, "-o", "name"], ["list", "-o", "name"], ["list"]]
    started = [
        subprocess.Popen(
            command(*line), env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for line in lines
    ]
    said = [process.communicate(timeout=90) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0, 0], said
    assert said[0][0] != said[1][0]


def test_retry_keeps_what_succeeded(tmp_path: Path) -> None:
    home, folder, manifest = tmp_path / "home", tmp_path / "folder", tmp_path / "wf.yaml"
    folder.mkdir()
    text = Path(FAIL).read_text().replace("exit 7", "test -e /host/mended")
    text = text.replace("image: busybox\n", "image: busybox\n        volumeMounts: [{name: host, mountPath: /host}]\n")
    manifest.write_text(text + f"  volumes: [{{name: host, hostPath: {{path: {folder}}}}}]\n")
    first = final_object(setpoint(home, "run", str(manifest), "-o", "json"))
    assert first["status"]["phase"] == "Failed"
    (folder / "mended").touch()
    second = final_object(setpoint(home, "retry", first["metadata"]["name"], "-o", "json"))
    assert second["status"]["phase"] == "Succeeded"

    def good(found: dict[str, object]) -> object:
        nodes = found["status"]["nodes"].values()  # type: ignore[index]  # JSON
        return next(node["startedAt"] for node in nodes if node["displayName"] == "good")

    assert good(first) == good(second)


def test_a_second_run_goes_on_when_the_first_takes_its_control_plane_away(tmp_path: Path) -> None:
    """Two terminals, one state directory: the second uses the first one's control plane, then its own."""
    manifest = tmp_path / "wf.yaml"
    manifest.write_text(
        Path(HELLO).read_text().replace("echo done", "sleep {{workflow.parameters.message}}; echo done")
    )
    home = tmp_path / "home"
    first = subprocess.Popen(
        command("run", str(manifest), "-p", "message=1.5", "-o", "name"),
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    name = wait_for_any(home)
    second = final_object(setpoint(home, "run", str(manifest), "-p", "message=4", "-o", "json"))
    printed, said = first.communicate(timeout=60)
    assert (first.returncode, said) == (0, "")
    assert printed.strip().endswith(name)
    assert second["status"]["phase"] == "Succeeded"
    assert second["metadata"]["name"] != name


def wait_for_any(home: Path) -> str:
    """Name of the first workflow that runs."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        listed = setpoint(home, "list", "-o", "json")
        items = json.loads(listed.stdout)["items"] if listed.stdout.startswith("{") else []
        if items and items[0].get("status", {}).get("phase") == "Running":
            return str(items[0]["metadata"]["name"])
    raise AssertionError("no workflow began to run")


COLLECTED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: collected}
spec:
  entrypoint: main
  artifactGC: {strategy: OnWorkflowDeletion}
  templates:
  - name: main
    container: {image: busybox, command: [sh, -c, "echo x > /tmp/x"]}
    outputs: {artifacts: [{name: x, path: /tmp/x, s3: {key: x}}]}
"""


def test_a_finished_run_whose_artifacts_go_with_it_is_replaced(tmp_path: Path) -> None:
    manifest = tmp_path / "collected.yaml"
    manifest.write_text(COLLECTED)
    seen = []
    for _ in range(2):
        found = final_object(setpoint(tmp_path / "home", "run", str(manifest), "-o", "json"))
        assert found["status"]["phase"] == "Succeeded"
        seen.append(found["metadata"]["uid"])
    assert seen[0] != seen[1]
    assert (tmp_path / "home" / "artifacts" / "x").exists()
