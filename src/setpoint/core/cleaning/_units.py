"""Units of measurement and the affine conversions between them.

Decides which unit names are known; a unit that is not in the table is an error, never a silent copy. Invariant:
converting there and back is the identity up to rounding. Gauge pressures count from 101.325 kPa; `g_n` is standard
gravity. Factors: SI Brochure (9th edition, 2019) and NIST SP 811, appendix B.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from setpoint.apis.errors import InvalidSpec

_ATMOSPHERE = 101_325.0
_GALLON, _POUND = 3.785411784e-3, 0.45359237


@dataclass(frozen=True, slots=True)
class Unit:
    """`value in base unit = factor * value + offset`; units of one dimension convert."""

    dimension: str
    factor: float = 1.0
    offset: float = 0.0


def _table() -> dict[str, Unit]:
    table = {
        "K": Unit("temperature"),
        "degC": Unit("temperature", 1.0, 273.15),
        "degF": Unit("temperature", 5.0 / 9.0, 459.67 * 5.0 / 9.0),
    }
    groups: dict[str, dict[str, float]] = {
        "ratio": {"1": 1.0, "%": 1e-2, "ppm": 1e-6},
        "mole ratio": {"mole %": 1e-2, "mol/mol": 1.0},
        "volume flow": {
            "m3/s": 1.0,
            "m3/h": 1.0 / 3600.0,
            "m3/min": 1.0 / 60.0,
            "L/s": 1e-3,
            "L/min": 1e-3 / 60.0,
            "L/h": 1e-3 / 3600.0,
            "gpm": _GALLON / 60.0,
        },
        "standard flow": {"kscmh": 1000.0 / 3600.0, "scmh": 1.0 / 3600.0},
        "mass flow": {
            "kg/s": 1.0,
            "kg/min": 1.0 / 60.0,
            "kg/h": 1.0 / 3600.0,
            "t/h": 1.0 / 3.6,
            "lb/h": _POUND / 3600.0,
        },
        "power": {"W": 1.0, "kW": 1e3, "MW": 1e6, "hp": 745.6998715822702},
        "time": {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86400.0},
        "concentration": {"mol/m3": 1.0, "mol/L": 1e3, "mmol/L": 1.0},
        "density": {"kg/m3": 1.0, "kg/L": 1e3, "gram/L": 1.0},
        "current": {"A": 1.0, "mA": 1e-3, "kA": 1e3},
        "voltage": {"V": 1.0, "mV": 1e-3, "kV": 1e3},
        "acceleration": {"m/s2": 1.0, "g_n": 9.80665},
        "velocity": {"m/s": 1.0, "mm/s": 1e-3, "km/h": 1.0 / 3.6},
        "frequency": {"Hz": 1.0, "1/s": 1.0, "1/min": 1.0 / 60.0, "rpm": 1.0 / 60.0},
        "length": {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "in": 0.0254, "ft": 0.3048},
        "mass": {"kg": 1.0, "gram": 1e-3, "t": 1e3, "lb": _POUND},
        "volume": {"m3": 1.0, "L": 1e-3, "gal": _GALLON},
        "energy": {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "kWh": 3.6e6},
        "torque": {"N m": 1.0, "kN m": 1e3},
    }
    table |= {name: Unit(dimension, factor) for dimension, units in groups.items() for name, factor in units.items()}
    pressures = {"Pa": 1.0, "hPa": 1e2, "mbar": 1e2, "kPa": 1e3, "MPa": 1e6, "bar": 1e5, "psi": 6894.757293168361}
    table |= {name: Unit("pressure", factor) for name, factor in pressures.items()}
    gauges = {"kPa gauge": 1e3, "bar gauge": 1e5, "psi gauge": pressures["psi"]}
    table |= {name: Unit("pressure", factor, _ATMOSPHERE) for name, factor in gauges.items()}
    table |= {"atm": Unit("pressure", _ATMOSPHERE), "mmHg": Unit("pressure", 133.322387415)}
    return table


UNITS = _table()


def check_unit(name: str, *, path: str = "") -> None:
    """Raises InvalidSpec if the unit is not known; the empty text means that no unit is stated."""
    if name and name not in UNITS:
        same = [unit for unit in UNITS if unit.lower() == name.lower()]
        near = same or difflib.get_close_matches(name, UNITS, n=3, cutoff=0.4)
        hint = f"; similar: {', '.join(near)}" if near else ""
        raise InvalidSpec(f"unknown unit {name!r}{hint}", path=path)


def conversion(source: str, target: str, *, path: str = "") -> tuple[float, float]:
    """(factor, offset) with `target value = factor * source value + offset`.

    >>> factor, offset = conversion("degF", "degC")
    >>> round(factor * 212.0 + offset, 9)
    100.0

    Raises:
        InvalidSpec: A unit is unknown or the two measure different things.
    """
    check_unit(source, path=path)
    check_unit(target, path=path)
    if not source or not target:
        raise InvalidSpec("a conversion needs both units", path=path)
    a, b = UNITS[source], UNITS[target]
    if a.dimension != b.dimension:
        raise InvalidSpec(f"{source} ({a.dimension}) does not convert to {target} ({b.dimension})", path=path)
    return a.factor / b.factor, (a.offset - b.offset) / b.factor
