"""A state as bytes and back, exactly, so that a run can rest in a file.

Invariant: reading refuses what it does not know, with one message; it never guesses at another version's order of
numbers.
"""

from __future__ import annotations

import msgspec
import numpy as np

from setpoint.plant._plant import Scenario
from setpoint.plant.tep._constants import SIZE
from setpoint.plant.tep._tennessee import Generator, TepState

_FORMAT = "setpoint-tep-1"


class _Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: str
    sample: int
    generator: Generator
    scenarios: tuple[Scenario, ...]
    rows: bytes  # float64, little-endian, (runs, SIZE)


def to_bytes(state: TepState) -> bytes:
    """The state as one MessagePack object."""
    rows = np.ascontiguousarray(state.rows, dtype="<f8").tobytes()
    checkpoint = _Checkpoint(
        format=_FORMAT, sample=state.sample, generator=state.generator, scenarios=state.scenarios, rows=rows
    )
    return msgspec.msgpack.encode(checkpoint)


def from_bytes(data: bytes) -> TepState:
    """The state that `to_bytes` wrote.

    Raises:
        ValueError: These are no bytes of a state, or of another version.
    """
    try:
        read = msgspec.msgpack.decode(data, type=_Checkpoint)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a checkpoint of tep: {error}") from error
    if read.format != _FORMAT or read.sample < 0 or len(read.rows) != 8 * SIZE * len(read.scenarios):
        raise ValueError(f"not a checkpoint of tep, or of another version (this one reads {_FORMAT})")
    rows = np.frombuffer(read.rows, dtype="<f8").reshape(-1, SIZE).astype(np.float64)
    return TepState(sample=read.sample, rows=rows, scenarios=read.scenarios, generator=read.generator)
