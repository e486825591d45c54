"""The customary benchmark of a plant: training and test runs, normal and of every fault, as two tables or two files.

Decides which runs there are and when their faults begin. For the Tennessee Eastman process as its published data have
it: 25 h of training with the fault after 1 h, 48 h of testing with the fault after 8 h, faults 1 to 21; each record is
labelled with the fault that is active in it. Invariant: a run depends on (seed, part, fault, number) only, not on how
many there are beside it nor on how the work is spread; equal arguments and code give equal tables.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from setpoint import __version__
from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.plant._plant import NORMAL, FaultEvent, Floats, Plant
from setpoint.plant._records import EMPTY, describe, frame_of, outline_of, write_frame
from setpoint.plant._schedule import Schedule

Part = Literal["train", "test"]
PARTS: tuple[Part, ...] = ("train", "test")
MANIFEST = "manifest.json"
_BATCH = 8  # runs that one task simulates side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How the runs of a part are: hours, and hours until the fault begins."""

    hours: float
    onset_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What is simulated: plant by name, faults, runs of each (normal operation among them), seed, both protocols."""

    plant: str
    faults: tuple[str, ...]
    runs: int
    seed: int
    train: Protocol
    test: Protocol

    def protocol(self, part: Part) -> Protocol:
        """Of one part."""
        return self.train if part == "train" else self.test

    @property
    def total_hours(self) -> float:
        """Simulated hours of both parts."""
        return self.runs * (1 + len(self.faults)) * (self.train.hours + self.test.hours)


@dataclass(frozen=True, slots=True)
class _Batch:
    part: Part
    fault: str
    numbers: tuple[int, ...]  # of the runs, from 1


_CUSTOMARY: dict[str, tuple[Protocol, Protocol, int]] = {
    # Russell, Chiang, Braatz (2000), chapter 8: 480 records of a fault in training, 160 normal ones before it in tests.
    "tep": (Protocol(hours=25.0, onset_hours=1.0), Protocol(hours=48.0, onset_hours=8.0), 21),
}
_OTHERS = (Protocol(hours=8.0, onset_hours=2.0), Protocol(hours=8.0, onset_hours=2.0))


def benchmark_of(
    plant: Plant[Any], *, runs: int, seed: int, faults: tuple[str, ...] | None = None, hours: float | None = None
) -> Benchmark:
    """The benchmark of a plant.

    Args:
        plant: Any; those without a customary benchmark get 8 h in both parts, faults after 2 h.
        runs: Of each fault and of normal operation, in each part.
        seed: From 0; each run has a seed of its own, drawn from it.
        faults: By name; None for the customary ones.
        hours: Length of all runs; None for the customary ones. A fault begins after a quarter of it at the latest.

    Raises:
        InvalidSpec: A number out of range, an unknown fault.
    """
    names = tuple(fault.name for fault in plant.faults)
    train, test, count = _CUSTOMARY.get(plant.name, (*_OTHERS, len(names)))
    if not 1 <= runs <= 1000:
        raise InvalidSpec(f"{runs} runs: give 1 to 1000", path="runs")
    if seed < 0:
        raise InvalidSpec(f"{seed} is no seed: give 0 or more", path="seed")
    for name in faults or ():
        if name not in names:
            raise InvalidSpec(f"{name!r} is no fault of {plant.name}", path="fault", allowed=names)
    if hours is not None:
        check_hours(hours)
        train, test = (Protocol(hours=hours, onset_hours=min(p.onset_hours, hours / 4.0)) for p in (train, test))
    return Benchmark(
        plant=plant.name,
        faults=names[:count] if faults is None else tuple(dict.fromkeys(faults)),
        runs=runs,
        seed=seed,
        train=train,
        test=test,
    )


def check_hours(hours: float) -> None:
    """Refuse a length that no run has.

    Raises:
        InvalidSpec: Not a number, too short or too long.
    """
    if not 0.1 <= hours <= 10_000.0:
        raise InvalidSpec(f"{hours:g} hours: give 0.1 to 10000", path="hours")


def tables(
    plant: Plant[Any],
    what: Benchmark,
    *,
    schedule: Schedule = EMPTY,
    parts: tuple[Part, ...] = PARTS,
    runs: Collection[str] | None = None,
) -> dict[Part, pl.DataFrame]:
    """The parts as tables, simulated in this process.

    Args:
        plant: The one that is named.
        what: The benchmark.
        schedule: Laid over every run; with faults in it of its own, pass a benchmark without faults.
        parts: Which are wanted.
        runs: Names of the runs that are wanted; None for all. A run is the same whichever others are asked for.
    """
    found: dict[Part, pl.DataFrame] = {}
    for part in parts:
        frames = []
        for batch in _batches(plant, what):
            wanted = tuple(n for n in batch.numbers if runs is None or _name(batch, n, schedule) in runs)
            if batch.part == part and wanted:
                chosen = _Batch(part, batch.fault, wanted)
                frames.append(_frame(plant, what, chosen, schedule, *_simulate(plant, what, chosen, schedule)))
        found[part] = pl.concat(frames)
    return found


def outline(plant: Plant[Any], what: Benchmark, part: Part, *, schedule: Schedule = EMPTY) -> pl.DataFrame:
    """Which runs a part has and when their records are, without simulating any: columns run and time of `tables`."""
    frames = [
        outline_of(plant, _name(batch, number, schedule), _steps(plant, what, part))
        for batch in _batches(plant, what)
        if batch.part == part
        for number in batch.numbers
    ]
    return pl.concat(frames)


def write_benchmark(
    plant: Plant[Any],
    what: Benchmark,
    directory: Path,
    *,
    cache: Path | None = None,
    workers: int = 1,
    progress: Callable[[float, float], None] = lambda done, whole: None,
) -> bool:
    """Write train.parquet, test.parquet and manifest.json (arguments, rows, sha256) into a directory.

    Args:
        plant: One of the table of plants if there are several workers.
        what: The benchmark.
        directory: Made if it is not there; other files in it stay.
        cache: Where files of earlier calls are kept by content; None for none.
        workers: Processes; 1 stays in this one.
        progress: Told (simulated hours done, of how many).

    Returns:
        Whether the files came from the cache (or were there already).

    Raises:
        Unavailable: A worker was killed.
    """
    key = content_key(asdict(what))
    if _holds(directory, key):
        return True
    directory.mkdir(parents=True, exist_ok=True)
    kept = cache / key if cache else None
    if kept is not None and _holds(kept, key):
        _copy(kept, directory)
        return True
    with tempfile.TemporaryDirectory(prefix=".setpoint-", dir=directory) as stage:
        _make(plant, what, Path(stage), key, workers, progress)
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
            _copy(Path(stage), kept)
        _copy(Path(stage), directory)
    return False


def content_key(arguments: Mapping[str, Any]) -> str:
    """Digest of the arguments (what JSON can hold), the version and the code of the plants."""
    digest = hashlib.sha256(json.dumps([__version__, dict(arguments)], sort_keys=True).encode())
    for module in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:32]


def _batches(plant: Plant[Any], what: Benchmark) -> list[_Batch]:
    return [
        _Batch(part, fault, tuple(range(first, min(first + _BATCH, what.runs + 1))))
        for part in PARTS
        for fault in (NORMAL, *what.faults)
        for first in range(1, what.runs + 1, _BATCH)
    ]


def _seed(plant: Plant[Any], what: Benchmark, batch: _Batch, number: int) -> int:
    order = (NORMAL, *(fault.name for fault in plant.faults)).index(batch.fault)
    entropy = [what.seed, PARTS.index(batch.part), order, number]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])


def _simulate(
    plant: Plant[Any], what: Benchmark, batch: _Batch, schedule: Schedule
) -> tuple[Floats, NDArray[np.int64]]:
    """(runs, steps, variables) as the plant shows them, and labels (runs, steps)."""
    protocol = what.protocol(batch.part)
    events = schedule.events
    if batch.fault != NORMAL:
        events += (FaultEvent(fault=batch.fault, start_seconds=protocol.onset_hours * 3600.0),)
    whole = Schedule(events=events, setpoints=schedule.setpoints)
    scenarios = [whole.scenario(_seed(plant, what, batch, number)) for number in batch.numbers]
    _, block = plant.advance(plant.start(scenarios), _steps(plant, what, batch.part))
    return block.values, block.labels


def _steps(plant: Plant[Any], what: Benchmark, part: Part) -> int:
    return max(1, round(what.protocol(part).hours * 3600.0 / plant.sample_period_seconds))


def _name(batch: _Batch, number: int, schedule: Schedule) -> str:
    group = batch.fault if schedule == EMPTY else "scheduled"
    return f"{group}-{batch.part}-{number}"


def _frame(
    plant: Plant[Any], what: Benchmark, batch: _Batch, schedule: Schedule, values: Floats, labels: NDArray[np.int64]
) -> pl.DataFrame:
    frames = []
    for row, number in enumerate(batch.numbers):
        sensors = schedule.instruments(plant, _seed(plant, what, batch, number))
        _, shown, broken = sensors.advance(sensors.start(), values[row])
        faults = broken if schedule.sensors else None
        frames.append(frame_of(plant, _name(batch, number, schedule), shown, labels[row], sensor_faults=faults))
    return pl.concat(frames)


def _make(
    plant: Plant[Any],
    what: Benchmark,
    directory: Path,
    key: str,
    workers: int,
    progress: Callable[[float, float], None],
) -> None:
    """Simulate all and write the files."""
    frames: dict[Part, list[pl.DataFrame]] = {part: [] for part in PARTS}
    batches = _batches(plant, what)
    done = 0.0
    progress(done, what.total_hours)
    for batch, (values, labels) in zip(batches, _results(plant, what, batches, workers), strict=True):
        frames[batch.part].append(_frame(plant, what, batch, EMPTY, values, labels))
        done += len(batch.numbers) * what.protocol(batch.part).hours
        progress(done, what.total_hours)
    files = {}
    for part in PARTS:
        path = directory / f"{part}.parquet"
        frame = pl.concat(frames.pop(part))
        facts = {"part": part, "seed": what.seed, "runs_per_fault": what.runs, "version": __version__}
        write_frame(frame, path, describe(plant, **facts))
        files[path.name] = {"rows": frame.height, "sha256": _sha256(path)}
    manifest = {"key": key, "version": __version__, "benchmark": asdict(what), "files": files}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _results(
    plant: Plant[Any], what: Benchmark, batches: list[_Batch], workers: int
) -> Iterator[tuple[Floats, NDArray[np.int64]]]:
    if workers <= 1 or len(batches) == 1:
        yield from (_simulate(plant, what, batch, EMPTY) for batch in batches)
        return
    # Started afresh, not forked: the caller may have threads. Ctrl-C is for the caller, which then ends the workers.
    pool = ProcessPoolExecutor(
        min(workers, len(batches)),
        mp_context=get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield from pool.map(_simulate, [plant] * len(batches), [what] * len(batches), batches, [EMPTY] * len(batches))
    except BrokenProcessPool:
        raise Unavailable("a worker process was ended from outside (memory?): try again with fewer workers") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _holds(directory: Path, key: str) -> bool:
    """Whether the directory has the files of this key, whole."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        return manifest["key"] == key and all(
            _sha256(directory / f"{part}.parquet") == manifest["files"][f"{part}.parquet"]["sha256"] for part in PARTS
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _copy(source: Path, target: Path) -> None:
    """Each file appears whole; the manifest last, since it vouches for the others."""
    for name in (*(f"{part}.parquet" for part in PARTS), MANIFEST):
        part = target / f".{name}.{os.getpid()}.part"  # another call may fill the same cache
        shutil.copyfile(source / name, part)
        part.replace(target / name)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
