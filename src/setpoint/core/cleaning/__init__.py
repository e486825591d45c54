"""Cleaning of recorded measurements: rules by column, units, filling. Pure transforms of polars frames."""

from setpoint.core.cleaning._rules import KINDS, ColumnRules, Counts, clean, fill, frozen_rows, to_numbers
from setpoint.core.cleaning._units import UNITS, Unit, check_unit, conversion

__all__ = [
    "KINDS",
    "UNITS",
    "ColumnRules",
    "Counts",
    "Unit",
    "check_unit",
    "clean",
    "conversion",
    "fill",
    "frozen_rows",
    "to_numbers",
]
