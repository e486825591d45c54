"""What the pods that run have set aside of the machine, and who waits for room.

Whoever fits goes first come, first served; one that does not fit holds nobody up. Invariant: what is held is that of
pods which run or are about to be launched; after a restart it is put together from the pods' requests.
Source: Kubernetes scheduler, NodeResourcesFit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from setpoint.adapters.pods.machine import GPU, shown
from setpoint.ports.launcher import Container, PodRequest


@dataclass(slots=True)
class _Waiting:
    requests: Mapping[str, int]
    granted: asyncio.Future[tuple[str, ...]]


@dataclass(slots=True)
class Reservations:
    """The book of one machine. `gpus` are the devices behind `nvidia.com/gpu`."""

    capacity: Mapping[str, int]
    gpus: tuple[str, ...] = ()
    _held: dict[str, tuple[Mapping[str, int], tuple[str, ...]]] = field(default_factory=dict)
    _used: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)

    def hold(self, pod: str, requests: Mapping[str, int], gpus: tuple[str, ...] = ()) -> None:
        """Note what a pod has, whether there is room or not."""
        if pod not in self._held:
            self._held[pod] = (requests, gpus)
            for name, number in requests.items():
                self._used[name] = self._used.get(name, 0) + number

    def holds(self, pod: str) -> bool:
        """Whether something is set aside for the pod."""
        return pod in self._held

    def release(self, pod: str) -> None:
        """The pod has ended: others may have what it had."""
        requests, _ = self._held.pop(pod, ({}, ()))
        for name, number in requests.items():
            self._used[name] -= number
        if requests:
            self._grant()

    def lacking(self, requests: Mapping[str, int]) -> list[str]:
        """The resources of which there is not enough now."""
        return [name for name, number in requests.items() if self._used.get(name, 0) + number > self._total(name)]

    def beyond(self, requests: Mapping[str, int]) -> list[str]:
        """The resources of which there will never be enough."""
        return [name for name, number in requests.items() if number > self._total(name)]

    async def acquire(self, pod: str, requests: Mapping[str, int], waits: Callable[[str], None]) -> tuple[str, ...]:
        """Set the pod's requests aside, waiting until they fit; the GPUs it got."""
        lacking = self.lacking(requests)
        if not lacking:
            return self._take(pod, requests)
        waits(unschedulable(lacking))
        entry = _Waiting(requests, asyncio.get_running_loop().create_future())
        self._waiting[pod] = entry
        try:
            return await entry.granted
        except asyncio.CancelledError:
            if self._waiting.pop(pod, None) is None:
                self.release(pod)  # granted in the same turn of the loop
            raise

    def _grant(self) -> None:
        for pod, entry in list(self._waiting.items()):
            if not self.lacking(entry.requests):
                del self._waiting[pod]
                entry.granted.set_result(self._take(pod, entry.requests))

    def _take(self, pod: str, requests: Mapping[str, int]) -> tuple[str, ...]:
        taken = {one for _, gpus in self._held.values() for one in gpus} if requests.get(GPU) else set()
        gpus = tuple(one for one in self.gpus if one not in taken)[: requests.get(GPU, 0)]
        self.hold(pod, requests, gpus)
        return gpus

    def _total(self, name: str) -> int:
        if name == GPU:
            return min(len(self.gpus), self.capacity.get(name, len(self.gpus)))
        return self.capacity.get(name, 0)


def unschedulable(lacking: list[str]) -> str:
    """What the node of a pod that has to wait shows."""
    reasons = ", ".join(f"1 Insufficient {name}" for name in sorted(lacking))
    return f"Unschedulable: 0/1 nodes are available: {reasons}."


_VISIBLE = "CUDA_VISIBLE_DEVICES"


def with_gpus(request: PodRequest, gpus: tuple[str, ...]) -> PodRequest:
    """The request with each container's share of the GPUs in its environment."""
    left = list(gpus)

    def share(container: Container) -> Container:
        if not container.gpus:
            return container
        own, left[:] = left[: container.gpus], left[container.gpus :]
        return container.replace(
            env={**container.env, _VISIBLE: ",".join(own), "NVIDIA_VISIBLE_DEVICES": ",".join(own)}
        )

    return request.replace(
        main=share(request.main),
        fellows=tuple(share(item) for item in request.fellows),
        sidecars=tuple(share(item) for item in request.sidecars),
        init_containers=tuple(
            with_gpus(PodRequest(id=request.id, name="", namespace="", main=item), gpus).main
            for item in request.init_containers
        ),
    )


def gpus_of(request: PodRequest) -> tuple[str, ...]:
    """The GPUs that `with_gpus` gave."""
    given = [one.env.get(_VISIBLE, "") for one in request.containers if one.gpus]
    return tuple(dict.fromkeys(gpu for text in given for gpu in text.split(",") if gpu))


def explain(request: PodRequest, beyond: Iterable[str], has: Mapping[str, int]) -> str:
    """Why a pod can never start here: resources that it wants more of than there is."""
    parts = (f"{name} {shown(name, request.requests[name])} of {shown(name, has.get(name, 0))}" for name in beyond)
    return f"it requests {', '.join(parts)}; the setting `capacity` says what pods may request"
