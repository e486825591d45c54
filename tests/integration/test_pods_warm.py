"""The warm process: forked steps compute with polars, LightGBM and OpenMP and do not hang."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from setpoint.adapters.pods.images import ImageKind, ImageRule
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.ports.launcher import Container, PodExit, PodPhase, PodRequest
from setpoint.wiring.pods import ENTRY_POINTS, PRELOAD
from tests.pods import ended, log_text, pod, run, running_launcher

HEAVY = ("numpy", "polars", "lightgbm", "sklearn.linear_model", "sklearn.ensemble")

# What a component step does, in small; as a module that both the warm and the cold start can import.
STEP = """
import atexit, json, os, sys, threading

def main():
    kind, *rest = sys.argv[1:]
    return {name: one for name, one in globals().items() if name.startswith("do_")}["do_" + kind](*rest)

def do_compute(rows):
    import lightgbm, numpy, polars
    from sklearn.ensemble import RandomForestClassifier
    values = numpy.random.default_rng(0).normal(size=(int(rows), 8))
    frame = polars.DataFrame({str(i): values[:, i] for i in range(8)})
    grouped = frame.lazy().group_by((polars.col("0") * 3).cast(int)).agg(polars.all().mean()).sort("0").collect()
    target = (values.sum(axis=1) > 0).astype(int)
    options = {"verbose": -1, "objective": "binary", "num_threads": 2, "seed": 1, "deterministic": True}
    booster = lightgbm.train(options, lightgbm.Dataset(values, target), 5)
    forest = RandomForestClassifier(4, n_jobs=2, random_state=0).fit(values, target)
    product = float((values.T @ values).sum())
    frame.write_parquet(os.environ["TMPDIR"] + "/x.parquet")
    back = polars.scan_parquet(os.environ["TMPDIR"] + "/x.parquet").select(polars.len()).collect().item()
    print(json.dumps([grouped.height, round(float(booster.predict(values).mean()), 12),
                      round(float(forest.predict_proba(values).mean(axis=0)[0]), 12), round(product, 6), back]))

def do_describe():
    print(json.dumps({"argv": sys.argv, "environment": sorted(os.environ), "value": os.environ.get("A"),
                      "cwd": os.getcwd(), "loaded": "lightgbm" in sys.modules,
                      "open": len(os.listdir("/proc/self/fd"))}))

def do_draw():
    import numpy
    print(numpy.random.random())

def do_exit(what):
    if what == "return":
        return 5
    if what == "text":
        sys.exit("the words")
    if what == "raise":
        raise ValueError("the reason")
    if what == "late":
        atexit.register(print, "last words")
        threading.Thread(target=lambda: print("thread")).start()
        return None
    sys.exit(int(what))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "warmstep.py").write_text(STEP)
    # A console script of that name for the cold start, as an installed package would have it.
    script = tmp_path / "bin" / "step"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom warmstep import main\nsys.exit(main())\n")
    script.chmod(0o755)
    return tmp_path


def options(home: Path, *modules: str) -> dict[str, Any]:
    return {
        "entry_points": {"step": "warmstep:main"},
        "preload": modules,
        "images": (ImageRule(pattern="step", kind=ImageKind.SETPOINT, path=(str(home / "bin"),)),),
        "python_path": (str(home / "steps"),),
        "warm_patience_seconds": 60.0,
    }


def step(*args: str, id: str, **env: str) -> PodRequest:
    return pod(Container(name="main", image="step", command=("step",), args=args, env=env), id=id, capture_result=True)


async def results(launcher: HostLauncher, *requests: PodRequest) -> list[PodExit]:
    async with asyncio.timeout(90):
        for request in requests:
            await launcher.launch(request)
        return [await ended(launcher, request.id) for request in requests]


async def is_warm(launcher: HostLauncher, id: str, **env: str) -> bool:
    exit_ = await run(launcher, step("describe", id=id, **env))
    assert exit_.result is not None, exit_
    return bool(json.loads(exit_.result)["loaded"])


async def test_forked_steps_that_compute_do_not_hang_and_agree_with_a_cold_one(home: Path) -> None:
    async with running_launcher(home, **options(home, *HEAVY)) as launcher:
        assert await launcher.warm_refusal() == ""
        assert await is_warm(launcher, "which")
        cold = await run(launcher, step("compute", "2000", id="cold", PYTHONHASHSEED="0"))
        assert cold.phase is PodPhase.SUCCEEDED, await log_text(launcher, "cold")
        for turn in range(4):
            exits = await results(launcher, *(step("compute", "2000", id=f"w{turn}-{one}") for one in range(4)))
            assert {exit_.phase for exit_ in exits} == {PodPhase.SUCCEEDED}
            assert {exit_.result for exit_ in exits} == {cold.result}


async def test_a_forked_step_looks_like_a_started_one(home: Path) -> None:
    async with running_launcher(home, **options(home, "lightgbm")) as launcher:
        warm, cold = await results(
            launcher, step("describe", id="warm", A="1"), step("describe", id="cold", A="1", PYTHONX="1")
        )
        assert warm.result is not None
        assert cold.result is not None
        left, right = json.loads(warm.result), json.loads(cold.result)
        assert (left.pop("loaded"), right.pop("loaded")) == (True, False)
        right["environment"].remove("PYTHONX")
        assert left.pop("argv")[1:] == right.pop("argv")[1:] == ["describe"]
        assert left == right


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [("return", 5, ""), ("3", 3, ""), ("0", 0, ""), ("text", 1, "the words"), ("raise", 1, "ValueError: the reason")],
)
async def test_a_forked_step_ends_as_a_started_one(home: Path, how: str, code: int, words: str) -> None:
    async with running_launcher(home, **options(home, "json")) as launcher:
        requests = (step("exit", how, id="warm"), step("exit", how, id="cold", PYTHONX="1"))
        for exit_, request in zip(await results(launcher, *requests), requests, strict=True):
            assert exit_.exit_code == code
            text = await log_text(launcher, request.id)
            assert text.split("\n")[-1] == words
            assert "BecomeEntryPoint" not in text


async def test_threads_are_joined_and_exit_handlers_run(home: Path) -> None:
    async with running_launcher(home, **options(home, "json")) as launcher:
        (exit_,) = await results(launcher, step("exit", "late", id="late"))
        assert (exit_.exit_code, exit_.result) == (0, "thread\nlast words")


async def test_forked_steps_do_not_draw_the_same_numbers(home: Path) -> None:
    async with running_launcher(home, **options(home, "numpy")) as launcher:
        exits = await results(launcher, *(step("draw", id=f"d{number}") for number in range(4)))
        assert len({exit_.result for exit_ in exits}) == 4


@pytest.mark.parametrize("name", ["PYTHONHASHSEED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LD_BIND_NOW"])
async def test_what_is_read_at_load_time_makes_the_step_start_cold(home: Path, name: str) -> None:
    async with running_launcher(home, **options(home, "lightgbm")) as launcher:
        assert not await is_warm(launcher, "cold", **{name: "1"})


async def test_a_module_that_starts_a_thread_makes_all_steps_start_cold(home: Path) -> None:
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    (home / "steps" / "threaded.py").write_text(thread)
    async with running_launcher(home, **options(home, "threaded", "lightgbm")) as launcher:
        assert "2 threads" in await launcher.warm_refusal()
        assert not await is_warm(launcher, "cold")


async def test_a_module_that_is_not_there_makes_all_steps_start_cold(home: Path) -> None:
    async with running_launcher(home, **options(home, "no_such_module")) as launcher:
        assert "no_such_module" in await launcher.warm_refusal()
        (exit_,) = await results(launcher, step("exit", "0", id="cold"))
        assert exit_.phase is PodPhase.SUCCEEDED


async def test_a_warm_process_that_is_late_is_not_waited_for(home: Path) -> None:
    (home / "steps" / "slow.py").write_text("import time\ntime.sleep(600)\n")
    given = options(home, "slow", "lightgbm") | {"warm_patience_seconds": 0.05}
    async with running_launcher(home, **given) as launcher:
        assert not await is_warm(launcher, "cold")


async def test_once_a_step_has_waited_in_vain_none_waits_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "steps" / "slow.py").write_text("import time\ntime.sleep(600)\n")
    waits, patience, wait_for = list[float](), 0.7, asyncio.wait_for

    async def noting(awaited: Awaitable[Any], seconds: float) -> Any:
        waits.append(seconds)
        return await wait_for(awaited, seconds)

    async with running_launcher(home, **options(home, "slow") | {"warm_patience_seconds": patience}) as launcher:
        monkeypatch.setattr(asyncio, "wait_for", noting)
        for turn in range(4):
            assert (await run(launcher, step("exit", "0", id=f"cold{turn}"))).phase is PodPhase.SUCCEEDED
    assert waits.count(patience) == 1


async def test_a_warm_process_that_dies_is_replaced_by_a_cold_start(home: Path) -> None:
    (home / "steps" / "dying.py").write_text("import os\nos._exit(1)\n")
    async with running_launcher(home, **options(home, "dying")) as launcher:
        assert not await is_warm(launcher, "cold")
        assert "kubelet.log" in await launcher.warm_refusal()


async def test_a_forked_step_is_killed_like_any_other(home: Path) -> None:
    (home / "steps" / "hang.py").write_text("import time\ndef main():\n    print('on')\n    time.sleep(600)\n")
    given = options(home, "json") | {"entry_points": {"step": "hang:main"}}
    async with running_launcher(home, **given) as launcher:
        await launcher.launch(step(id="pod-1"))
        async with aclosing(launcher.logs("pod-1", follow=True)) as lines, asyncio.timeout(30):
            assert (await anext(lines)).content == "on"
            await launcher.kill("pod-1", grace_seconds=20)
        assert (await ended(launcher, "pod-1")).exit_code == 143


async def test_what_the_control_plane_preloads_is_safe_to_fork(tmp_path: Path) -> None:
    given = {"preload": PRELOAD, "entry_points": ENTRY_POINTS, "warm_patience_seconds": 60.0}
    main = Container(name="main", image="setpoint", command=("setpoint", "component", "list"))
    async with running_launcher(tmp_path, **given) as launcher:
        assert await launcher.warm_refusal() == ""
        exit_ = await run(launcher, pod(main, capture_result=True))
        assert exit_.result is not None
        assert "data-processing" in exit_.result
