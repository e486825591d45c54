"""The machine as a Node object, and the metrics API over what it and its pods use.

Usage is measured over a window: a sample is kept for each pod that somebody asked about, and the next question is
answered against it; who asks for the first time waits for a short window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from setpoint.apis.core import Node
from setpoint.apis.errors import AlreadyExists, NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pod import PodHead, launch_of
from setpoint.apis.pods import Usage
from setpoint.apis.selectors import parse_selector
from setpoint.core.pods.node import (
    metrics_list,
    node_labels,
    node_metrics,
    node_status,
    pod_metrics,
    usage_document,
)
from setpoint.core.pods.times import stamp
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Launcher
from setpoint.ports.machine import MachineView
from setpoint.ports.resources import ResourceApi

HEARTBEAT = timedelta(minutes=5)
_FIRST_WINDOW = timedelta(seconds=0.5)
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(seconds=60)


async def keep_node(resources: ResourceApi, view: MachineView, clock: Clock) -> None:
    """Keep the Node of this machine: made, then its heartbeat every five minutes, until cancelled."""
    while True:
        await write_node(resources, view, clock.now())
        await clock.sleep_until(clock.now() + HEARTBEAT)


async def write_node(resources: ResourceApi, view: MachineView, now: datetime) -> Node:
    """Make the Node of this machine, or tell that it is well."""
    facts = view.facts()
    try:
        node = await resources.get(Node, "", facts.name)
    except NotFound:
        try:
            metadata = ObjectMeta(name=facts.name, labels=node_labels(facts))
            node = await resources.create(Node(metadata=metadata, spec={}))
        except AlreadyExists:
            node = await resources.get(Node, "", facts.name)
    metadata = node.metadata.replace(resource_version="")
    return await resources.update_status(node.replace(metadata=metadata, status=node_status(facts, now, node.status)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    at: datetime
    used: Mapping[str, Usage]


class Metrics:
    """Answers the metrics API (`metrics.k8s.io/v1beta1`) with documents as JSON has them."""

    def __init__(self, resources: ResourceApi, launcher: Launcher, view: MachineView, clock: Clock) -> None:
        self._resources, self._launcher, self._view, self._clock = resources, launcher, view, clock
        self._samples: dict[str, _Sample] = {}  # by launch id; of the machine under ""

    async def node(self, name: str) -> dict[str, Any]:
        """The NodeMetrics of a machine. Raises: NotFound if it is not this one."""
        if name != self._launcher.machine().name:
            raise NotFound("NodeMetrics", name)
        before = await self._before("")
        after = _Sample(at=self._clock.now(), used={"": self._view.usage()})
        self._keep("", before, after)
        window = after.at - before.at
        usage = usage_document(before.used[""], after.used[""], window)
        return node_metrics(name, node_labels(self._view.facts()), usage, after.at, window)

    async def nodes(self) -> dict[str, Any]:
        """All of them: this one."""
        return metrics_list("NodeMetrics", [await self.node(self._launcher.machine().name)])

    async def pod(self, namespace: str, name: str) -> dict[str, Any]:
        """The PodMetrics of a pod. Raises: NotFound if it does not run."""
        head = await self._resources.get(PodHead, namespace, name)
        found = await self._measure([head])
        if not found:
            raise NotFound("PodMetrics", name, namespace)
        return found[0]

    async def pods(self, namespace: str | None = None, *, selector: str = "") -> dict[str, Any]:
        """Those of all pods that run; a namespace None means all."""
        parse_selector(selector)
        listed = await self._resources.list(PodHead, namespace, selector=selector)
        return metrics_list("PodMetrics", await self._measure([head for head in listed.items if _runs(head)]))

    async def _measure(self, heads: list[PodHead]) -> list[dict[str, Any]]:
        ids = {launch_of(head.metadata): head for head in heads}
        fresh = [launch for launch in ids if launch not in self._samples]
        for launch in fresh:
            await self._sample(launch)
        if fresh:
            await self._clock.sleep_until(self._clock.now() + _FIRST_WINDOW)
        found = []
        for launch, head in ids.items():
            before = self._samples.get(launch)
            used = await self._launcher.usage(launch)
            if before is None or not used:
                self._samples.pop(launch, None)
                continue
            after = _Sample(at=self._clock.now(), used=used)
            window = after.at - before.at
            usage = {name: usage_document(before.used.get(name, Usage()), use, window) for name, use in used.items()}
            found.append(pod_metrics(_metadata(head, after.at), usage, after.at, window))
            self._keep(launch, before, after)
        return found

    async def _sample(self, launch: str) -> None:
        used = await self._launcher.usage(launch)
        if used:
            self._samples[launch] = _Sample(at=self._clock.now(), used=used)

    async def _before(self, launch: str) -> _Sample:
        """What the machine's use is held against."""
        found = self._samples.get(launch)
        if found is None:
            found = _Sample(at=self._clock.now(), used={"": self._view.usage()})
            await self._clock.sleep_until(found.at + _FIRST_WINDOW)
        return found

    def _keep(self, launch: str, before: _Sample, after: _Sample) -> None:
        """The next window begins now, unless this one was too short to begin another."""
        if launch not in self._samples or after.at - before.at >= _SHORTEST:
            self._samples[launch] = after
        for other in [key for key, held in self._samples.items() if after.at - held.at > _LONGEST]:
            del self._samples[other]


def _runs(head: PodHead) -> bool:
    return head.status.phase == "Running"


def _metadata(head: PodHead, now: datetime) -> dict[str, Any]:
    meta = head.metadata
    found: dict[str, Any] = {"name": meta.name, "namespace": meta.namespace, "creationTimestamp": stamp(now)}
    return found | ({"labels": meta.labels} if meta.labels else {})
