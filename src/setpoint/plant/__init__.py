"""Plants to train on, to feed the live loop and to break on purpose, behind one `Plant` protocol."""

from typing import Any

from setpoint.plant._benchmark import (
    PARTS,
    Benchmark,
    Part,
    benchmark_of,
    check_hours,
    content_key,
    outline,
    tables,
    write_benchmark,
)
from setpoint.plant._checkpoint import read_checkpoint, write_checkpoint
from setpoint.plant._dataset import DEFECTS, dataset, dataset_outline, lay_defects
from setpoint.plant._pace import paced, parse_speed
from setpoint.plant._plant import (
    NORMAL,
    Block,
    Fault,
    FaultEvent,
    Floats,
    Plant,
    Scenario,
    SetPointChange,
    Variable,
    iterate,
)
from setpoint.plant._records import Records, Run, RunState, check_format, describe, fault_numbers, kinds_of, write_frame
from setpoint.plant._schedule import Schedule, parse_schedule
from setpoint.plant._sensors import SensorFault
from setpoint.plant.cstr import Cstr
from setpoint.plant.tep import TennesseeEastman

PLANTS: dict[str, Plant[Any]] = {"cstr": Cstr(), "tep": TennesseeEastman()}

__all__ = [
    "DEFECTS",
    "NORMAL",
    "PARTS",
    "PLANTS",
    "Benchmark",
    "Block",
    "Cstr",
    "Fault",
    "FaultEvent",
    "Floats",
    "Part",
    "Plant",
    "Records",
    "Run",
    "RunState",
    "Scenario",
    "Schedule",
    "SensorFault",
    "SetPointChange",
    "TennesseeEastman",
    "Variable",
    "benchmark_of",
    "check_format",
    "check_hours",
    "content_key",
    "dataset",
    "dataset_outline",
    "describe",
    "fault_numbers",
    "iterate",
    "kinds_of",
    "lay_defects",
    "outline",
    "paced",
    "parse_schedule",
    "parse_speed",
    "read_checkpoint",
    "tables",
    "write_benchmark",
    "write_checkpoint",
    "write_frame",
]
