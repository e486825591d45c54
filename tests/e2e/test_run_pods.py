"""`setpoint run` of a Pod: to its end, the exit code by its phase; and the Pods of a run that is over."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

from tests.e2e.runs import MANIFESTS, command, environment, final_object, setpoint

POD = (
    "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {restartPolicy: Never, containers:"
    ' [{name: a, image: busybox, command: [sh, -c, "SCRIPT"]}]}}'
)


def manifest(folder: Path, script: str, text: str = POD) -> str:
    file = folder / "pod.yaml"
    file.write_text(text.replace("SCRIPT", script))
    return str(file)


def test_the_exit_code_is_that_of_the_phase(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = setpoint(home, "run", manifest(tmp_path, "exit 4"))
    assert done.returncode == 1
    assert "pod 'p': Failed (a: Error, exit code 4)" in done.stdout
    done = setpoint(home, "run", manifest(tmp_path, "true"))
    assert done.returncode == 0, done.stderr
    assert "replacing the finished pod 'p'" in done.stderr
    assert "pod 'p': Succeeded" in done.stdout


def test_json_is_the_final_object_alone(tmp_path: Path) -> None:
    found = final_object(setpoint(tmp_path / "home", "run", manifest(tmp_path, "true"), "-o", "json"))
    assert (found["kind"], found["status"]["phase"]) == ("Pod", "Succeeded")


def test_what_is_wrong_is_told_with_its_place_before_anything_is_made(tmp_path: Path) -> None:
    text = POD.replace("restartPolicy: Never", "restartPolicy: Sometimes")
    done = setpoint(tmp_path / "home", "run", manifest(tmp_path, "true", text))
    assert done.returncode == 2
    assert "spec.restartPolicy" in done.stderr


def test_an_image_that_means_nothing_here_fails_the_pod_with_a_reason(tmp_path: Path) -> None:
    text = POD.replace('command: [sh, -c, "SCRIPT"]', "args: [x]").replace("busybox", "example.org/unheard-of:1")
    done = setpoint(tmp_path / "home", "run", manifest(tmp_path, "", text))
    assert done.returncode == 1
    assert "a.image" in done.stdout


def test_the_keyboard_ends_a_pod_that_would_run_for_ever(tmp_path: Path) -> None:
    text = POD.replace("restartPolicy: Never", "restartPolicy: Always, terminationGracePeriodSeconds: 1")
    with subprocess.Popen(
        command("run", manifest(tmp_path, f"touch {tmp_path}/up; sleep 600", text)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
    ) as process:
        latest = time.monotonic() + 60
        while not (tmp_path / "up").exists() and time.monotonic() < latest:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
    assert not json.loads(setpoint(tmp_path / "home", "list", "pods", "-o", "json").stdout or '{"items": []}')["items"]


def test_the_pods_of_a_run_that_is_over_are_there(tmp_path: Path) -> None:
    assert setpoint(tmp_path, "run", str(MANIFESTS / "fail.yaml")).returncode == 1
    pods = json.loads(setpoint(tmp_path, "list", "pods", "-o", "json").stdout)["items"]
    failed = [pod for pod in pods if pod["status"]["phase"] == "Failed"]
    (end,) = {pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] for pod in failed}
    assert end == 7
