"""Keeps the gateway's pod up: a pod like any other, so that it outlives the control plane and is adopted again.

Decides when to start it anew: whenever its pod has ended, after a growing delay. Invariant: at most one gateway pod is
up per state directory (the process itself holds a lock), and the address file exists only once it listens.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from setpoint.engines.serving.files import read_number, write_number
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Container, Launcher, Mount, PodAbout, PodRequest, PodState

NAMESPACE = "setpoint-system"
ADDRESS_FILE = "address.json"  # the gateway writes it when it listens
_DELAY_FIRST, _DELAY_MOST = timedelta(milliseconds=500), timedelta(seconds=30)


class GatewayKeeper:
    """The gateway of one state directory."""

    def __init__(
        self, *, home: Path, launcher: Launcher, clock: Clock, image: str, arguments: tuple[str, ...] = ()
    ) -> None:
        """Starts nothing yet; `arguments` are given to the gateway beside the state directory."""
        self._arguments = arguments
        self._home, self._launcher, self._clock, self._image = home, launcher, clock, image
        self._directory = home / "gateway"
        self._attempts = self._directory / "attempt"
        self._failures = 0
        self._not_before: datetime | None = None
        self._lock = asyncio.Lock()  # several services are reconciled at a time

    @property
    def listening(self) -> bool:
        """Whether a gateway has listened since it was last started."""
        return (self._directory / ADDRESS_FILE).exists()

    async def ensure(self) -> None:
        """Start the gateway unless it runs. Raises: Unavailable if a file cannot be written."""
        async with self._lock:
            await self._ensure()

    async def _ensure(self) -> None:
        attempt = read_number(self._attempts, 1)
        state = await self._launcher.state(_pod_id(attempt))
        if state is not None and state.exit is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / ADDRESS_FILE).unlink(missing_ok=True)  # nobody listens there now
        if state is not None:
            if not self._due():
                return
            attempt += 1
            write_number(self._attempts, attempt)
            if attempt > 2:
                await self._forget(attempt - 2)
        await self._launcher.launch(self._request(attempt))

    async def stop(self, *, grace_seconds: float = 5.0) -> None:
        """End the gateway; the next `ensure` starts it again on the same port, at once."""
        attempt = read_number(self._attempts, 1)
        if await self._launcher.state(_pod_id(attempt)) is None:
            return
        (self._directory / ADDRESS_FILE).unlink(missing_ok=True)
        write_number(self._attempts, attempt + 1)
        await self._launcher.kill(_pod_id(attempt), grace_seconds=grace_seconds, reason="services were stopped")

    async def state(self) -> PodState | None:
        """Its pod."""
        return await self._launcher.state(_pod_id(read_number(self._attempts, 1)))

    def _due(self) -> bool:
        now = self._clock.now()
        if self._not_before is None:
            self._not_before = now + min(_DELAY_FIRST * (1 << min(self._failures, 16)), _DELAY_MOST)
            self._failures += 1
        if now < self._not_before:
            return False
        self._not_before = None
        return True

    async def _forget(self, attempt: int) -> None:
        old = await self._launcher.state(_pod_id(attempt))
        if old is not None and old.exit is not None:
            await self._launcher.remove(_pod_id(attempt))

    def _request(self, attempt: int) -> PodRequest:
        home = str(self._home)
        return PodRequest(
            id=_pod_id(attempt),
            name=f"gateway-{attempt}",
            namespace=NAMESPACE,
            main=Container(
                name="main",
                image=self._image,
                command=("python", "-m", "setpoint.server.gateway"),
                args=("--home", home, *self._arguments),
                mounts=(Mount(volume="home", path=home, host_path=home),),
            ),
            about=PodAbout(labels={"app": "gateway"}),
        )


def _pod_id(attempt: int) -> str:
    return f"gateway-{attempt}"
