"""The replay itself: asks the model what it takes, sends window after window at a pace, counts what came back.

Decides nothing of the data (`sources`) nor of windows (`windows`). Invariant: no drift; row k is due at
start + k * period / speed whatever the answers before it took, and a replay that is late catches up.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from setpoint.apis.errors import InvalidSpec, SetpointError, Unavailable
from setpoint.apis.serving import InferenceService
from setpoint.clients.inference import InferenceClient
from setpoint.components.replay.sources import Row, Source
from setpoint.components.replay.windows import LateLabels, Windows
from setpoint.core.serving.tensors import make_tensor
from setpoint.ports.clock import Clock
from setpoint.ports.predictions import Label, LabelSource
from setpoint.ports.resources import ResourceApi

CLIENT = "setpoint-replay"
_TOLD = 5  # different refusals that are told

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What is to be replayed. `speed` inf means as fast as answers come; `samples` 0 means all rows."""

    service: str
    namespace: str
    source: Source
    speed: float
    samples: int = 0
    client: str = CLIENT
    label_after: timedelta | None = None

    @property
    def total(self) -> int | None:
        """Rows to come, None if there is no end."""
        count = self.source.count
        return min(self.samples, count) if self.samples and count is not None else (self.samples or count)


@dataclass(slots=True)
class Report:
    """What came of it: rows read, windows sent, answers, intervals labelled, refusals by their text."""

    rows: int = 0
    sent: int = 0
    answered: int = 0
    labels: int = 0
    refusals: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """For people."""
        told = [f"{self.rows} rows, {self.sent} windows sent, {self.answered} answered"]
        if self.labels:
            told.append(f"{self.labels} labels added")
        told += [f"{count} refused: {text}" for text, count in self.refusals.most_common(_TOLD)]
        if len(self.refusals) > _TOLD:
            told.append(f"and {len(self.refusals) - _TOLD} other refusals")
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Takes:
    """What the model takes."""

    name: str
    window: int
    columns: tuple[str, ...]
    period_seconds: float


async def run_replay(
    replay: Replay,
    *,
    url: str,
    labels: LabelSource | None,
    clock: Clock,
    progress: Progress = lambda done, total: None,
    report: Report | None = None,
) -> Report:
    """Replay to the end of the source.

    Args:
        replay: What.
        url: Of the service, see `service_url`.
        labels: Takes the true labels, if the replay gives them.
        clock: For when a label is said.
        progress: Called with rows done and in all.
        report: Filled in as it goes, so that who interrupts has it too.

    Raises:
        Unavailable: The service does not answer.
        InvalidSpec: The source does not fit the model.
    """
    done = Report() if report is None else report
    async with InferenceClient(url, replay.service, client=replay.client) as client:
        takes = _takes(await client.metadata(), replay.source)
        windows = Windows(takes.window, takes.period_seconds)
        late = None
        if replay.label_after is not None and labels is not None:
            late = LateLabels(replay.label_after, takes.period_seconds, author=replay.client)

        def say(new: list[Label]) -> None:
            if new and labels is not None:
                done.labels += labels.add(replay.namespace, replay.service, new)

        begin = time.monotonic()
        for row in _rows(replay, takes):
            done.rows += 1
            await _wait(begin + done.rows * takes.period_seconds / replay.speed)
            window = windows.push(row)
            if window is not None:
                await _ask(client, takes, row, window, done)
            if late is not None:
                say(late.push(row, clock.now()))
            progress(done.rows, replay.total)
        if late is not None:
            say(late.finish(clock.now()))
    return done


async def service_url(resources: ResourceApi, replay: Replay) -> str:
    """The URL of the service that is meant. Raises: NotFound; Unavailable if it has none yet."""
    service = await resources.get(InferenceService, replay.namespace, replay.service)
    if not service.status.url:
        raise Unavailable(f"InferenceService {replay.namespace}/{replay.service} names no URL: is it ready?")
    return service.status.url


def _rows(replay: Replay, takes: _Takes) -> Iterator[Row]:
    rows = replay.source.rows(takes.columns, takes.period_seconds)
    return itertools.islice(rows, replay.samples) if replay.samples else rows


async def _wait(due: float) -> None:
    remaining = due - time.monotonic()
    if remaining > 0:
        await asyncio.sleep(remaining)


async def _ask(client: InferenceClient, takes: _Takes, row: Row, window: Any, report: Report) -> None:
    parameters = {"asset": row.asset, "event_time": row.time.isoformat()}
    report.sent += 1
    try:
        await client.infer([make_tensor(takes.name, window)], parameters=parameters)
        report.answered += 1
    except SetpointError as error:
        report.refusals[str(error)] += 1


def _takes(metadata: dict[str, Any], source: Source) -> _Takes:
    """Window, columns and rate by the model's metadata, by the source where the model does not say."""
    try:
        first = metadata["inputs"][0]
        name, (_, window, width) = str(first["name"]), (int(size) for size in first["shape"])
        parameters = metadata.get("parameters") or {}
        columns = tuple(str(item) for item in parameters.get("columns", ()))
        period = float(parameters.get("sample_period_seconds") or source.period_seconds)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InvalidSpec(f"the model takes no windows, its metadata say {metadata}", path="service") from error
    if window < 1 or first.get("datatype") != "FP64":
        raise InvalidSpec(f"the model takes {first}, not windows of FP64 and of one length", path="service")
    if not columns:
        if len(source.columns) != width:
            reason = f"the model takes {width} columns and does not name them, the source has {len(source.columns)}"
            raise InvalidSpec(reason, path="source", allowed=source.columns)
        columns = source.columns
    if period <= 0:
        raise InvalidSpec("neither the model nor the source says how often a row comes", path="source")
    return _Takes(name=name, window=window, columns=columns, period_seconds=period)
