"""Jobs run their pods as Kubernetes' controller has them run, over a change of the control plane too."""

# ruff: noqa: ASYNC110 - tests look at objects until they are so

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from setpoint.apis.batch import Job
from setpoint.apis.core import ConfigMap
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.meta import ObjectMeta
from setpoint.wiring.control_plane import ControlPlane, control_plane
from setpoint.wiring.settings import Settings

TEXT = """
apiVersion: batch/v1
kind: Job
metadata: {name: j, namespace: default}
spec:
  completions: 3
  parallelism: 2
  template:
    spec:
      restartPolicy: Never
      CONTAINERS
"""
ONE = 'containers: [{name: work, image: busybox, command: [sh, -c, "SCRIPT"], envFrom: [{configMapRef: {name: conf}}]}]'


def job(script: str = "", containers: str = ONE, spec: str = "") -> Job:
    text = TEXT.replace("CONTAINERS", containers.replace("SCRIPT", script)) + spec
    found = decode_document(load_documents(text, "job.yaml")[0])
    assert isinstance(found, Job)
    return found


async def until(plane: ControlPlane, holds: Callable[[Job], bool]) -> Job:
    async with asyncio.timeout(30):
        while not holds(found := await plane.resources.get(Job, "default", "j")):
            await asyncio.sleep(0.02)
    return found


def finished(found: Job) -> bool:
    return found.status.finished


async def test_pods_run_until_enough_have_succeeded(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        meta = ObjectMeta(name="conf", namespace="default")
        await plane.resources.create(ConfigMap(metadata=meta, data={"TEXT": "from the map"}))
        await plane.resources.create(job(f"echo $TEXT >> {marks}/said; env | grep -c ^ARGO_ >> {marks}/argo; true"))
        ended = await until(plane, finished)
        assert ended.status.has("Complete")
        assert (ended.status.succeeded, ended.status.active, ended.status.failed) == (3, 0, 0)
        assert (marks / "said").read_text() == "from the map\n" * 3
        assert (marks / "argo").read_text() == "0\n" * 3
        await plane.resources.delete(Job, "default", "j")
        async with asyncio.timeout(30):
            while (await plane.resources.list(Job, "default")).items:
                await asyncio.sleep(0.02)
        assert list((tmp_path / "home" / "pods").iterdir()) == []


async def test_failures_end_the_job_and_what_runs(tmp_path: Path) -> None:
    script = f"mkdir {tmp_path}/first 2>/dev/null && sleep 60; exit 3"
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        meta = ObjectMeta(name="conf", namespace="default")
        await plane.resources.create(ConfigMap(metadata=meta))
        await plane.resources.create(job(script, spec="  backoffLimit: 0\n"))
        ended = await until(plane, lambda found: finished(found) and not found.status.active)
        assert [item.reason for item in ended.status.conditions] == ["BackoffLimitExceeded"]
        assert (ended.status.succeeded, ended.status.failed) == (0, 2)


async def test_a_pod_of_several_containers_ends_when_all_have(tmp_path: Path) -> None:
    containers = f"""containers:
      - name: a
        image: busybox
        command: [timeout, "60", sh, -c, "while [ ! -e {tmp_path}/b ]; do sleep 0.05; done"]
      - {{name: b, image: busybox, command: [touch, "{tmp_path}/b"]}}
      initContainers: [{{name: i, image: busybox, command: ["true"]}}]"""
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        await plane.resources.create(job(containers=containers))
        assert (await until(plane, finished)).status.has("Complete")


async def test_what_cannot_be_started_fails_and_says_why(tmp_path: Path) -> None:
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        await plane.resources.create(job("true", spec="  backoffLimit: 0\n"))  # the config map is missing
        ended = await until(plane, lambda found: finished(found) and not found.status.active)
        assert ended.status.has("Failed")
        assert ended.status.failed == 2


async def test_another_control_plane_goes_on_and_none_runs_twice(tmp_path: Path) -> None:
    go, marks = tmp_path / "go", tmp_path / "marks"
    script = f"echo x >> {marks}; timeout 60 sh -c 'while [ ! -e {go} ]; do sleep 0.05; done'"
    containers = ONE.replace(", envFrom: [{configMapRef: {name: conf}}]", "")
    settings = Settings(home=tmp_path / "home")
    async with control_plane(settings, serve_stored=True, visible=[str(tmp_path)]) as plane:
        await plane.resources.create(job(script, containers))
        await until(plane, lambda found: found.status.active == 2)
        async with asyncio.timeout(30):
            while not marks.exists() or len(marks.read_text()) < 4:
                await asyncio.sleep(0.02)
    go.touch()
    async with control_plane(settings, serve_stored=True, visible=[str(tmp_path)]) as plane:
        assert (await until(plane, finished)).status.succeeded == 3
    assert marks.read_text() == "x\n" * 3


async def test_a_control_plane_for_one_command_leaves_stored_jobs_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    async with control_plane(settings, serve_stored=True, visible=[str(tmp_path)]) as plane:
        await plane.resources.create(job("true", spec="  suspend: true\n"))
        await until(plane, lambda found: found.status.has("Suspended"))
    async with control_plane(settings, serve_stored=False) as plane:
        await asyncio.sleep(0.3)
        before = (await plane.resources.get(Job, "default", "j")).metadata.resource_version
        await asyncio.sleep(0.3)
        assert (await plane.resources.get(Job, "default", "j")).metadata.resource_version == before


async def test_suspending_ends_what_runs_and_going_on_starts_it_anew(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"if [ -e {mark} ]; then exit 0; fi; trap 'exit 0' TERM; sleep 100 & wait"
    containers = ONE.replace(", envFrom: [{configMapRef: {name: conf}}]", "")
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        await plane.resources.create(job(script, containers, "  backoffLimit: 0\n"))
        await until(plane, lambda found: found.status.active == 2)
        await plane.resources.patch(Job, "default", "j", {"spec": {"suspend": True}})
        held = await until(plane, lambda found: found.status.has("Suspended") and not found.status.active)
        assert (held.status.failed, held.status.succeeded, held.status.start_time) == (0, 0, None)
        mark.touch()
        await plane.resources.patch(Job, "default", "j", {"spec": {"suspend": False}})
        ended = await until(plane, finished)
        assert ended.status.has("Complete")
        assert (ended.status.failed, ended.status.succeeded) == (0, 3)


async def test_an_indexed_job_tells_its_pods_their_number(tmp_path: Path) -> None:
    containers = ONE.replace(", envFrom: [{configMapRef: {name: conf}}]", "").replace(
        "image: busybox",
        "image: busybox, env: [{name: NOTED, valueFrom: {fieldRef: {fieldPath: "
        "\"metadata.annotations['batch.kubernetes.io/job-completion-index']\"}}}]",
    )
    script = f"touch {tmp_path}/$JOB_COMPLETION_INDEX-$NOTED"
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        await plane.resources.create(job(script, containers, "  completionMode: Indexed\n"))
        ended = await until(plane, finished)
        assert ended.status.has("Complete")
        assert ended.status.completed_indexes == "0-2"
    assert all(Path(f"{tmp_path}/{index}-{index}").exists() for index in range(3))  # noqa: ASYNC240


async def test_an_exit_code_fails_a_job_at_once(tmp_path: Path) -> None:
    containers = ONE.replace(", envFrom: [{configMapRef: {name: conf}}]", "")
    rule = "{action: FailJob, onExitCodes: {containerName: work, operator: In, values: [42]}}"
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True) as plane:
        await plane.resources.create(job("exit 42", containers, f"  podFailurePolicy: {{rules: [{rule}]}}\n"))
        ended = await until(plane, finished)
        condition = next(item for item in ended.status.conditions if item.type == "Failed")
        assert condition.reason == "PodFailurePolicy"
        assert condition.message == "Container work failed with exit code 42 matching FailJob rule at index 0"
