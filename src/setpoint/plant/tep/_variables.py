"""What is recorded of the Tennessee Eastman process, what can break in it, and which set-points can be moved.

Ranges are those of the instruments where the control law has a span, else wide enough for every fault but a shutdown.
Magnitudes are bounded where the model would leave physics: a flow, a composition or a heat transfer below zero.
Source: Downs, Vogel (1993), tables 3 to 5 and 8; fault 21 belongs to the data set of Russell, Chiang, Braatz (2000);
the faults of Bathelt, Ricker, Jelali (2015), numbered 21 to 28 there, are 101 to 108 here.
"""

from __future__ import annotations

from setpoint.plant._plant import Fault, Variable

_MEASURED = (
    ("kscmh", 0.0, 1.1, "A feed"),
    ("kg/h", 0.0, 5811.0, "D feed"),
    ("kg/h", 0.0, 8354.0, "E feed"),
    ("kscmh", 0.0, 15.25, "A and C feed"),
    ("kscmh", 0.0, 53.0, "Recycle flow"),
    ("kscmh", 0.0, 80.0, "Reactor feed rate"),
    ("kPa gauge", 0.0, 3200.0, "Reactor pressure"),
    ("%", 0.0, 120.0, "Reactor level"),
    ("degC", 0.0, 200.0, "Reactor temperature"),
    ("kscmh", 0.0, 1.0, "Purge rate"),
    ("degC", 0.0, 150.0, "Separator temperature"),
    ("%", 0.0, 120.0, "Separator level"),
    ("kPa gauge", 0.0, 3200.0, "Separator pressure"),
    ("m3/h", 0.0, 70.0, "Separator underflow"),
    ("%", 0.0, 120.0, "Stripper level"),
    ("kPa gauge", 0.0, 3600.0, "Stripper pressure"),
    ("m3/h", 0.0, 46.0, "Product flow"),
    ("degC", 0.0, 130.0, "Stripper temperature"),
    ("kg/h", 0.0, 1000.0, "Stripper steam flow"),
    ("kW", 0.0, 500.0, "Compressor work"),
    ("degC", 0.0, 150.0, "Reactor cooling water outlet temperature"),
    ("degC", 0.0, 150.0, "Condenser cooling water outlet temperature"),
)
_ANALYSED = (
    ("reactor feed, every 6 min", "ABCDEF"),
    ("purge, every 6 min", "ABCDEFGH"),
    ("product, every 15 min", "DEFGH"),
)
_VALVES = (
    *("D feed valve", "E feed valve", "A feed valve", "A and C feed valve", "Recycle valve", "Purge valve"),
    *("Separator liquid valve", "Product valve", "Steam valve", "Reactor cooling water valve"),
    "Condenser cooling water valve",
)


def _variables() -> tuple[Variable, ...]:
    rows = list(_MEASURED)
    rows += [("mole %", 0.0, 100.0, f"{part} in {stream}") for stream, parts in _ANALYSED for part in parts]
    measured = (
        Variable(name=f"xmeas_{number}", unit=unit, description=text, kind="measured", low=low, high=high)
        for number, (unit, low, high, text) in enumerate(rows, start=1)
    )
    # A demand is recorded before it is limited, so it may lie a few percent outside 0 to 100.
    manipulated = (
        Variable(name=f"xmv_{number}", unit="%", description=text, kind="manipulated", low=-5.0, high=105.0)
        for number, text in enumerate(_VALVES, start=1)
    )
    return (*measured, *manipulated)


VARIABLES = _variables()

# Number: description, least and greatest magnitude; 1 is the benchmark's own size, 0 itself is refused.
_FAULTS: dict[int, tuple[str, float, float]] = {
    1: ("A/C ratio of the A/C feed, B constant: step", -3.0, 3.0),
    2: ("B in the A/C feed, A/C ratio constant: step", -0.25, 5.0),
    3: ("D feed temperature: step", -4.0, 4.0),
    4: ("Reactor cooling water inlet temperature: step", -4.0, 4.0),
    5: ("Condenser cooling water inlet temperature: step", -4.0, 4.0),
    6: ("A feed loss: step", 0.0, 1.0),
    7: ("C header pressure loss, less A/C feed: step", 0.0, 1.5),
    8: ("A, B, C composition of the A/C feed: random", 0.0, 1.2),
    9: ("D feed temperature: random", 0.0, 3.0),
    10: ("A/C feed temperature: random", 0.0, 3.0),
    11: ("Reactor cooling water inlet temperature: random", 0.0, 3.0),
    12: ("Condenser cooling water inlet temperature: random", 0.0, 3.0),
    13: ("Reaction kinetics: slow drift", 0.0, 3.0),
    14: ("Reactor cooling water valve: sticking", 0.0, 10.0),
    15: ("Condenser cooling water valve: sticking", 0.0, 10.0),
    16: ("Unknown to the operators (stripper steam heat transfer): random", 0.0, 3.0),
    17: ("Unknown to the operators (reactor heat transfer): ramps with reset", 0.2, 2.0),
    18: ("Unknown to the operators (condenser heat transfer): ramps with reset", 0.2, 3.0),
    19: ("Unknown to the operators (recycle, separator, product and steam valves): sticking", 0.0, 10.0),
    20: ("Unknown to the operators (resistance of the reactor effluent): ramps with reset", 0.2, 3.0),
    21: ("A/C feed valve stays at its steady position: constant", 1.0, 1.0),
    101: ("A feed temperature: random", 0.0, 3.0),
    102: ("E feed temperature: random", 0.0, 3.0),
    103: ("A feed flow at open valve: random", 0.0, 5.0),
    104: ("D feed flow at open valve: random", 0.0, 5.0),
    105: ("E feed flow at open valve: random", 0.0, 5.0),
    106: ("A/C feed flow at open valve: random", 0.0, 5.0),
    107: ("Reactor cooling water flow at open valve: random", 0.0, 5.0),
    108: ("Condenser cooling water flow at open valve: random", 0.0, 5.0),
}
FAULTS = tuple(Fault(name=f"idv-{number}", description=text) for number, (text, _, _) in _FAULTS.items())
FAULT_INDEX = {fault.name: index for index, fault in enumerate(FAULTS)}  # also the kernel's index of the flag
MAGNITUDES = {f"idv-{number}": (low, high) for number, (_, low, high) in _FAULTS.items()}
ORIGINAL_FAULTS = 21  # the first of them; the original's generator knows no more

# Controlled variable: its outermost loop. Set-points of inner loops belong to the loops above them.
SETPOINT_LOOPS = {
    "xmeas_5": 5,
    "xmeas_8": 17,
    "xmeas_9": 18,
    "xmeas_12": 7,
    "xmeas_15": 8,
    "xmeas_17": 11,
    "xmeas_23": 13,
    "xmeas_26": 14,
    "xmeas_27": 15,
    "xmeas_30": 19,
    "xmeas_38": 20,
}
SHUTDOWNS = ("reactor pressure", "reactor temperature", "reactor level", "separator level", "stripper level")
