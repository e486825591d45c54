"""The text of a schedule: what it means, and that each mistake is named with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import InvalidSpec
from setpoint.plant import PLANTS, FaultEvent, Schedule, SensorFault, SetPointChange, parse_schedule

TEP, CSTR = PLANTS["tep"], PLANTS["cstr"]
HOUR = 3600.0


def test_faults_by_name_and_by_number() -> None:
    text = "fault 4 from 8 h; fault idv-11 from 20h to 30 h\nfault 6 at 0.5 from 0.5 d;"
    assert parse_schedule(text, TEP, duration_seconds=48 * HOUR).events == (
        FaultEvent(fault="idv-4", start_seconds=8 * HOUR),
        FaultEvent(fault="idv-11", start_seconds=20 * HOUR, end_seconds=30 * HOUR),
        FaultEvent(fault="idv-6", start_seconds=12 * HOUR, magnitude=0.5),
    )
    assert parse_schedule("fault 1 from 1 h", TEP).events[0].fault == "idv-1"  # not idv-11, not idv-101
    assert parse_schedule("fault coolant-valve from 90 s", CSTR).events[0].start_seconds == 90.0


def test_nothing_happens_in_an_empty_schedule() -> None:
    assert parse_schedule(" ;\n; ", CSTR) == Schedule()


def test_set_points() -> None:
    found = parse_schedule("set-point xmeas_9 to 121.5 from 30 min", TEP)
    assert found.setpoints == (SetPointChange(variable="xmeas_9", time_seconds=1800.0, value=121.5),)
    assert found.scenario(7).setpoints == found.setpoints


@pytest.mark.parametrize(
    ("words", "kind", "value", "offset"),
    [
        ("stuck", "stuck", 0.0, 0.0),
        ("ramp -0.5", "ramp", -0.5, 0.0),
        ("ramp 2 per h", "ramp", 2.0, 0.0),
        ("drop-out 0.25", "drop-out", 0.25, 0.0),
        ("noise 3", "noise", 3.0, 0.0),
        ("delay 10 min", "delay", 600.0, 0.0),
        ("unit degF", "unit", 1.8, 32.0),
        ("unit degC to K", "unit", 1.0, 273.15),
        ("unit 2 -3", "unit", 2.0, -3.0),
    ],
)
def test_kinds_of_sensor_faults(words: str, kind: str, value: float, offset: float) -> None:
    (found,) = parse_schedule(f"sensor xmeas_9 {words} from 1 h to 2 h", TEP).sensors
    assert (found.variable, found.kind, found.value, found.offset) == ("xmeas_9", kind, value, offset)
    assert (found.start_seconds, found.end_seconds) == (HOUR, 2 * HOUR)


def test_a_unit_of_two_words() -> None:
    (found,) = parse_schedule("sensor xmeas_7 unit kPa gauge to bar gauge from 1 h", TEP).sensors
    assert found == SensorFault(variable="xmeas_7", kind="unit", start_seconds=HOUR, value=0.01)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("failt 4 from 1 h", "1:1", ["'failt'", "did you mean fault?"]),
        ("fault", "1:6", ["the name of a fault"]),
        ("fault idv-44 from 1 h", "1:7", ["'idv-44' is no fault of tep", "did you mean", "allowed: idv-1"]),
        ("fault 9999999999 from 1 h", "1:7", ["no fault of tep"]),
        ("fault 4 at lots from 1 h", "1:12", ["'lots'", "magnitude"]),
        ("fault 4 at 99 from 1 h", "1:7", ["magnitude 99"]),
        ("fault 4 at nan from 1 h", "1:12", ["'nan'"]),
        ("fault 4 since 1 h", "1:9", ["'since'", "`from`"]),
        ("fault 4 from 8", "1:15", ["unit of time"]),
        ("fault 4 from 8 parsecs", "1:16", ["'parsecs'", "allowed: s, min, h, d"]),
        ("fault 4 from -8 h", "1:14", ["negative"]),
        ("fault 4 from 1e999 h", "1:14", ["no time"]),
        ("fault 4 from soon", "1:14", ["'soon' is no time"]),
        ("fault 4 from 48 h", "1:14", ["after the end of the run", "48 h"]),
        ("fault 4 from 8 h to 49 h", "1:21", ["after the end of the run"]),
        ("fault 4 from 8 h to 8 h", "1:21", ["not after its begin"]),
        ("fault 4 from 8 h fault 5 from 9 h", "1:18", ["too much", ";"]),
        ("fault 4 from 8 h\n  fault 4 from 9 h", "2:3", ["already active"]),
        ("set-point xmeas_1 to 3 from 1 h", "1:11", ["no set-point"]),
        ("set-point xmeas_99 to 3 from 1 h", "1:11", ["'xmeas_99'", "did you mean xmeas_9?"]),
        ("set-point xmeas_9 to 121 from 1 h to 2 h", "1:11", ["until the next change"]),
        ("fault 4 from 1 h; sensor xmeas_99 stuck from 1 h", "1:26", ["did you mean xmeas_9?"]),
        ("sensor xmv_1 stuck from 1 h", "1:8", ["no measured variable"]),
        ("sensor xmeas_9 stucc from 1 h", "1:16", ["did you mean stuck?", "delay"]),
        ("sensor xmeas_9 drop-out 2 from 1 h", "1:25", ["no ratio"]),
        ("sensor xmeas_9 noise 0.5 from 1 h", "1:22", ["less noise"]),
        ("sensor xmeas_9 delay 0 min from 1 h", "1:22", ["longer than 0"]),
        ("sensor xmeas_9 unit furlong from 1 h", "1:21", ["'furlong'", "allowed: degF, K"]),
        ("sensor xmeas_9 unit K to degC from 1 h", "1:21", ["is in degC, not in K"]),
        ("sensor xmeas_9 unit 1.8 from 1 h", "1:25", ["offset"]),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, place: str, words: list[str]) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse_schedule(text, TEP, duration_seconds=48 * HOUR)
    said = str(caught.value)
    assert said.startswith(f"schedule:{place}: ")
    assert all(word in said for word in words), said


def test_a_plant_without_set_points_says_so() -> None:
    with pytest.raises(InvalidSpec, match="schedule:1:11: cstr has no set-points"):
        parse_schedule("set-point reactor_level to 60 from 1 h", CSTR)


@given(st.text(alphabet="fault sensor ramp;\n0123456789.-+ehd_xmas", max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        parse_schedule(text, CSTR)
    except InvalidSpec as error:
        assert error.location is not None and error.location.line and error.location.column


@given(
    start=st.integers(0, 10_000),
    length=st.integers(1, 10_000),
    unit=st.sampled_from(["s", "min", "h"]),
    glued=st.booleans(),
)
def test_times_are_read_exactly(start: int, length: int, unit: str, glued: bool) -> None:
    gap = "" if glued else " "
    (event,) = parse_schedule(
        f"fault feed-temperature from {start}{gap}{unit} to {start + length}{gap}{unit}", CSTR
    ).events
    size = {"s": 1, "min": 60, "h": 3600}[unit]
    assert (event.start_seconds, event.end_seconds) == (start * size, (start + length) * size)
