"""Plant data, references and streams of answers for tests of what monitors quality; no model is trained.

The model is a stand-in that is right as often as it is told to be: what is tested is what monitors make of its answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from setpoint.core.models import InputColumn
from setpoint.core.monitors.quality import Quality, judge_quality
from setpoint.core.monitors.quality_view import QualityRules
from setpoint.core.monitors.reference import Material, ModelFacts, Reference, build_reference
from setpoint.core.monitors.stream import Stream, Truth, Unpacked
from setpoint.plant import PLANTS, parse_schedule

Floats = npt.NDArray[np.float64]

CLASSES = ("normal", "leak", "stiction")
PERIOD = 180.0
BEGIN = np.datetime64("2026-03-01T00:00:00", "us")
TICK = np.timedelta64(int(PERIOD * 1e6), "us")
COLUMNS = tuple(InputColumn(name=item.name, unit=item.unit) for item in PLANTS["tep"].variables)


def simulate(seeds: Sequence[int], hours: float, schedule: str = "") -> list[Floats]:
    """Runs of the Tennessee Eastman plant, each of shape (rows, 52)."""
    plant = PLANTS["tep"]
    what = parse_schedule(schedule, plant)
    _, block = plant.advance(plant.start([what.scenario(seed) for seed in seeds]), round(hours * 3600 / PERIOD))
    found = []
    for seed, values in zip(seeds, block.values, strict=True):
        sensors = what.instruments(plant, seed)
        found.append(sensors.advance(sensors.start(), values)[1])
    return found


def answers(truth: npt.NDArray[np.int64], draw: np.random.Generator, *, right: float = 0.95) -> Floats:
    """Probabilities, (n, 3), of a model that is right so often, and about as sure as that."""
    said = np.where(draw.uniform(size=len(truth)) < right, truth, (truth + draw.integers(1, 3, len(truth))) % 3)
    found = draw.uniform(0.0, 0.1, size=(len(truth), 3))
    found[np.arange(len(truth)), said] = draw.uniform(0.85, 1.0, len(truth))
    shares: Floats = found / found.sum(axis=1, keepdims=True)
    return shares


def reference(runs: Sequence[Floats], *, right: float = 0.95, seed: int = 1, columns: int = 52) -> Reference:
    """Of a model that was trained on these runs of normal operation, and on faults that only its answers know."""
    draw = np.random.default_rng(seed)
    rows = np.concatenate(runs)
    numbers = np.repeat(np.arange(len(runs)), [len(run) for run in runs])
    faults = np.repeat([1, 2], 400)
    truth = np.concatenate([np.zeros(len(rows), dtype=np.int64), faults])
    probabilities = answers(truth, draw, right=right)
    filler = np.repeat(rows[:1], len(faults), axis=0)
    return build_reference(
        Material(
            model=ModelFacts(
                columns=COLUMNS[:columns],
                classes=CLASSES,
                normal_label="normal",
                sample_period_seconds=PERIOD,
                window=1,
            ),
            rows=np.concatenate([rows, filler]),
            parts=np.concatenate([numbers, np.full(len(faults), -1)]),
            certain=truth == 0,
            runs=np.concatenate([numbers, np.full(len(faults), 99)]),
            ends=np.arange(len(truth)),
            truth=truth,
            answers=probabilities.argmax(axis=1),
            probabilities=probabilities,
        )
    )


def records(
    rows: Floats,
    *,
    truth: npt.NDArray[np.int64] | None = None,
    asset: str = "plant",
    right: float = 0.95,
    seed: int = 7,
) -> Stream:
    """A stream of answers, each record asked about a second after it was measured."""
    count = len(rows)
    told = np.zeros(count, dtype=np.int64) if truth is None else truth
    probabilities = answers(told, np.random.default_rng(seed), right=right)
    times = BEGIN + np.arange(count) * TICK
    return Stream(
        ids=np.char.add("r", np.arange(count).astype(np.str_)),
        times=times + np.timedelta64(1, "s"),
        plant_times=times,
        assets=np.full(count, asset),
        versions=np.full(count, "1"),
        rows=rows,
        labels=np.array(CLASSES)[probabilities.argmax(axis=1)],
        probabilities=probabilities,
    )


def unpacked(stream: Stream, *, timed: bool = True) -> Unpacked:
    """The stream as it comes out of a log."""
    count = len(stream)
    return Unpacked(stream=stream, requests=count, unfit=0, repeated=0, timed=count if timed else 0)


def labelled(stream: Stream, labels: Sequence[str] = (), *, later: np.timedelta64 | None = None) -> Truth:
    """What was true of the records; without labels nobody has said anything."""
    count = len(stream)
    names = np.array(labels if len(labels) else [""] * count, dtype=np.str_)
    said = stream.times + (np.timedelta64(8, "h") if later is None else later)
    return Truth(labels=names, said_at=np.where(names == "", np.datetime64("NaT", "us"), said), unknown=())


def judge(
    stream: Stream, of: Reference, truth: Truth | None = None, *, days: float = 30.0, timed: bool = True
) -> Quality:
    """As the component does."""
    known = labelled(stream) if truth is None else truth
    rules = QualityRules(false_alarm_days=days)
    return judge_quality(unpacked(stream, timed=timed), known, of.model, of, rules)
