"""Which process looks after which pod: a pod ends when its supervisor says so, or with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from setpoint.adapters.pods.adoption import wait_for_end
from setpoint.adapters.pods.records import ProcessIdentity


class Watches:
    """Pods that run. A supervisor has one after another, so it is the process that is watched, once for all of them."""

    def __init__(self, lost: Callable[[str], Awaitable[None]]) -> None:
        """`lost` hears of a pod whose process ended; it must remove it."""
        self._lost = lost
        self._pods: dict[str, tuple[ProcessIdentity, asyncio.Future[None]]] = {}
        self._followers: dict[ProcessIdentity, asyncio.Task[None]] = {}

    def __contains__(self, pod_id: str) -> bool:
        return pod_id in self._pods

    def add(self, pod_id: str, claimant: ProcessIdentity) -> None:
        """The process has the pod."""
        loop = asyncio.get_running_loop()
        if pod_id not in self._pods:
            self._pods[pod_id] = (claimant, loop.create_future())
            if claimant not in self._followers:
                self._followers[claimant] = loop.create_task(self._follow(claimant))

    def remove(self, pod_id: str) -> None:
        """The pod has ended."""
        _, ended = self._pods.pop(pod_id, (None, None))
        if ended is not None and not ended.done():
            ended.set_result(None)

    async def wait(self, pods: Iterable[str]) -> None:
        """Until none of these pods runs."""
        ends = [self._pods[one][1] for one in pods if one in self._pods]
        await asyncio.gather(*map(asyncio.shield, ends))

    async def close(self) -> None:
        """Look no more."""
        tasks = [*self._followers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, claimant: ProcessIdentity) -> None:
        await wait_for_end(claimant)
        del self._followers[claimant]
        for pod_id in [one for one, (process, _) in self._pods.items() if process == claimant]:
            await self._lost(pod_id)
