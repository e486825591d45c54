"""Units: known conversions, there and back, and refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.core.cleaning import UNITS, check_unit, conversion


@pytest.mark.parametrize(
    ("value", "source", "target", "wanted"),
    [
        (25.0, "degC", "K", 298.15),
        (-40.0, "degF", "degC", -40.0),
        (1.0, "bar", "kPa", 100.0),
        (0.0, "bar gauge", "kPa", 101.325),
        (14.695948775, "psi", "atm", 1.0),
        (60.0, "L/min", "m3/h", 3.6),
        (1.0, "t/h", "kg/s", 1.0 / 3.6),
        (50.0, "%", "1", 0.5),
        (1500.0, "rpm", "Hz", 25.0),
        (1.0, "gpm", "L/min", 3.785411784),
    ],
)
def test_known_conversions(value: float, source: str, target: str, wanted: float) -> None:
    factor, offset = conversion(source, target)
    assert factor * value + offset == pytest.approx(wanted, rel=1e-9, abs=1e-9)


PAIRS = [(a, b) for a in UNITS for b in UNITS if UNITS[a].dimension == UNITS[b].dimension]


@given(pair=st.sampled_from(PAIRS), value=st.floats(-1e4, 1e4))
def test_there_and_back(pair: tuple[str, str], value: float) -> None:
    forth, back = conversion(*pair), conversion(pair[1], pair[0])
    there = forth[0] * value + forth[1]
    scale = max(1.0, abs(value), abs(back[0] * forth[1]))
    assert back[0] * there + back[1] == pytest.approx(value, abs=1e-9 * scale)


def test_unknown_and_unlike_units_are_refused() -> None:
    with pytest.raises(InvalidSpec, match=r"columns.t.unit: unknown unit 'degc'; similar: degC"):
        check_unit("degc", path="columns.t.unit")
    with pytest.raises(InvalidSpec, match="does not convert"):
        conversion("bar", "degC")
    with pytest.raises(InvalidSpec, match="both units"):
        conversion("bar", "")
    check_unit("")
