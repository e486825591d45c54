"""What people type most often, by the kubectl that is here: one control plane, a few seconds."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients.control_plane import control_plane
from tests.clients.environments import kubectl

Run = Callable[..., str]
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {team: blue}}
data: {level: "LEVEL"}
"""
WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: hello}
spec:
  entrypoint: main
  templates: [{name: main, container: {image: busybox, command: [echo, hello]}}]
"""

pytestmark = [pytest.mark.skipif(kubectl() is None, reason="no kubectl is here"), pytest.mark.xdist_group("kubectl")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A function that gives what `kubectl LINE` prints, and asserts its exit code."""
    home = tmp_path_factory.mktemp("kubectl") / "home"
    with control_plane(home):
        environment = os.environ | {"KUBECONFIG": str(home / "kubeconfig"), "HOME": str(home.parent)}

        def kubectl_of(line: str, *, given: str = "", code: int = 0, **variables: str) -> str:
            command = [str(kubectl()), *shlex.split(line)]
            done = subprocess.run(
                command,
                input=given,
                env=environment | variables,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout + done.stderr

        yield kubectl_of


def _json(text: str) -> Any:
    return json.loads(text)


def test_it_finds_kinds_and_explains_them(run: Run) -> None:
    assert "workflows.argoproj.io" in run("api-resources -o name")
    assert "image <string>" in run("explain pod.spec.containers.image")
    assert "Server Version: v1.32.0" in run("version")


def test_an_object_is_applied_changed_and_deleted(run: Run) -> None:
    assert "created" in run("apply -f -", given=SETTINGS.replace("LEVEL", "1"))
    assert "unchanged" in run("apply -f -", given=SETTINGS.replace("LEVEL", "1"))
    assert "configured" in run("apply -f -", given=SETTINGS.replace("LEVEL", "2"))
    assert run("get configmap settings -o jsonpath={.data.level}") == "2"
    assert "+  level: " in run("diff -f -", given=SETTINGS.replace("LEVEL", "3"), code=1)
    run("label configmap settings tier=low")
    run("""patch configmap settings -p '{"data":{"more":"1"}}'""")
    assert "edited" in run("edit configmap settings", KUBE_EDITOR="sed -i s/more:/other:/")
    assert _json(run("get configmap settings -o json"))["data"] == {"level": "2", "other": "1"}
    assert "settings" in run("get configmaps -l tier=low")
    assert "deleted" in run("delete configmap settings")
    assert 'configmaps "settings" not found' in run("get configmap settings", code=1)


def test_managers_conflict_and_one_is_stronger(run: Run) -> None:
    line = "apply --server-side -f - --field-manager"
    run(f"{line}=one", given=SETTINGS.replace("settings", "shared").replace("LEVEL", "1"))
    other = SETTINGS.replace("settings", "shared").replace("LEVEL", "2")
    assert 'conflict with "one"' in run(f"{line}=two", given=other, code=1)
    assert "serverside-applied" in run(f"{line}=two --force-conflicts", given=other)


def test_a_pod_runs_and_tells(run: Run) -> None:
    run("run one --image=busybox --restart=Never -- sh -c 'echo first; echo second'")
    run("wait pod/one --for=jsonpath={.status.phase}=Succeeded --timeout=30s")
    assert run("logs one --tail=1") == "second\n"
    assert "Completed" in run("get pods")
    assert 'pod "one" deleted' in run("delete pod one")


def test_nothing_is_executed_in_a_pod(run: Run) -> None:
    run("run two --image=busybox --restart=Never -- sleep 60")
    run("wait pod/two --for=condition=Ready --timeout=30s")
    assert "exec, attach and port-forward are not done here" in run("exec two -- ls", code=1)
    assert 'pod "two" deleted' in run("delete pod two --grace-period=1")


def test_a_job_is_waited_for(run: Run) -> None:
    run("create job once --image=busybox -- echo done")
    assert "condition met" in run("wait job/once --for=condition=complete --timeout=30s")
    assert run("logs job/once") == "done\n"
    run("delete job once")


def test_a_workflow_runs(run: Run) -> None:
    run("create -f -", given=WORKFLOW)
    run("wait workflow/hello --for=jsonpath={.status.phase}=Succeeded --timeout=30s")
    assert "Succeeded" in run("get workflows")
    assert "entrypoint" in run("create -f -", given=WORKFLOW.replace("main\n", "none\n"), code=1)


def test_rights_are_asked_for_and_refused(run: Run) -> None:
    assert run("auth can-i create pods") == "yes\n"
    assert run("auth can-i create pods --as=somebody", code=1).startswith("no")
    assert "Forbidden" in run("get pods --as=somebody", code=1)
    assert "system:masters" in run("auth whoami")


def test_a_list_of_objects_is_taken_as_it_was_printed(run: Run) -> None:
    run("create configmap listed --from-literal=a=1")
    printed = run("get configmap listed -o json")
    whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": [_json(printed)]})
    assert "configmap/listed replaced" in run("replace -f -", given=whole)
    assert "configmap/listed configured" in run("apply -f -", given=whole)
    odd = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd"}, "dada": {}}
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": [odd]})
    assert 'unknown field "dada"' in run("create -f -", given=given, code=1)
