"""InferenceServices on a real control plane: real store, kubelet, model servers and gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from setpoint.apis.core import Event
from setpoint.apis.errors import NotFound
from setpoint.apis.serving import InferenceService, ModelState, TransitionStatus
from setpoint.clients.inference import InferenceClient
from setpoint.components.model_deployment.service import apply
from setpoint.core.models import parse_golden
from setpoint.core.serving.revisions import make_pod_id
from setpoint.core.serving.tensors import make_tensor
from tests.serving_plane import Plane, control_plane, eventually, is_ready, status_code
from tests.tiny_model import tiny_windows, write_tiny_model


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two good models, and one whose golden rows contradict it."""
    one = write_tiny_model(tmp_path / "models" / "1", seed=1)
    two = write_tiny_model(tmp_path / "models" / "2", seed=2)
    bad = write_tiny_model(tmp_path / "models" / "bad", seed=3, broken_golden=True)
    return one, two, bad


async def _answers_golden(url: str, model: Path) -> bool:
    golden = parse_golden((model / "golden.json").read_bytes())
    async with InferenceClient(url, "reactor") as client:
        response = await client.infer([make_tensor("window", golden.array())])
    found = response.output("probability").array
    return bool(abs(found - golden.probabilities).max() < 1e-9)


async def test_from_nothing_to_ready_to_gone(tmp_path: Path, models: tuple[Path, Path, Path]) -> None:
    home = tmp_path / "home"
    async with control_plane(home) as plane:
        await plane.put(models[0].as_uri())
        service = await plane.ready()
        status = service.status
        assert status.url.endswith("/serving/default/reactor")
        assert status.address is not None
        assert status.address.url == status.url
        predictor = status.components["predictor"]
        assert predictor.latest_ready_revision == predictor.latest_created_revision == "reactor-predictor-00001"
        assert [(item.percent, item.latest_revision) for item in predictor.traffic] == [(100, True)]
        assert status.model_status is not None
        assert status.model_status.transition_status is TransitionStatus.UP_TO_DATE
        assert status.model_status.states.active_model_state is ModelState.LOADED  # type: ignore[union-attr]
        assert {item.type: item.status for item in status.conditions} == {
            "Ready": "True",
            "PredictorReady": "True",
            "IngressReady": "True",
            "LatestDeploymentReady": "True",
        }
        assert await _answers_golden(status.url, models[0])
        pod_id = make_pod_id(service.metadata.uid, (await plane.state()).active)  # type: ignore[arg-type]
        reasons = {event.reason for event in (await plane.resources.list(Event, "default")).items}
        assert {"RevisionCreated", "RevisionReady"} <= reasons

        await plane.resources.delete(InferenceService, "default", "reactor")

        async def gone() -> bool:
            with contextlib.suppress(NotFound):
                await plane.get()
                return False
            return True

        await eventually(gone, "the object's end")
        assert await plane.launcher.state(pod_id) is None
        assert await status_code(f"{status.url}/v2/health/live") == 404
        assert list((home / "serving").iterdir()) == []


@contextlib.asynccontextmanager
async def _load(url: str) -> AsyncIterator[Counter[str]]:
    """Clients that send requests without pause; counts answers by status and model version."""
    counted: Counter[str] = Counter()
    stop = asyncio.Event()
    data = tiny_windows(1)
    tensor = {"name": "window", "shape": list(data.shape), "datatype": "FP64", "data": data.ravel().tolist()}

    async def client() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            while not stop.is_set():
                try:
                    response = await http.post(f"{url}/v2/models/reactor/infer", json={"inputs": [tensor]})
                except httpx.HTTPError as error:
                    counted[f"lost: {error!r}"] += 1
                    continue
                version = response.json().get("model_version", response.text)
                counted[f"{response.status_code} {version}"] += 1

    tasks = [asyncio.create_task(client()) for _ in range(4)]
    try:
        yield counted
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def test_switch_loses_no_request_and_a_bad_version_leaves_the_old_one(
    tmp_path: Path, models: tuple[Path, Path, Path]
) -> None:
    one, two, bad = models
    async with control_plane(tmp_path / "home") as plane:
        await plane.put(one)
        url = (await plane.ready()).status.url
        async with _load(url) as counted:
            await plane.put(two)
            service = await plane.ready()
            assert service.status.url == url

            async def settled() -> bool:
                return not (await plane.state()).retired

            await eventually(settled, "the former server's end")
            before = counted["200 reactor-predictor-00002"]
            await eventually(lambda: _more(counted, before), "answers of the new version")

            await plane.put(bad)
            failed = await plane.until(
                lambda item: (
                    item.status.model_status is not None
                    and item.status.model_status.transition_status is TransitionStatus.BLOCKED_BY_FAILED_LOAD
                ),
                "the failure",
            )
            assert await _answers_golden(url, two)
        assert set(counted) == {"200 reactor-predictor-00001", "200 reactor-predictor-00002"}, counted
        status = failed.status
        conditions = {item.type: item for item in status.conditions}
        assert conditions["Ready"].status == conditions["PredictorReady"].status == "False"
        assert conditions["PredictorReady"].reason == "LatestDeploymentFailed"
        assert "golden row 0" in conditions["PredictorReady"].message
        assert "reactor-predictor-00002 keeps serving" in conditions["PredictorReady"].message
        assert status.url == url
        assert status.components["predictor"].latest_ready_revision == "reactor-predictor-00002"
        assert status.components["predictor"].latest_created_revision == "reactor-predictor-00003"
        assert status.model_status is not None
        failure = status.model_status.last_failure_info
        assert (failure.reason, failure.exit_code) == ("ModelLoadFailed", 1)  # type: ignore[union-attr]

        active = (await plane.state()).active
        await plane.put(two)  # back to what serves: at once, by the same server
        restored = await plane.ready()
        assert (await plane.state()).active.attempt == active.attempt  # type: ignore[union-attr]
        assert restored.status.components["predictor"].latest_ready_revision == "reactor-predictor-00002"


async def _more(counted: Counter[str], before: int) -> bool:
    return counted["200 reactor-predictor-00002"] > before


async def test_a_control_plane_that_comes_back_adopts_server_and_gateway(
    tmp_path: Path, models: tuple[Path, Path, Path]
) -> None:
    home = tmp_path / "home"
    async with control_plane(home, stop_services=False) as plane:
        await plane.put(models[0])
        service = await plane.ready()
        pods = await _pids(plane, service)
    assert await _answers_golden(service.status.url, models[0])  # with no control plane alive
    async with control_plane(home) as plane:
        again = await plane.ready()
        assert again.status.url == service.status.url
        assert await _pids(plane, again) == pods
        assert await _answers_golden(again.status.url, models[0])


async def _pids(plane: Plane, service: InferenceService) -> list[int | None]:
    active = (await plane.state()).active
    assert active is not None
    states = [await plane.launcher.state(pod_id) for pod_id in (make_pod_id(service.metadata.uid, active), "gateway-1")]
    return [state.pid for state in states if state is not None]


async def test_dead_server_and_dead_gateway_are_started_again_under_the_same_url(
    tmp_path: Path, models: tuple[Path, Path, Path]
) -> None:
    home = tmp_path / "home"
    async with control_plane(home) as plane:
        await plane.put(models[0])
        service = await plane.ready()
        url = service.status.url
        assert await _answers_golden(url, models[0])
        log = home / "predictions" / "default" / "reactor"

        async def logged() -> bool:
            return any(path.stat().st_size for path in log.glob("*.open"))

        await eventually(logged, "the request in the log")
        for pid in await _pids(plane, service):
            assert pid is not None
            _kill_tree(pid)

        async def answers() -> bool:
            with contextlib.suppress(Exception):
                return await _answers_golden(url, models[0])
            return False

        await eventually(answers, "answers after the deaths")

        async def converted() -> bool:
            return any(log.glob("*.parquet")) and not any(log.glob("*.closed"))

        await eventually(converted, "what the dead gateway wrote, converted by the next one")
        service = await plane.ready()
        assert service.status.url == url
        active = (await plane.state()).active
        assert active is not None
        assert active.attempt == 2
        assert active.revision == "reactor-predictor-00001"


async def test_a_spec_that_cannot_be_served_is_refused_by_path_and_the_old_one_serves(
    tmp_path: Path, models: tuple[Path, Path, Path]
) -> None:
    async with control_plane(tmp_path / "home") as plane:
        await plane.put(models[0])
        url = (await plane.ready()).status.url
        await plane.put("s3://bucket/model", min_replicas=0)
        service = await plane.until(
            lambda item: (
                item.status.model_status is not None
                and item.status.model_status.transition_status is TransitionStatus.INVALID_SPEC
            ),
            "the refusal",
        )
        condition = service.status.condition("Ready")
        assert condition is not None
        assert condition.reason == "InvalidPredictorSpec"
        assert "spec.predictor.minReplicas" in condition.message
        assert "spec.predictor.model.storageUri" in condition.message
        assert not is_ready(service)
        assert await _answers_golden(url, models[0])


async def test_a_missing_model_is_reported_and_served_once_it_is_there(tmp_path: Path) -> None:
    missing = tmp_path / "models" / "late"
    missing.parent.mkdir()
    async with control_plane(tmp_path / "home") as plane:
        await plane.put(missing)
        service = await plane.until(
            lambda item: (
                item.status.model_status is not None
                and item.status.model_status.transition_status is TransitionStatus.BLOCKED_BY_FAILED_LOAD
            ),
            "the failure",
        )
        condition = service.status.condition("Ready")
        assert condition is not None
        assert str(missing) in condition.message
        assert service.status.url == ""
        write_tiny_model(missing)
        assert await _answers_golden((await plane.ready()).status.url, missing)


async def test_stopped_services_rest_until_somebody_changes_them(
    tmp_path: Path, models: tuple[Path, Path, Path]
) -> None:
    home = tmp_path / "home"
    async with control_plane(home) as plane:
        await plane.put(models[0])
        url = (await plane.ready()).status.url
    async with control_plane(home, rest=True) as plane:
        await plane.put(models[0], name="other")
        await plane.ready("other")
        resting = await plane.get()
        condition = resting.status.condition("Ready")
        assert condition is not None
        assert (condition.status, condition.reason) == ("False", "Stopped")
        assert await status_code(f"{url}/v2/health/live") == 503
        applied = await apply(plane.resources, resting)  # the same spec again
        assert applied.metadata.resource_version != resting.metadata.resource_version
        served = await plane.ready()
        assert served.status.url == url
        assert await _answers_golden(url, models[0])


async def test_services_that_were_lost_with_the_machine_rest_and_say_so(
    tmp_path: Path, models: tuple[Path, Path, Path]
) -> None:
    home = tmp_path / "home"
    async with control_plane(home, stop_services=False) as plane:
        await plane.put(models[0])
        for pid in await _pids(plane, await plane.ready()):
            assert pid is not None
            _kill_tree(pid)
    async with control_plane(home, rest=True) as plane:
        service = await plane.until(lambda item: not is_ready(item), "the truth")
        condition = service.status.condition("Ready")
        assert condition is not None
        assert condition.reason == "Stopped"


def _kill_tree(pid: int) -> None:
    """Kill a process and its descendants, the youngest first."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with contextlib.suppress(OSError):
        for child in children.read_text().split():
            _kill_tree(int(child))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
