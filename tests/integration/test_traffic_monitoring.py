"""traffic-monitoring over a real gateway and model server, and over a log with a history."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.pods.processes import descendants
from setpoint.adapters.prediction_log import DirectoryPredictionLog
from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.components import run_component_async
from setpoint.components.traffic_monitoring import TrafficVerdict, monitor_traffic
from setpoint.core.serving.revisions import make_pod_id
from setpoint.ports.clock import Clock
from setpoint.ports.predictions import PredictionLog
from setpoint.ports.resources import ResourceApi
from tests.serving_plane import Plane, control_plane
from tests.tiny_model import tiny_windows, write_tiny_model


async def _monitor(plane: Plane, report: Path, **values: str) -> tuple[TrafficVerdict, dict[str, Any]]:
    ports: dict[type, object] = {
        ResourceApi: plane.resources,
        PredictionLog: DirectoryPredictionLog(plane.home),
        Clock: SystemClock(),
    }
    given = {"service": "reactor", "baseline": "0", "report": str(report)} | {
        name.replace("_", "-"): value for name, value in values.items()
    }
    found = await run_component_async(monitor_traffic, given, ports=ports)
    assert isinstance(found, TrafficVerdict)
    return found, json.loads((report / "verdict.json").read_text())


def _body(windows: Any) -> dict[str, Any]:
    tensor = {"name": "window", "shape": list(windows.shape), "datatype": "FP64", "data": windows.ravel().tolist()}
    return {"inputs": [tensor]}


async def _ask(url: str, count: int, windows: Any, client: str) -> None:
    async with httpx.AsyncClient(trust_env=False, headers={"x-client-id": client}) as http:
        for number in range(count):
            await http.post(f"{url}/v2/models/reactor/infer", json=_body(windows + number))


async def test_what_real_clients_do_is_told(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    async with control_plane(tmp_path / "home") as plane:
        await plane.put(model)
        url = (await plane.ready()).status.url
        nobody, _ = await _monitor(plane, tmp_path / "none")
        assert (nobody.verdict, nobody.requests) == ("unknown", 0)
        assert "got no request" in nobody.findings

        await _ask(url, 60, tiny_windows(1), "historian")
        fine, document = await _monitor(plane, tmp_path / "fine", latency_seconds="5", window="5m")
        assert (fine.verdict, fine.requests, fine.error_rate) == ("ok", 60, 0.0), fine.findings
        assert 0 < fine.p99_seconds < 5

        await _ask(url, 30, tiny_windows(1)[:, :3], "new-historian")
        worse, document = await _monitor(plane, tmp_path / "worse", latency_seconds="5", window="5m")
        assert (worse.verdict, worse.requests) == ("alarm", 90)
        first = document["findings"][0]
        assert (first["name"], first["subject"], first["evidence"]) == (
            "contract",
            "shape",
            {"client": "new-historian", "shape": 30},
        )
        assert "has shape [1, 3, 2], the model takes [-1, 4, 2]" in first["message"]
        page = (tmp_path / "worse" / "report.html").read_text()
        assert "new-historian" in page
        assert page.count("<svg") == 4
        assert "http://" not in page.replace("http://127.0.0.1", "").replace("http://www.w3.org", "").replace(
            "http://purl.org", ""
        ).replace("http://creativecommons.org", "")
        metrics = (tmp_path / "worse" / "metrics.prom").read_text()
        labels = 'inferenceservice="reactor",namespace="default"'
        assert f"setpoint_traffic_severity{{{labels}}} 3.0" in metrics
        assert f"setpoint_traffic_requests{{{labels}}} 90.0" in metrics
        assert {path.name for path in (tmp_path / "worse" / "plots").iterdir()} == {
            "rate.svg",
            "latency.svg",
            "clients.svg",
            "errors.svg",
        }


async def test_only_what_the_present_revision_was_asked(tmp_path: Path) -> None:
    async with control_plane(tmp_path / "home") as plane:
        await plane.put(write_tiny_model(tmp_path / "one"))
        await _ask((await plane.ready()).status.url, 25, tiny_windows(1)[:, :3], "broken")
        await plane.put(write_tiny_model(tmp_path / "two", seed=2))
        service = await plane.ready()
        before, _ = await _monitor(plane, tmp_path / "before", revision="current")
        assert (before.verdict, before.requests) == ("unknown", 0)
        await _ask(service.status.url, 30, tiny_windows(1), "historian")
        current, _ = await _monitor(plane, tmp_path / "current", revision="current")
        assert (current.verdict, current.requests) == ("ok", 30), current.findings
        both, _ = await _monitor(plane, tmp_path / "both")
        assert (both.verdict, both.requests) == ("alarm", 55)


async def test_bad_input_and_what_is_not_there(tmp_path: Path) -> None:
    async with control_plane(tmp_path / "home") as plane:
        with pytest.raises(NotFound):
            await _monitor(plane, tmp_path / "r", service="nobody")
        for values, words in (
            ({"window": "soon"}, "'soon' is no duration"),
            ({"window": "0"}, "longer than 0"),
            ({"baseline": "-1h"}, "not below 0"),
            ({"availability": "1.5"}, "no share of requests"),
            ({"latency_seconds": "-1"}, "no number of seconds"),
        ):
            with pytest.raises(InvalidSpec, match=words):
                await _monitor(plane, tmp_path / "r", **values)
        await plane.put(tmp_path / "no-model")
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(Unavailable, match="cannot be written"):
            await _monitor(plane, tmp_path / "file" / "r")
        found, document = await _monitor(plane, tmp_path / "r")
        assert found.verdict == "alarm"
        assert document["findings"][0]["name"] == "not-ready"
        assert np.isnan(found.p99_seconds)


async def _server(plane: Plane) -> int:
    """Pid of the supervisor of the model server's pod."""
    service = await plane.ready()
    active = (await plane.state()).active
    assert active is not None
    state = await plane.launcher.state(make_pod_id(service.metadata.uid, active))
    assert state is not None
    assert state.pid is not None
    return state.pid


async def test_faults_of_real_sockets_have_their_names(tmp_path: Path) -> None:
    """A server that hangs, one that is killed, bodies of 30 MB, and a client that falls silent."""
    model = write_tiny_model(tmp_path / "model")
    async with control_plane(tmp_path / "home") as plane:
        await plane.put(model)
        url = (await plane.ready()).status.url
        await _ask(url, 60, tiny_windows(1), "historian")
        hung = descendants(await _server(plane))
        async with httpx.AsyncClient(trust_env=False, headers={"x-client-id": "screen"}, timeout=60) as http:
            for pid in hung:
                os.kill(pid, signal.SIGSTOP)
            path = f"{url}/v2/models/reactor/infer"
            waiting = asyncio.gather(*(http.post(path, json=_body(tiny_windows(1) + n)) for n in range(12)))
            await asyncio.sleep(1.5)
            for pid in hung:
                os.kill(pid, signal.SIGCONT)
            await waiting
        found, document = await _monitor(plane, tmp_path / "slow", latency_seconds="0.5", window="5m")
        assert [one["name"] for one in document["findings"] if one["severity"] == "alarm"] == ["latency"], (
            found.findings
        )
        assert found.p99_seconds > 0.5

        async with httpx.AsyncClient(trust_env=False, headers={"x-client-id": "exporter"}, timeout=60) as http:
            for _ in range(3):
                large = await http.post(f"{url}/v2/models/reactor/infer", content=b"[" + b" " * 30_000_000 + b"]")
                assert large.status_code == 400
        _, document = await _monitor(plane, tmp_path / "large", latency_seconds="60", window="5m")
        troubles = {one["name"]: one for one in document["findings"] if one["severity"] in ("warning", "alarm")}
        # Sixty requests in the first second are a surge beside the few that follow, where those take seconds.
        assert set(troubles) - {"surge"} == {"payload-size", "contract"}
        assert (troubles["payload-size"]["subject"], troubles["payload-size"]["value"]) == ("exporter", 30_000_002)
        assert troubles["contract"]["evidence"] == {"client": "exporter", "malformed": 3}

        for pid in descendants(await _server(plane)):
            os.kill(pid, signal.SIGKILL)
        await _ask(url, 40, tiny_windows(1), "historian")
        _, document = await _monitor(plane, tmp_path / "dead", latency_seconds="60", window="5m")
        errors = next(one for one in document["findings"] if one["name"] == "errors")
        assert errors["severity"] == "alarm"
        assert errors["subject"] in ("upstream", "not-ready")

        await plane.ready()
        await asyncio.sleep(1.0)
        _, document = await _monitor(plane, tmp_path / "silent", window="5m", nominal_period_seconds="0.5")
        silence = next(one for one in document["findings"] if one["name"] == "silence")
        assert silence["severity"] == "alarm"
        assert silence["message"].endswith("and none has come since.")
        assert silence["threshold"] == 0.75
