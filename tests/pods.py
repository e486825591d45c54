"""Launchers for tests: real pods in a directory of the test, none of which outlives it."""

# ruff: noqa: ASYNC110, ASYNC240 - tests look at processes and files that tell nobody

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.adapters.pods.isolation import Isolation
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.settings import PodSettings
from setpoint.ports.launcher import Container, PodExit, PodRequest

LIMIT_SECONDS = 60.0


def shell(script: str, *, name: str = "main", image: str = "busybox", **fields: Any) -> Container:
    """A container that runs a line of shell."""
    return Container(name=name, image=image, command=("sh", "-c", script), **fields)


def pod(main: Container | str, *, id: str = "pod-1", **fields: Any) -> PodRequest:
    """A request; a text as main is a line of shell."""
    return PodRequest(
        id=id,
        name=id,
        namespace="default",
        main=shell(main) if isinstance(main, str) else main,
        **{"grace_seconds": 5.0} | fields,
    )


@asynccontextmanager
async def running_launcher(home: Path, **settings: Any) -> AsyncIterator[HostLauncher]:
    """A launcher; at the end every pod in its directory is killed and waited for."""
    home.mkdir(parents=True, exist_ok=True)
    async with HostLauncher(PodSettings(home=str(home), **settings)) as launcher:
        try:
            yield launcher
        finally:
            for folder in list((home / "pods").iterdir()):
                await launcher.kill(folder.name, grace_seconds=0)
                while (state := await launcher.state(folder.name)) is not None and state.exit is None:
                    await asyncio.sleep(0.02)


async def ended(launcher: HostLauncher, pod_id: str) -> PodExit:
    """Wait for the pod's exit record."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            state = await launcher.state(pod_id)
            if state is None:
                raise AssertionError(f"{pod_id} was never launched")
            if state.exit is not None:
                return state.exit
            await asyncio.sleep(0.02)


async def run(launcher: HostLauncher, request: PodRequest) -> PodExit:
    """Launch and wait."""
    await launcher.launch(request)
    return await ended(launcher, request.id)


async def log_text(launcher: HostLauncher, pod_id: str, *, container: str = "main", follow: bool = False) -> str:
    """The whole log as text."""
    async with asyncio.timeout(LIMIT_SECONDS):
        lines = [line.content async for line in launcher.logs(pod_id, container=container, follow=follow)]
    return "\n".join(lines)


async def appears(path: Path) -> None:
    """Wait until the file is there."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not os.path.lexists(path):
            await asyncio.sleep(0.02)


def store_of(home: Path) -> LocalArtifactStore:
    """The artifact store that pods of this state directory use."""
    return LocalArtifactStore(home / "artifacts")


__all__ = ["Isolation", "appears", "ended", "log_text", "pod", "run", "running_launcher", "shell", "store_of"]
