"""`plant list|simulate|stream|dataset`: the built-in plants from the command line."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import polars as pl
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from setpoint.apis.errors import InvalidSpec
from setpoint.cli._context import EXIT_INTERRUPTED, HomeOption
from setpoint.cli._output import Output, OutputOption, render_document
from setpoint.plant import (
    PLANTS,
    Plant,
    Run,
    RunState,
    TennesseeEastman,
    benchmark_of,
    check_format,
    check_hours,
    describe,
    fault_numbers,
    paced,
    parse_schedule,
    parse_speed,
    read_checkpoint,
    write_benchmark,
    write_checkpoint,
    write_frame,
)
from setpoint.wiring.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Simulate plants: runs, live streams, data sets.")

_CHUNK = 200  # samples between two signs of progress, and of a stream without pace

NameArgument = Annotated[str, typer.Argument(help="Name of the plant; `setpoint plant list` tells them.")]
ScheduleOption = Annotated[
    str, typer.Option("--schedule", help="What happens when: `fault 4 from 8 h; sensor xmeas_9 stuck from 12 h`.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of the run, from 0; 1 if not given.")]
CheckpointOption = Annotated[
    Path | None, typer.Option("--checkpoint", help="Write the state at the end into this file.", show_default=False)
]
ResumeOption = Annotated[
    Path | None,
    typer.Option("--resume", help="Go on from such a file, with its seed and schedule.", show_default=False),
]


class Generator(StrEnum):
    """Where a plant's random numbers come from."""

    DEFAULT = "default"
    ORIGINAL = "original"


GeneratorOption = Annotated[
    Generator,
    typer.Option("--generator", help="`original` repeats published runs of tep from their seeds, digit by digit."),
]


@runtime_checkable
class _Stopping(Protocol):
    """A plant state that knows whether the plant has stopped itself."""

    def shutdowns(self) -> tuple[Any, ...]:
        """Per run None, or what has a `cause` and an `hour`."""
        ...


@app.command(name="list")
def list_(
    name: Annotated[str, typer.Argument(help="One plant: its variables and faults. All plants if not given.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List plants, or what one of them records and what can break in it.

    `setpoint plant list`, `setpoint plant list tep -o json`
    """
    chosen = [_plant(name)] if name else list(PLANTS.values())
    if output in (Output.JSON, Output.YAML):
        bodies = [_described(plant) for plant in chosen]
        typer.echo(render_document(bodies[0] if name else bodies, output))
    elif output is Output.NAME:
        for plant in chosen:
            typer.echo(plant.name)
    elif name:
        variables = [(v.name, v.kind, v.unit, v.description) for v in chosen[0].variables]
        _print(("VARIABLE", "KIND", "UNIT", "DESCRIPTION"), variables)
        typer.echo()
        _print(("FAULT", "DESCRIPTION"), [(fault.name, fault.description) for fault in chosen[0].faults])
    else:
        rows = [(p.name, str(len(p.variables)), str(len(p.faults)), f"{p.sample_period_seconds:g} s") for p in chosen]
        _print(("NAME", "VARIABLES", "FAULTS", "SAMPLE PERIOD"), rows)


@app.command()
def simulate(
    name: NameArgument,
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write: .parquet or .csv.")],
    hours: Annotated[float, typer.Option("--hours", help="Hours of the plant to simulate.")] = 48.0,
    seed: SeedOption = None,
    schedule: ScheduleOption = "",
    checkpoint: CheckpointOption = None,
    resume: ResumeOption = None,
    generator: GeneratorOption = Generator.DEFAULT,
) -> None:
    """Simulate one run and write its records, with names, units and fault labels.

    `setpoint plant simulate tep --hours 48 --schedule "fault 4 from 8 h; fault 11 from 20 h to 30 h" -o run.parquet`
    """
    check_format(out)
    check_hours(hours)
    _check_folder(checkpoint)
    plant = _plant(name, generator)
    run, state, text = _begin(plant, seed, schedule, resume, hours=hours)
    steps = max(1, round(hours * 3600.0 / plant.sample_period_seconds))
    frames: list[pl.DataFrame] = []
    try:
        with _progress(f"simulate {name}") as show:
            while steps > 0:
                count = min(steps, _CHUNK)
                state, records = run.advance(state, count)
                frames.append(run.frame(records))
                steps -= count
                show(hours - steps * plant.sample_period_seconds / 3600.0, hours)
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    facts = {"seed": run.seed, "schedule": text, "generator": generator.value}
    frame = pl.concat(frames)
    write_frame(frame, out, describe(plant, **facts))
    if checkpoint is not None:
        write_checkpoint(checkpoint, run, state, schedule=text)
    typer.echo(f"{frame.height} records of {name} in {out}", err=True)
    _say_shutdown(state)


@app.command()
def stream(
    name: NameArgument,
    speed: Annotated[
        str, typer.Option("--speed", metavar="N|real-time|max", help="Times faster than the plant.")
    ] = "real-time",
    samples: Annotated[
        int | None, typer.Option("--samples", min=1, help="End after so many; without it goes on until stopped.")
    ] = None,
    seed: SeedOption = None,
    schedule: ScheduleOption = "",
    checkpoint: CheckpointOption = None,
    resume: ResumeOption = None,
    generator: GeneratorOption = Generator.DEFAULT,
) -> None:
    """Print a run record by record as JSON lines, at the pace of the plant or faster; Ctrl-C ends it.

    `setpoint plant stream tep --speed 60 --schedule "fault 4 from 1 h"`
    """
    _check_folder(checkpoint)
    plant = _plant(name, generator)
    factor = parse_speed(speed)
    run, state, text = _begin(plant, seed, schedule, resume)
    interval = plant.sample_period_seconds / factor
    states = _states(run, state, samples, _CHUNK if interval == 0.0 else 1)
    code = 0
    try:
        for reached, lines in paced(states, interval_seconds=interval, now=time.monotonic, sleep=time.sleep):
            sys.stdout.write(lines)
            sys.stdout.flush()
            state = reached
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who read has seen enough. What is still buffered must not be written again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if checkpoint is not None:
        write_checkpoint(checkpoint, run, state, schedule=text)
    _say_shutdown(state)
    if code:
        raise typer.Exit(code)


@app.command()
def dataset(
    name: NameArgument,
    out: Annotated[Path, typer.Option("-o", "--out", help="Directory for train.parquet and test.parquet.")],
    runs: Annotated[int, typer.Option("--runs", help="Runs of each fault and of normal operation, in each part.")] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Seed; each run has one of its own, drawn from it.")] = 1,
    hours: Annotated[
        float | None, typer.Option("--hours", help="Length of all runs; the customary ones if not given.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", help="Only this fault; may be repeated. The customary ones if not given."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; as many as cores if not given.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Simulate the customary benchmark of a plant: training and test runs, normal and of every fault.

    Equal arguments and version take the files from the state directory's cache.

    `setpoint plant dataset tep -o tep-data --runs 10 --seed 1`
    """
    plant = _plant(name)
    if out.exists() and not out.is_dir():
        raise InvalidSpec("is a file; name a directory", path=str(out))
    what = benchmark_of(plant, runs=runs, seed=seed, hours=hours, faults=tuple(fault or ()) or None)
    cache = load_settings(home).home / "cache" / "plant"
    try:
        with _progress(f"simulate {name}") as show:
            cores = workers or len(os.sched_getaffinity(0))
            reused = write_benchmark(plant, what, out, cache=cache, workers=cores, progress=show)
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    count = runs * (1 + len(what.faults))
    how = "as simulated before" if reused else "simulated"
    typer.echo(f"{count} training and {count} test runs of {name} in {out}: {how}", err=True)


def _plant(name: str, generator: Generator = Generator.DEFAULT) -> Plant[Any]:
    if name not in PLANTS:
        raise InvalidSpec(f"there is no plant {name!r}", allowed=tuple(PLANTS))
    if generator is Generator.DEFAULT:
        return PLANTS[name]
    if name != TennesseeEastman.name:
        raise InvalidSpec(f"plant {name!r} has no {generator} generator", path="--generator", allowed=("default",))
    return TennesseeEastman(generator="original")


def _check_folder(checkpoint: Path | None) -> None:
    if checkpoint is not None and not checkpoint.parent.is_dir():
        raise InvalidSpec("there is no such folder", path=str(checkpoint.parent))


def _begin(
    plant: Plant[Any], seed: int | None, schedule: str, resume: Path | None, *, hours: float | None = None
) -> tuple[Run[Any], RunState[Any], str]:
    """A run, its state, the text of its schedule; fresh or from a checkpoint."""
    if resume is not None:
        if schedule or seed is not None:
            raise InvalidSpec("a resumed run has its seed and schedule in the file: leave both out", path="--resume")
        return read_checkpoint(resume, plant)
    seconds = None if hours is None else hours * 3600.0
    run = Run(
        plant=plant,
        seed=1 if seed is None else seed,
        schedule=parse_schedule(schedule, plant, duration_seconds=seconds),
    )
    if run.seed < 0:
        raise InvalidSpec(f"{run.seed} is no seed: give 0 or more", path="--seed")
    try:
        return run, run.start(), schedule
    except ValueError as error:  # a seed or magnitude that this generator does not have
        raise InvalidSpec(str(error)) from None


def _states(
    run: Run[Any], state: RunState[Any], samples: int | None, chunk: int
) -> Iterator[tuple[RunState[Any], str]]:
    """(state, JSON lines up to it), some samples at a time."""
    for done in itertools.count(0, chunk):
        count = chunk if samples is None else min(chunk, samples - done)
        if count <= 0:
            return
        state, records = run.advance(state, count)
        yield state, run.frame(records).write_ndjson()


def _say_shutdown(state: RunState[Any]) -> None:
    if isinstance(state.plant, _Stopping):
        for shutdown in state.plant.shutdowns():
            if shutdown is not None:
                typer.echo(f"the plant shut down by itself at {shutdown.hour:.2f} h: {shutdown.cause}", err=True)


@contextmanager
def _progress(title: str) -> Iterator[Any]:
    """Hours done, on the terminal's stderr; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn(title),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} h"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)


def _described(plant: Plant[Any]) -> dict[str, Any]:
    variables = [
        {"name": v.name, "kind": v.kind, "unit": v.unit, "description": v.description} for v in plant.variables
    ]
    labels = fault_numbers(plant) or [fault.name for fault in plant.faults]
    faults = [
        {"name": fault.name, "label": str(label), "description": fault.description}
        for fault, label in zip(plant.faults, labels, strict=True)
    ]
    return {
        "name": plant.name,
        "samplePeriodSeconds": plant.sample_period_seconds,
        "variables": variables,
        "faults": faults,
    }


def _print(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(*headings, box=None, pad_edge=False, show_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    (console if console.is_terminal else Console(width=500)).print(table)
