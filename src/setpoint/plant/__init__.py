"""Plants to train on, to feed the live loop and to break on purpose, behind one `Plant` protocol."""

from typing import Any

from setpoint.plant._dataset import DEFECTS, dataset, lay_defects
from setpoint.plant._plant import NORMAL, Block, Fault, FaultEvent, Plant, Scenario, SetPointChange, Variable, iterate
from setpoint.plant.cstr import Cstr
from setpoint.plant.tep import TennesseeEastman

PLANTS: dict[str, Plant[Any]] = {"cstr": Cstr(), "tep": TennesseeEastman()}

__all__ = [
    "DEFECTS",
    "NORMAL",
    "PLANTS",
    "Block",
    "Cstr",
    "Fault",
    "FaultEvent",
    "Plant",
    "Scenario",
    "SetPointChange",
    "TennesseeEastman",
    "Variable",
    "dataset",
    "iterate",
    "lay_defects",
]
