"""What to do when nobody declared anything: a shipped recipe whose columns fit, else roles by the names of columns.

Decides from names and types only, never from values, and says in words what it took for what. Invariant: what is
inferred only cleans what cannot be meant (status words, usual codes, repeated and unordered times); rules that need to
know the process stay off.
"""

from __future__ import annotations

import re

import msgspec
import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components._component import nearest
from setpoint.components.data_processing._names import FILE
from setpoint.components.data_processing._recipe import (
    ColumnSpec,
    LongLayout,
    Recipe,
    RunSpec,
    SourceSpec,
    TargetSpec,
    TimeSpec,
    load,
    load_shipped,
    shipped,
)
from setpoint.components.data_processing._scan import Origin, scan

_TIMES = ("time", "timestamp", "datetime", "date_time", "date", "ts", "time_stamp", "zeit", "zeitstempel")
_RUNS = ("run", "run_id", "runid", "batch", "batch_id", "batchid", "experiment", "simulationrun", "campaign")
_TARGETS = ("fault", "label", "target", "class", "faultnumber", "fault_id", "anomaly", "state", "status")
_SAMPLES = ("sample", "index", "step", "row", "obs", "id", "changepoint")
_TAGS, _VALUES, _QUALITIES = ("tag", "tagname", "tag_name", "point", "name"), ("value", "val"), ("quality", "status")
_UNIT_OF_SUFFIX = {
    "h": "h",
    "hours": "h",
    "min": "min",
    "minutes": "min",
    "s": "s",
    "sec": "s",
    "seconds": "s",
    "ms": "ms",
}
_CODES = (-9999.0, -999.25, -99999.0)


def chosen_recipe(recipe: str, origins: list[Origin], target: str) -> tuple[Recipe, list[str]]:
    """The recipe that was asked for, and notes on how it was found.

    Args:
        recipe: `auto`, or what `load` takes.
        origins: What will be read.
        target: Label column in place of the recipe's; `none` for data without labels; empty for the recipe's.

    Raises:
        InvalidSpec: No such recipe; no label column can be found.
    """
    chosen, notes = choose(origins, target) if recipe == "auto" else (load(recipe), [])
    if target == "none":
        return msgspec.structs.replace(chosen, target=None), notes
    if target and (chosen.target is None or chosen.target.column != target):
        return msgspec.structs.replace(chosen, target=TargetSpec(column=target)), notes
    return chosen, notes


def choose(origins: list[Origin], target: str) -> tuple[Recipe, list[str]]:
    """The recipe for undeclared data, and notes on what it rests on.

    Args:
        origins: What will be read; the first decides.
        target: The label column if it is known; `none` for data without labels; else empty.

    Raises:
        InvalidSpec: No label column can be found.
    """
    schema = scan(origins[0], SourceSpec()).drop(FILE).collect_schema()
    for name in shipped():
        recipe = load_shipped(name)
        if recipe.signature and set(recipe.signature) <= set(schema.names()):
            return recipe, [f"recipe {name}: its columns are all there"]
    return _infer(schema, target, several=len(origins) > 1)


def _infer(schema: pl.Schema, target: str, *, several: bool) -> tuple[Recipe, list[str]]:
    names = schema.names()
    lower = {name.lower(): name for name in names}
    long = _long_layout(lower)
    time = _first(lower, _TIMES) or next((n for n in names if re.fullmatch(r"(?i)time[_ ]?[a-z]+", n)), "")
    run = _first(lower, _RUNS)
    found = "" if target == "none" else target or _first(lower, _TARGETS)
    if found and found not in names and long is None:
        near = nearest(found, names)
        raise InvalidSpec(
            f"there is no target column {found!r}{f'; did you mean {near}?' if near else ''}",
            path="target",
            allowed=tuple(names[:12]),
        )
    if not found and target != "none" and long is None and len(names) == 1:
        raise InvalidSpec(
            f"there is a single column, {names[0]!r}: if that is a whole row, declare the `delimiter` in a recipe; if "
            "it is a measurement, say --target none",
            path="source",
        )
    if not found and target != "none" and long is None:
        raise InvalidSpec(
            f"no target column found among {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}: name it with "
            "--target, or say --target none for data without labels",
            path="target",
        )
    ignored = [lower[name] for name in _SAMPLES if name in lower and lower[name] not in (time, run, found)]
    if not time and ignored and ignored[0].lower() in ("sample", "index", "step", "row"):
        time, ignored = ignored[0], ignored[1:]
    unit = _time_unit(time, schema)
    recipe = Recipe(
        name="inferred",
        sources=(SourceSpec(long=long),),
        time=TimeSpec(column=long.time if long else time, unit=unit),  # type: ignore[arg-type]
        run=RunSpec(column=run, by_file=several and not run, prefix_file=several),
        target=TargetSpec(column=found, normal=_normal(found, schema)) if found else None,
        defaults=ColumnSpec(sentinels=_CODES),
        columns={name: ColumnSpec(role="ignore") for name in ignored},
    )
    notes = [
        "no shipped recipe fits; roles were inferred from the names of the columns",
        f"time: {recipe.time.column or 'none, records are counted'} ({unit})",
        f"run: {run or ('each file' if several else 'one')}",
        f"target: {found or 'none'}" + (f", normal is {recipe.target.normal!r}" if recipe.target else ""),
        f"codes for no value: {', '.join(f'{code:g}' for code in _CODES)}; no limits, stuck or spike rules",
    ]
    if ignored:
        notes.append(f"ignored: {', '.join(ignored)}")
    return recipe, notes


def _first(lower: dict[str, str], candidates: tuple[str, ...]) -> str:
    return next((lower[name] for name in candidates if name in lower), "")


def _long_layout(lower: dict[str, str]) -> LongLayout | None:
    tag, value, time = _first(lower, _TAGS), _first(lower, _VALUES), _first(lower, _TIMES)
    if not (tag and value and time) or len(lower) > 6:
        return None
    return LongLayout(tag=tag, time=time, value=value, quality=_first(lower, _QUALITIES))


def _time_unit(column: str, schema: pl.Schema) -> str:
    if not column:
        return "sample"
    kind = schema[column]
    suffix = re.split(r"[_ ]", column.lower())[-1]
    if suffix in _UNIT_OF_SUFFIX:
        return _UNIT_OF_SUFFIX[suffix]
    return "sample" if kind.is_numeric() else "datetime"


def _normal(column: str, schema: pl.Schema) -> str:
    return "normal" if schema.get(column) in (pl.String, pl.Categorical) else "0"
