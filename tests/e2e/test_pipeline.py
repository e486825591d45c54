"""The shipped pipeline through all its ends: promoted, approved by a person, rejected data, caught failures, a kill.

One state directory and one control plane for the module: later tests need the champion that earlier ones made, as
in a plant. The data are small, so that a run takes seconds.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from setpoint import pipelines
from setpoint.apis.manifest import load_values
from tests.e2e.runs import command, environment, final_object, setpoint

SMALL = (
    "-p",
    "source=plant://cstr?runs=3&hours=3",
    "-p",
    "trials=1",
    "-p",
    "window=20",
    "-p",
    "max-false-alarm-rate=1",
)
NO_FEED = ("-p", "feed=/nowhere/data.csv")
# One worker runs them all: they share the state directory.
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("pipeline")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state directory with a control plane and a champion in service."""
    place = tmp_path_factory.mktemp("pipeline")
    up = setpoint(place, "up", "--detach")
    assert up.returncode == 0, up.stderr
    try:
        first = run(place)
        assert phases(first) == {"process": "Succeeded", "train": "Succeeded", "evaluate": "Succeeded"} | {
            "process-parts": "Skipped",
            "evaluate-parts": "Skipped",
            "gate": "Succeeded",
            "deploy": "Succeeded",
            "rollback": "Omitted",
            "keep-champion": "Omitted",
            "monitor": "Succeeded",
        }
        yield place
    finally:
        setpoint(place, "down")


def run(place: Path, *more: str) -> dict[str, Any]:
    """A run of the pipeline to its end."""
    done = setpoint(place, "run", "process-control", *SMALL, *more, "-o", "json", timeout=200)
    found: dict[str, Any] = final_object(done)
    return found


def phases(workflow: dict[str, Any]) -> dict[str, str]:
    """Phase by task of the DAG."""
    root = workflow["metadata"]["name"]
    nodes = workflow["status"]["nodes"].values()
    return {n["displayName"]: n["phase"] for n in nodes if n.get("boundaryID") == root and "(" not in n["displayName"]}


def phase_of(workflow: dict[str, Any], name: str) -> str:
    """Phase of a step, wherever it is."""
    return str(next(n["phase"] for n in workflow["status"]["nodes"].values() if n["displayName"] == name))


def _created(item: dict[str, Any]) -> str:
    created: str = item["metadata"]["creationTimestamp"]
    return created


def outputs(workflow: dict[str, Any], name: str) -> dict[str, str]:
    """Output parameters of a task."""
    node = next(item for item in workflow["status"]["nodes"].values() if item["displayName"] == name)
    return {item["name"]: item["value"] for item in node["outputs"]["parameters"]}


def champion(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(setpoint(place, "model", "show", "process-control", "-o", "json").stdout)
    return found


def url_of(place: Path) -> str:
    service = json.loads(setpoint(place, "get", "isvc/process-control", "-o", "json").stdout)
    return str(service["status"]["url"])


def test_the_run_fed_and_watched_what_it_deployed(home: Path) -> None:
    (workflow,) = json.loads(setpoint(home, "list", "-o", "json").stdout)["items"]
    assert int(outputs(workflow, "feed")["answered"]) > 100
    assert outputs(workflow, "feed")["refused"] == "0"
    traffic = outputs(workflow, "traffic")
    assert traffic["verdict"] == "ok", traffic["findings"]
    assert int(traffic["requests"]) >= int(outputs(workflow, "feed")["answered"])
    summary = {item["name"]: item["value"] for item in workflow["status"]["outputs"]["parameters"]}["summary"]
    assert "traffic   ok" in summary
    assert f"fed       {int(outputs(workflow, 'feed')['sent']):,} windows" in summary
    quality = outputs(workflow, "quality")
    assert quality["verdict"] in ("ok", "warning", "alarm"), quality  # the hold-out set has faults, which are found
    assert int(quality["records"]) == int(outputs(workflow, "feed")["answered"])
    assert 100 < int(quality["labelled"]) <= int(quality["records"])  # labels follow an hour of the plant later
    assert 0.0 <= float(quality["accuracy"]) <= 1.0
    assert f"quality   {quality['verdict']}" in summary


def test_the_watch_runs_once_by_hand(home: Path) -> None:
    # The period is agreed, since how long the deployment paused before it was fed depends on the machine.
    agreed = ("-p", "window=1h", "-p", "baseline=0", "-p", "nominal-period-seconds=3600")
    done = setpoint(home, "run", "process-control-watch", *agreed, "-o", "json")
    workflow = final_object(done)
    assert workflow["status"]["phase"] == "Succeeded"
    assert outputs(workflow, "traffic")["verdict"] == "ok"
    fed = next(
        item
        for item in json.loads(setpoint(home, "list", "-o", "json").stdout)["items"]
        if "-watch-" not in item["metadata"]["name"]
    )
    assert outputs(workflow, "quality")["records"] == outputs(fed, "quality")["records"]


def test_the_model_answers_at_its_stable_url(home: Path) -> None:
    with urllib.request.urlopen(f"{url_of(home)}/v2/models/process-control") as answer:
        metadata = json.load(answer)
    assert metadata["inputs"][0]["shape"] == [-1, 20, 11]


def test_a_person_approves_and_is_remembered(home: Path) -> None:
    """The data are processed, and the model is judged, in parts meanwhile, which changes nothing of what follows."""
    before = champion(home)["version"]
    runs = json.loads(setpoint(home, "list", "-o", "json").stdout)["items"]
    first = min((item for item in runs if item["metadata"]["generateName"] == "process-control-"), key=_created)
    more = ("-p", "approval=manual", "-p", "seed=2", "-p", "partitions=3")
    process = subprocess.Popen(
        command("run", "process-control", *SMALL, *more, *NO_FEED, "-o", "json"),
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    name = wait_for_approval(home)
    assert champion(home)["version"] == before
    assert setpoint(home, "resume", name, "--by", "A. Operator").returncode == 0
    printed, _ = process.communicate(timeout=120)
    workflow = json.loads(printed)
    assert workflow["status"]["phase"] == "Succeeded"
    assert outputs(workflow, "gate") == {"approved-by": "A. Operator"}
    pods = [n for n in workflow["status"]["nodes"].values() if n["type"] == "Pod" and n["phase"] == "Succeeded"]
    made = [n["templateName"] for n in pods]
    assert made.count("data-processing-part") == made.count("model-evaluation-part") == 3
    assert outputs(workflow, "process") == outputs(first, "process")
    # A monitor, or what feeds it, that fails does not fail the run.
    assert phase_of(workflow, "feed") == "Failed"
    assert phase_of(workflow, "traffic") == phases(workflow)["monitor"] == "Succeeded"
    after = champion(home)
    assert int(after["version"]) > int(before)
    assert after["tags"]["setpoint.approved-by"] == "A. Operator"
    service = json.loads(setpoint(home, "get", "isvc/process-control", "-o", "json").stdout)
    assert service["metadata"]["annotations"]["setpoint.dev/approved-by"] == "A. Operator"


def wait_for_approval(home: Path) -> str:
    """Name of the run that waits at its approval."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        listed = json.loads(setpoint(home, "list", "-o", "json").stdout)
        for workflow in listed["items"]:
            for node in workflow.get("status", {}).get("nodes", {}).values():
                if node["type"] == "Suspend" and node["phase"] == "Running":
                    return str(workflow["metadata"]["name"])
        time.sleep(1)  # each look is a process, whose start takes from what it looks at
    raise AssertionError("no run came to its approval")


def test_a_failed_deployment_is_rolled_back_and_the_run_succeeds(home: Path) -> None:
    """The new version's golden answers are falsified between training and deployment."""
    before, url = champion(home)["version"], url_of(home)
    process = subprocess.Popen(
        command("run", "process-control", *SMALL, "-p", "approval=manual", "-p", "seed=3", *NO_FEED, "-o", "json"),
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    name = wait_for_approval(home)
    first = setpoint(home, "model", "list", "process-control").stdout.splitlines()[1]
    assert len(re.findall(r"\b[01]\.\d{3}\b", first)) == 3, first  # accuracy, recall, ROC AUC
    newest = json.loads(setpoint(home, "model", "list", "process-control", "-o", "json").stdout)[0]
    golden = Path(newest["source"].removeprefix("file://")) / "golden.json"
    golden.write_text(golden.read_text().replace('"normal"', '"feed-temperature"'))
    setpoint(home, "resume", name)
    printed, _ = process.communicate(timeout=200)
    workflow = json.loads(printed)
    assert workflow["status"]["phase"] == "Succeeded"
    assert phases(workflow)["deploy"] == "Failed"
    assert phases(workflow)["rollback"] == phases(workflow)["monitor"] == "Succeeded"
    assert champion(home)["version"] == before
    with urllib.request.urlopen(f"{url}/v2/models/process-control/ready") as answer:
        assert answer.status == 200
    summary = {item["name"]: item["value"] for item in workflow["status"]["outputs"]["parameters"]}["summary"]
    assert "catch" in summary
    assert f"champion version {before} serves" in summary


def test_a_failed_training_keeps_the_champion_and_is_not_repeated(home: Path) -> None:
    """One class only is bad input: exit code 2, which no second attempt can mend."""
    rows = "\n".join(f"{i},run-{i // 300},normal,{20 + i % 7 / 10},{5 + i % 5 / 10}" for i in range(1200))
    data = home / "one-class.csv"  # below the state directory, since a pod's /tmp is its own
    data.write_text("second,run,label,temperature,flow\n" + rows + "\n")
    workflow = run(home, "-p", f"source={data}")
    attempts = [n for n in workflow["status"]["nodes"].values() if n["displayName"].startswith("train(")]
    assert workflow["status"]["phase"] == "Succeeded"
    assert phases(workflow)["train"] == "Failed"
    assert phases(workflow)["keep-champion"] == phases(workflow)["monitor"] == "Succeeded"
    assert phase_of(workflow, "feed") == "Skipped"
    assert len(attempts) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("source=/nowhere/data.csv", "/nowhere/data.csv: no such file"),
        ("partitions=0", "partitions: 0 partitions: give"),
    ],
)
def test_bad_parameters_fail_the_run_with_one_clear_error(home: Path, given: str, message: str) -> None:
    done = setpoint(home, "run", "process-control", "-p", given, timeout=120)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "Failed in" in done.stdout  # the exit handler wrote the summary all the same


def test_a_control_plane_killed_during_training_goes_on_with_the_same_command(tmp_path: Path) -> None:
    arguments = ["run", "process-control", *SMALL, "--artifact", f"report={tmp_path / 'report.html'}", "-o", "json"]
    first = subprocess.Popen(command(*arguments), env=environment(tmp_path / "home"), stdout=subprocess.DEVNULL)
    until = time.monotonic() + 90
    while time.monotonic() < until:
        listed = json.loads(setpoint(tmp_path / "home", "list", "-o", "json").stdout or '{"items": []}')
        if any(
            phases(item).get("train") == "Running" for item in listed["items"] if item.get("status", {}).get("nodes")
        ):
            break
        time.sleep(0.5)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    done = setpoint(tmp_path / "home", *arguments, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "going on with" in done.stderr
    workflow = final_object(done)
    attempts = [n for n in workflow["status"]["nodes"].values() if n["displayName"].endswith(("(0)", "(1)"))]
    assert all(node["phase"] == "Succeeded" for node in attempts)
    assert not [node for node in attempts if node["displayName"].endswith("(1)")]
    versions = json.loads(setpoint(tmp_path / "home", "model", "list", "-o", "json").stdout)
    assert [item["version"] for item in versions] == ["1"]
    assert "<svg" in (tmp_path / "report.html").read_text()


def test_the_exported_template_is_what_hera_reads_back() -> None:
    from hera.workflows import WorkflowTemplate

    text = pipelines.manifest("process-control")
    read = WorkflowTemplate.from_yaml(text)
    assert isinstance(read, WorkflowTemplate)
    again = read.to_yaml()
    assert load_values(again, "again") == load_values(text, "shipped")


@pytest.mark.shared
def test_the_exported_template_fits_the_official_schema(shared: Path) -> None:
    schemas = shared / "schemas"
    index = json.loads((schemas / "index.json").read_text())
    (template,) = load_values(pipelines.manifest("process-control"), "process-control")
    schema = json.loads((schemas / index["argoproj.io/v1alpha1/WorkflowTemplate"]).read_text())
    assert list(Draft202012Validator(schema).iter_errors(template)) == []
