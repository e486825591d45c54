"""What people write to break a plant, as text: `fault 4 from 8 h; sensor xmeas_9 stuck from 5 h to 6 h`.

    schedule  = entry { (";" | line end) entry }
    entry     = "fault" NAME [ "at" MAGNITUDE ] when
              | "set-point" VARIABLE "to" VALUE "from" TIME
              | "sensor" VARIABLE kind when
    kind      = "stuck" | "ramp" RATE [ "per h" ] | "drop-out" RATIO | "noise" FACTOR | "delay" TIME
              | "unit" ( UNIT | UNIT "to" UNIT | A B )
    when      = "from" TIME [ "to" TIME ]
    TIME      = number with s, min, h or d: "8 h", "8h", "0.5 d"

Decides what the words mean and whether they can be meant; the plant itself is asked about magnitudes and set-points.
Invariant: whatever is refused names the place in the text, and nothing is guessed.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from setpoint.apis.errors import InvalidSpec, Location
from setpoint.plant._plant import FaultEvent, Plant, Scenario, SetPointChange
from setpoint.plant._sensors import CONVERSIONS, KINDS, SensorFault, Sensors

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What happens in a run: in the plant, by its operators, to its instruments."""

    events: tuple[FaultEvent, ...] = ()
    setpoints: tuple[SetPointChange, ...] = ()
    sensors: tuple[SensorFault, ...] = ()

    def scenario(self, seed: int) -> Scenario:
        """The part that the plant itself plays."""
        return Scenario(seed=seed, schedule=self.events, setpoints=self.setpoints)

    def instruments(self, plant: Plant[Any], seed: int) -> Sensors:
        """The part that is laid over its measurements."""
        return Sensors(
            variables=plant.variables, period_seconds=plant.sample_period_seconds, faults=self.sensors, seed=seed
        )


def parse_schedule(text: str, plant: Plant[Any], *, duration_seconds: float | None = None) -> Schedule:
    """The schedule that a text means for a plant.

    Args:
        text: As above; empty for a run in which nothing happens.
        plant: Whose names are meant. A fault with a number can be called by it: `fault 4` is `idv-4`.
        duration_seconds: Length of the run; None if it has no end.

    Raises:
        InvalidSpec: With line and column, what was found and what is allowed.
    """
    events: list[FaultEvent] = []
    setpoints: list[SetPointChange] = []
    sensors: list[SensorFault] = []
    for words in _entries(text):
        entry = _Entry(words, plant, duration_seconds)
        match entry.word("an entry", ("fault", "set-point", "sensor")):
            case "fault":
                event = entry.fault()
                twice = next((other for other in events if _overlap(event, other)), None)
                if twice is not None:
                    raise words[0].error(f"{event.fault} is already active in that time by an earlier entry")
                events.append(event)
            case "set-point":
                setpoints.append(entry.set_point())
            case _:
                sensors.append(entry.sensor())
    return Schedule(events=tuple(events), setpoints=tuple(setpoints), sensors=tuple(sensors))


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    line: int
    column: int

    def error(self, reason: str, allowed: Sequence[str] = ()) -> InvalidSpec:
        place = Location(file="schedule", line=self.line, column=self.column)
        return InvalidSpec(reason, location=place, allowed=tuple(allowed))


def _entries(text: str) -> list[list[_Word]]:
    entries: list[list[_Word]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for part in re.finditer(r"[^;]+", line):
            words = [
                _Word(found.group(), number, part.start() + found.start() + 1)
                for found in re.finditer(r"\S+", part.group())
            ]
            if words:
                entries.append(words)
    return entries


class _Entry:
    """Reads one entry word by word; a draft that lives as long as its reading."""

    def __init__(self, words: Sequence[_Word], plant: Plant[Any], duration: float | None) -> None:
        self._words, self._at, self._plant, self._duration = words, 0, plant, duration

    def fault(self) -> FaultEvent:
        head = self._next("the name of a fault")
        name = self._fault_name(head)
        magnitude = self._number("a magnitude") if self._skip("at") else 1.0
        start, end = self._when()
        event = FaultEvent(fault=name, start_seconds=start, end_seconds=end, magnitude=magnitude)
        self._ask(Scenario(seed=1, schedule=(event,)), head)
        return event

    def set_point(self) -> SetPointChange:
        head = self._next("the name of a variable")
        name = self._known(head, "variable", [variable.name for variable in self._plant.variables])
        self._keyword("to")
        value = self._number("a value")
        start, end = self._when(open_ended=True)
        if end is not None:
            raise head.error("a set-point stays until the next change: leave out the end, or change it back")
        change = SetPointChange(variable=name, time_seconds=start, value=value)
        self._ask(Scenario(seed=1, setpoints=(change,)), head)
        return change

    def sensor(self) -> SensorFault:
        names = [variable.name for variable in self._plant.variables if variable.kind == "measured"]
        name = self._known(self._next("the name of a measured variable"), "measured variable", names)
        kind = self.word("a kind of sensor fault", KINDS)
        value, offset = self._setting(kind, name)
        start, end = self._when()
        return SensorFault(
            variable=name,
            kind=kind,  # type: ignore[arg-type]  # one of KINDS
            start_seconds=start,
            end_seconds=end,
            value=value,
            offset=offset,
        )

    def word(self, what: str, allowed: Sequence[str]) -> str:
        """The next word, which must be one of some."""
        return self._known(self._next(what), what.removeprefix("a ").removeprefix("an "), allowed)

    def _setting(self, kind: str, variable: str) -> tuple[float, float]:
        """(value, offset) as `SensorFault` has them."""
        if kind == "stuck":
            return 0.0, 0.0
        if kind == "unit":
            return self._unit(variable)
        if kind == "delay":
            place = self._peek()
            seconds = self._time()
            if seconds <= 0.0:
                raise place.error("a delay is longer than 0 s")
            return seconds, 0.0
        place = self._peek()
        value = self._number({"ramp": "a rate per hour", "drop-out": "a ratio", "noise": "a factor"}[kind])
        if kind == "ramp" and self._skip("per"):
            self._keyword("h")
        if kind == "drop-out" and not 0.0 < value <= 1.0:
            raise place.error(f"{place.text} is no ratio of lost samples: more than 0, at most 1")
        if kind == "noise" and value < 1.0:
            raise place.error(f"{place.text} would be less noise than the instrument has: give 1 or more")
        return value, 0.0

    def _unit(self, variable: str) -> tuple[float, float]:
        own = next(item.unit for item in self._plant.variables if item.name == variable)
        first = self._peek()
        if _is_number(first.text):
            return self._number("a factor"), self._number("an offset")
        known = CONVERSIONS.get(own, {})
        text, place = self._unit_name((own, *known))
        if self._skip("to"):
            if text != own:
                raise place.error(f"{variable} is in {own}, not in {text}")
            text, place = self._unit_name(tuple(known))
        if text not in known:
            message = f"no other unit {text!r} is known for {own}; give factor and offset as numbers: `unit 1.8 32`"
            raise place.error(message, tuple(known))
        return known[text]

    def _unit_name(self, known: Sequence[str]) -> tuple[str, _Word]:
        """A unit may be of two words (`kPa gauge`)."""
        first = self._next("a unit, or factor and offset")
        if self._at < len(self._words):
            both = f"{first.text} {self._words[self._at].text}"
            if both in known:
                self._at += 1
                return both, first
        return first.text, first

    def _fault_name(self, word: _Word) -> str:
        names = [fault.name for fault in self._plant.faults]
        if word.text.isdecimal():
            found = [name for name in names if re.search(rf"(?:^|\D){int(word.text)}$", name)]
            if len(found) == 1:
                return found[0]
        return self._known(word, "fault", names)

    def _known(self, word: _Word, what: str, names: Sequence[str]) -> str:
        if word.text in names:
            return word.text
        near = next(iter(difflib.get_close_matches(word.text, names, n=1, cutoff=0.5)), "")
        hint = f"; did you mean {near}?" if near else ""
        raise word.error(f"{word.text!r} is no {what} of {self._plant.name}{hint}", names)

    def _when(self, *, open_ended: bool = False) -> tuple[float, float | None]:
        self._keyword("from")
        place = self._peek()
        start = self._time()
        if self._duration is not None and start >= self._duration:
            raise place.error(f"begins after the end of the run, which lasts {_hours(self._duration)}")
        end: float | None = None
        if self._skip("to"):
            place = self._peek()
            end = self._time()
            if end <= start and not open_ended:
                raise place.error(f"ends at {_hours(end)}, not after its begin at {_hours(start)}")
            if self._duration is not None and end > self._duration:
                raise place.error(f"ends after the end of the run, which lasts {_hours(self._duration)}: leave it out")
        if self._at < len(self._words):
            extra = self._words[self._at]
            raise extra.error(f"{extra.text!r} is too much here: entries are separated by ;")
        return start, end

    def _time(self) -> float:
        word = self._next("a time such as 8 h")
        found = re.fullmatch(rf"({_NUMBER})([a-zA-Z]*)", word.text)
        if found is None:
            raise word.error(f"{word.text!r} is no time: a number with a unit, such as 8 h", tuple(UNITS))
        number, unit, place = float(found.group(1)), found.group(2), word
        if not unit:
            place = self._next("a unit of time")
            unit = place.text
        if unit not in UNITS:
            raise place.error(f"{unit!r} is no unit of time", tuple(UNITS))
        seconds = number * UNITS[unit]
        if seconds < 0.0:
            raise word.error(f"{word.text} {unit} is negative; times count from the start of the run")
        if not math.isfinite(seconds):
            raise word.error(f"{word.text} is no time")
        return seconds

    def _number(self, what: str) -> float:
        word = self._next(what)
        if not _is_number(word.text):
            raise word.error(f"{word.text!r} is not {what}: a number")
        return float(word.text)

    def _keyword(self, text: str) -> None:
        word = self._next(f"`{text}`")
        if word.text != text:
            raise word.error(f"found {word.text!r} where `{text}` should be")

    def _skip(self, text: str) -> bool:
        found = self._at < len(self._words) and self._words[self._at].text == text
        self._at += found
        return found

    def _next(self, what: str) -> _Word:
        word = self._peek()
        if self._at == len(self._words):
            raise word.error(f"the entry ends where {what} should be")
        self._at += 1
        return word

    def _peek(self) -> _Word:
        """The next word; at the end a place just behind the last one."""
        if self._at < len(self._words):
            return self._words[self._at]
        last = self._words[-1]
        return _Word("", last.line, last.column + len(last.text))

    def _ask(self, scenario: Scenario, place: _Word) -> None:
        """What only the plant knows: magnitudes, which variables have set-points, their limits."""
        try:
            self._plant.start([scenario])
        except ValueError as error:
            raise place.error(str(error)) from None


def _is_number(text: str) -> bool:
    return re.fullmatch(_NUMBER, text) is not None and math.isfinite(float(text))


def _overlap(one: FaultEvent, other: FaultEvent) -> bool:
    ends = [math.inf if event.end_seconds is None else event.end_seconds for event in (one, other)]
    return one.fault == other.fault and one.start_seconds < ends[1] and other.start_seconds < ends[0]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600.0:g} h"
