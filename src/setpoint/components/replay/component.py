"""The component: the replay as a step of a workflow, so that a pipeline can feed its monitors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components._component import Input, component
from setpoint.components._runner import say
from setpoint.components.replay.driver import CLIENT, Replay, run_replay, service_url
from setpoint.components.replay.sources import open_source
from setpoint.core.workflow.durations import parse_duration
from setpoint.plant import parse_speed
from setpoint.ports.clock import Clock
from setpoint.ports.predictions import LabelSource
from setpoint.ports.resources import ResourceApi

_SAY_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """Results of replay."""

    sent: int
    answered: int
    refused: int
    labels: int


@component("replay", description="Send a data set, or a plant that runs, to an InferenceService window by window.")
async def replay_data(
    *,
    service: str,
    namespace: str = "default",
    source: str = "",
    schedule: str = "",
    speed: str = "max",
    samples: int = 0,
    client: str = CLIENT,
    label_after: str = "",
    data: Annotated[Path | None, Input("what to replay, in place of `source`", optional=True)] = None,
    resources: ResourceApi,
    labels: LabelSource,
    clock: Clock,
) -> ReplayResult:
    """Replay data to a service.

    Args:
        service: Name of the InferenceService.
        namespace: Its namespace.
        source: Directory of data-processing, .parquet or .csv file, or `plant://NAME?seed=1&hours=8`.
        schedule: What happens in the plant, as `fault 4 from 2 h`; only with a plant.
        speed: Times faster than the plant: a number, `real-time` or `max`.
        samples: End after so many rows; 0 for all.
        client: How the replay calls itself to the service.
        label_after: Add the true labels so long (of the plant's time) after their rows, as `2h`; empty for none.
        data: See `source`.
        resources: The Kubernetes API.
        labels: Where labels go.
        clock: When they are said.

    Raises:
        NotFound: There is no such service.
        InvalidSpec: The source does not fit the model, or a parameter is wrong.
        Unavailable: The service is not ready, or answered no window at all.
    """
    replay = make_replay(
        service=service,
        namespace=namespace,
        source=source or (str(data) if data is not None else ""),
        schedule=schedule,
        speed=speed,
        samples=samples,
        client=client,
        label_after=label_after,
    )

    def progress(done: int, total: int | None) -> None:
        if done % _SAY_ROWS == 0:
            say(f"replay to {namespace}/{service}: {done} rows", done, total or 0)

    url = await service_url(resources, replay)
    report = await run_replay(replay, url=url, labels=labels, clock=clock, progress=progress)
    for line in report.lines():
        say(line)
    if not report.answered:
        raise Unavailable(f"InferenceService {namespace}/{service} answered none of {report.sent} windows")
    return ReplayResult(
        sent=report.sent, answered=report.answered, refused=report.refusals.total(), labels=report.labels
    )


def make_replay(
    *,
    service: str,
    namespace: str,
    source: str,
    schedule: str,
    speed: str,
    samples: int,
    client: str,
    label_after: str,
) -> Replay:
    """The replay that the texts mean.

    Raises:
        InvalidSpec: One of them means nothing.
    """
    if not source:
        raise InvalidSpec("say what to replay: a directory, a file or plant://NAME", path="source")
    if samples < 0:
        raise InvalidSpec(f"{samples} is no number of rows: 0 or more", path="samples")
    if not client or not client.isascii() or not client.isprintable():
        raise InvalidSpec(f"{client!r} is no name of a client: plain printable characters", path="client")
    factor = parse_speed(speed)
    opened = open_source(source, schedule=schedule)
    if opened.count is None and not samples and factor == float("inf"):
        raise InvalidSpec("a plant without end at full speed never ends: give samples, hours or a speed", path="speed")
    return Replay(
        service=service,
        namespace=namespace,
        source=opened,
        speed=factor,
        samples=samples,
        client=client,
        label_after=parse_duration(label_after) if label_after else None,
    )
