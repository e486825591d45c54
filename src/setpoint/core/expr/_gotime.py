"""Go's times, durations and locations as values of an expression, with the methods users call on them.

Invariant: values are immutable; nothing here reads a clock. Source: Go package time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._golayout import LayoutError, read_time, write_time
from setpoint.core.expr._gotext import GoValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_DURATION = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
RFC3339 = "2006-01-02T15:04:05Z07:00"
_RFC3339_NANO = "2006-01-02T15:04:05.999999999Z07:00"
_DEFAULT_LAYOUTS = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    RFC3339,
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)
_GUESSED_LAYOUTS = (
    "Mon Jan _2 15:04:05 2006",
    "Mon Jan _2 15:04:05 MST 2006",
    "Mon Jan 02 15:04:05 -0700 2006",
    "3:04PM",
    RFC3339,
    _RFC3339_NANO,
    "2006-01-02",
    "2006-01-02 15:04",
    "2006-01-02 15:04:05",
    "2006-01-02 15:04:05-07:00",
    "2006-01-02T15Z0700",
    "2006-01-02T15:04Z0700",
    "2006-01-02T15:04:05Z0700",
    "2006-01-02T15:04:05.999999999Z0700",
)


@dataclass(frozen=True, slots=True, order=True)
class GoDuration(GoValue):
    """A span of time in nanoseconds."""

    nanoseconds: int
    go_type: ClassVar[str] = "time.Duration"

    def __post_init__(self) -> None:
        if not -(1 << 63) <= self.nanoseconds < 1 << 63:
            raise ExpressionError("duration out of range")

    def __str__(self) -> str:
        return format_duration(self.nanoseconds)

    def json_value(self) -> int:
        """Nanoseconds, as encoding/json writes a duration."""
        return self.nanoseconds

    def seconds(self) -> float:
        """Whole and fractional seconds."""
        return self.nanoseconds / 10**9


@dataclass(frozen=True, slots=True)
class GoLocation(GoValue):
    """A time zone."""

    name: str
    zone: tzinfo
    go_type: ClassVar[str] = "*time.Location"

    def __str__(self) -> str:
        return self.name

    def json_value(self) -> dict[str, Any]:
        """An empty map: the type has no public fields."""
        return {}


@dataclass(frozen=True, slots=True)
class GoName(GoValue):
    """A month or a week day: a number that prints as a name."""

    number: int
    name: str
    kind: str

    def type_name(self) -> str:
        """`time.Month` or `time.Weekday`."""
        return self.kind

    def __str__(self) -> str:
        return self.name

    def json_value(self) -> int:
        """The number."""
        return self.number


@dataclass(frozen=True, slots=True, eq=False)
class GoTime(GoValue):
    """A moment in a zone; `moment` holds whole microseconds, `nanosecond` the full fraction of the second."""

    moment: datetime
    nanosecond: int
    go_type: ClassVar[str] = "time.Time"

    @classmethod
    def of(cls, moment: datetime) -> GoTime:
        """A moment of the standard library, which must know its zone."""
        return cls(moment, moment.microsecond * 1000)

    @property
    def unix_nanoseconds(self) -> int:
        """Nanoseconds since 1970."""
        delta = self.moment - _EPOCH
        return (delta.days * 86400 + delta.seconds) * 10**9 + self.nanosecond

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GoTime) and self.unix_nanoseconds == other.unix_nanoseconds

    def __lt__(self, other: GoTime) -> bool:
        return self.unix_nanoseconds < other.unix_nanoseconds

    def __hash__(self) -> int:
        return hash(self.unix_nanoseconds)

    def __str__(self) -> str:
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def json_value(self) -> str:
        """RFC 3339 with as many decimals as needed."""
        return self.format(_RFC3339_NANO)

    def format(self, layout: str) -> str:
        """The text in the form of a layout."""
        return write_time(self.moment, self.nanosecond, layout)

    def shifted(self, nanoseconds: int) -> GoTime:
        """The moment that much later, in the same zone."""
        return from_unix(self.unix_nanoseconds + nanoseconds, self.moment.tzinfo or UTC)

    def moved(self, years: int, months: int, days: int) -> GoTime:
        """The moment whole years, months and days later; a day past the month's end runs on into the next."""
        index = self.moment.year * 12 + self.moment.month - 1 + years * 12 + months
        try:
            first = self.moment.replace(year=index // 12, month=index % 12 + 1, day=1)
            return GoTime(first + timedelta(days=self.moment.day - 1 + days), self.nanosecond)
        except (ValueError, OverflowError) as error:
            raise ExpressionError(f"date out of range: {error}") from error


def from_unix(nanoseconds: int, zone: tzinfo = UTC) -> GoTime:
    """The moment so many nanoseconds after 1970."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    try:
        moment = (_EPOCH + timedelta(seconds=seconds, microseconds=fraction // 1000)).astimezone(zone)
    except (OverflowError, ValueError) as error:
        raise ExpressionError(f"time out of range: {error}") from error
    return GoTime(moment, fraction)


def parse_duration(text: str) -> GoDuration:
    """A Go duration such as `1h30m` or `1.5s`; a bare number but 0 has no unit and is refused.

    Raises:
        ExpressionError: `time: invalid duration "..."` and its relatives.
    """
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return GoDuration(0)
    total = 0
    if not rest:
        raise ExpressionError(f'time: invalid duration "{text}"')
    while rest:
        match = _DURATION.match(rest)
        if match is None or not (match[1] or match[2]):
            missing = re.fullmatch(r"[0-9.]+", rest) is not None
            raise ExpressionError(f'time: {"missing unit in" if missing else "invalid"} duration "{text}"')
        unit = _UNITS[match[3]]
        fraction = match[2] or ""
        total += int(match[1] or "0") * unit + (
            int(fraction[:18]) * unit // 10 ** len(fraction[:18]) if fraction else 0
        )
        rest = rest[match.end() :]
    return GoDuration(-total if text[0] == "-" else total)


def format_duration(nanoseconds: int) -> str:
    """`1h0m0.5s`, `1.5ms`, `0s`."""
    if not nanoseconds:
        return "0s"
    sign, value = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if value < size * 1000:
            return f"{sign}{_decimal(value, size)}{unit}"
    minutes, rest = divmod(value, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{head}{_decimal(rest, 10**9)}s"


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).rjust(len(str(size)) - 1, '0').rstrip('0')}"


def load_location(name: str) -> GoLocation:
    """A zone of the IANA database; empty and `UTC` are UTC."""
    if name in ("", "UTC"):
        return GoLocation("UTC", UTC)
    try:
        return GoLocation(name, ZoneInfo(name))
    except (OSError, ValueError, KeyError) as error:
        raise ExpressionError(f"unknown time zone {name}") from error


def parse_time(text: str, layout: str | None = None, zone: tzinfo = UTC) -> GoTime:
    """The moment a text names, in the given layout or the first of the common ones that fits.

    Raises:
        ExpressionError: If it fits none.
    """
    for candidate in (layout,) if layout is not None else _DEFAULT_LAYOUTS:
        try:
            return GoTime(*read_time(text, candidate, zone))
        except LayoutError:
            continue
    if layout is not None:
        raise ExpressionError(f'parsing time "{text}" as "{layout}": it does not have that form')
    raise ExpressionError(f"invalid date {text}")


def parse_guess(text: str) -> float | None:
    """Unix seconds, if a quoted text of a `when` looks like a date; Argo's controller runs in UTC."""
    if not any(char.isdecimal() for char in text):
        return None
    for layout in _GUESSED_LAYOUTS:
        try:
            return float(GoTime(*read_time(text, layout)).unix_nanoseconds // 10**9)
        except LayoutError:
            continue
    return None
