"""A run at rest: its state as one JSON file, exactly, without pickle, for any plant whose state is plain data.

Decides how a state is written: dataclasses as objects, arrays as type, shape and base64. Invariant: what is read is
checked by its sum, and its plant state against one that the plant itself makes for the same run, so that a kernel never
sees an array of another type or length.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from setpoint.apis.errors import InvalidSpec
from setpoint.plant._plant import Plant, Scenario
from setpoint.plant._records import Run, RunState
from setpoint.plant._schedule import parse_schedule
from setpoint.plant._sensors import SensorState

_FORMAT = "setpoint-plant-1"
_ARRAYS = ("float64", "int64", "uint64")


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the file: which run, how far, and the states as plain data; `sha256` covers all but itself."""

    format: str
    plant: str
    seed: int
    schedule: str
    sample: int
    state: Any
    sensors: Any
    sha256: str = ""


def write_checkpoint(path: Path, run: Run[Any], state: RunState[Any], *, schedule: str) -> None:
    """Write where a run is; `schedule` is the text that its schedule was read from.

    Raises:
        OSError: The file cannot be written; one that was there stays.
    """
    checkpoint = Checkpoint(
        format=_FORMAT,
        plant=run.plant.name,
        seed=run.seed,
        schedule=schedule,
        sample=state.sample,
        state=_plain(state.plant),
        sensors=_plain(state.sensors),
    )
    whole = msgspec.structs.replace(checkpoint, sha256=_sum(checkpoint))
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(msgspec.json.encode(whole) + b"\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_checkpoint(path: Path, plant: Plant[Any]) -> tuple[Run[Any], RunState[Any], str]:
    """The run, its state, and the text of its schedule.

    Raises:
        InvalidSpec: No file, not a checkpoint, damaged, of another plant or of another version of it.
    """
    where = str(path)
    try:
        read = msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except OSError as error:
        raise InvalidSpec(f"cannot be read: {error.strerror}", path=where) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"is not a checkpoint: {error}", path=where) from None
    if read.format != _FORMAT:
        raise InvalidSpec(f"is a checkpoint of format {read.format!r}; this version reads {_FORMAT}", path=where)
    if read.plant != plant.name:
        raise InvalidSpec(f"is a checkpoint of plant {read.plant!r}, not of {plant.name!r}", path=where)
    if read.sha256 != _sum(msgspec.structs.replace(read, sha256="")):
        raise InvalidSpec("is damaged: its checksum does not fit", path=where)
    run = Run(plant=plant, seed=read.seed, schedule=parse_schedule(read.schedule, plant))
    fresh = run.start()
    try:
        state = msgspec.convert(_revived(read.state), _state_type(plant), dec_hook=_as_is)
        sensors = msgspec.convert(_revived(read.sensors), SensorState, dec_hook=_as_is)
        fits = _alike(state, fresh.plant) and _fits(sensors, run) and sensors.sample == read.sample >= 0
    except (msgspec.ValidationError, ValueError, TypeError, binascii.Error) as error:
        raise InvalidSpec(f"holds no state of {plant.name}: {error}", path=where) from None
    if not fits:
        other = f"another version of {plant.name}, or of its other generator"
        raise InvalidSpec(f"holds a state of {other}: name that one, or simulate the run again", path=where)
    return run, RunState(sample=read.sample, plant=state, sensors=sensors), read.schedule


def _sum(checkpoint: Checkpoint) -> str:
    return hashlib.sha256(msgspec.json.encode(checkpoint, order="deterministic")).hexdigest()


def _state_type(plant: Plant[Any]) -> Any:
    return typing.get_type_hints(type(plant).start)["return"]


def _plain(value: Any) -> Any:
    """A state as what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": str(value.dtype), "shape": list(value.shape), "base64": data}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _revived(value: Any) -> Any:
    """Plain data with its arrays back in place."""
    if isinstance(value, dict) and value.keys() == {"dtype", "shape", "base64"}:
        if value["dtype"] not in _ARRAYS:
            raise ValueError(f"an array of {value['dtype']}")
        shape = [int(size) for size in value["shape"]]
        data = base64.b64decode(value["base64"], validate=True)
        if any(size < 0 for size in shape) or len(data) != 8 * math.prod(shape):
            raise ValueError("an array of another size than its shape says")
        return np.frombuffer(data, dtype=np.dtype(value["dtype"])).reshape(shape).copy()
    if isinstance(value, dict):
        return {key: _revived(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revived(item) for item in value]
    return value


def _as_is(wanted: Any, value: Any) -> Any:
    return value


def _alike(one: Any, other: Any) -> bool:
    """Same scenarios and same structure: types, keys, lengths, shapes, words; the numbers may differ."""
    if isinstance(other, Scenario):
        return isinstance(one, Scenario) and one == other
    if isinstance(other, str):  # such as the generator that the numbers are of
        return bool(one == other)
    if isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and (one.shape, one.dtype) == (other.shape, other.dtype)
    if is_dataclass(other) and not isinstance(other, type):
        return type(one) is type(other) and all(
            _alike(getattr(one, field.name), getattr(other, field.name)) for field in fields(other)
        )
    if isinstance(other, dict):
        return isinstance(one, dict) and one.keys() == other.keys() and all(_alike(one[k], other[k]) for k in other)
    if isinstance(other, tuple | list):
        return len(one) == len(other) and all(_alike(a, b) for a, b in zip(one, other, strict=True))
    return isinstance(one, type(other))


def _fits(sensors: SensorState, run: Run[Any]) -> bool:
    return len(sensors.memory) == len(run.schedule.sensors) and all(
        isinstance(past, np.ndarray) and past.ndim == 1 and past.dtype == np.float64 for past in sensors.memory
    )
