"""Go's time layouts: reading and writing a moment in the form of an example, `2006-01-02 15:04:05`.

Invariant: for a layout that names every field, reading what was written gives the same fields. Source: Go package time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_CHUNK = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|2006|15|1|__2|_2(?!006)|[2345]|PM|pm"
    r"|[-Z]07:00:00|[-Z]070000|[-Z]07:00|[-Z]0700|[-Z]07|[.,](?:0+|9+)(?!\d)"
)
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ABBREVIATION = re.compile(r"GMT[+-]\d{1,2}|[A-Z]{3,5}|[+-]\d{2}(?:\d{2})?")


@lru_cache(maxsize=256)
def _chunks(layout: str) -> tuple[tuple[str, bool], ...]:
    """The layout in pieces: (text, whether it is a field)."""
    found: list[tuple[str, bool]] = []
    at = 0
    for match in _CHUNK.finditer(layout):
        if match.start() > at:
            found.append((layout[at : match.start()], False))
        found.append((match.group(), True))
        at = match.end()
    if at < len(layout):
        found.append((layout[at:], False))
    return tuple(found)


def write_time(moment: datetime, nanosecond: int, layout: str) -> str:
    """The moment in the layout's form; `nanosecond` replaces the microseconds of `moment`."""
    return "".join(_write(moment, nanosecond, text) if field else text for text, field in _chunks(layout))


def _write(moment: datetime, nanosecond: int, chunk: str) -> str:
    hour = moment.hour % 12 or 12
    day = moment.timetuple().tm_yday
    simple = {
        "2006": f"{moment.year:04d}",
        "06": f"{moment.year % 100:02d}",
        "01": f"{moment.month:02d}",
        "1": str(moment.month),
        "January": _MONTHS[moment.month - 1],
        "Jan": _MONTHS[moment.month - 1][:3],
        "Monday": _DAYS[moment.weekday()],
        "Mon": _DAYS[moment.weekday()][:3],
        "02": f"{moment.day:02d}",
        "2": str(moment.day),
        "_2": f"{moment.day:2d}",
        "002": f"{day:03d}",
        "__2": f"{day:3d}",
        "15": f"{moment.hour:02d}",
        "03": f"{hour:02d}",
        "3": str(hour),
        "04": f"{moment.minute:02d}",
        "4": str(moment.minute),
        "05": f"{moment.second:02d}",
        "5": str(moment.second),
        "PM": "PM" if moment.hour >= 12 else "AM",
        "pm": "pm" if moment.hour >= 12 else "am",
        "MST": zone_name(moment),
    }
    if chunk in simple:
        return simple[chunk]
    if chunk[0] in ".,":
        digits = f"{nanosecond:09d}"[: len(chunk) - 1].ljust(len(chunk) - 1, "0")
        if chunk[1] == "9":
            digits = digits.rstrip("0")
        return chunk[0] + digits if digits else ""
    return _write_offset(moment, chunk)


def _write_offset(moment: datetime, chunk: str) -> str:
    offset = moment.utcoffset() or timedelta()
    if chunk[0] == "Z" and not offset:
        return "Z"
    seconds = int(abs(offset).total_seconds())
    sign = "-" if offset < timedelta() else "+"
    parts = (f"{seconds // 3600:02d}", f"{seconds // 60 % 60:02d}", f"{seconds % 60:02d}")
    count = len(chunk.replace(":", "")) // 2
    return sign + (":" if ":" in chunk else "").join(parts[:count])


def zone_name(moment: datetime) -> str:
    """The zone's abbreviation, or its offset such as `+02` where it has none."""
    name = moment.tzname() or "UTC"
    if not name.startswith("UTC") or name == "UTC":
        return name
    offset = _write_offset(moment, "-0700")
    return offset[:3] if offset.endswith("00") else offset


@dataclass(slots=True)
class _Fields:
    """What was read so far."""

    year: int = 1 - 1
    month: int = -1
    day: int = -1
    year_day: int = -1
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanosecond: int = 0
    half: str = ""
    zone: tzinfo | None = None


class LayoutError(ValueError):
    """The text is not in the layout's form."""


def read_time(text: str, layout: str, zone: tzinfo = UTC) -> tuple[datetime, int]:
    """The moment a text names, with its nanoseconds; `zone` holds where the text names none.

    Raises:
        LayoutError: If the text does not fit the layout or names no date of the calendar.
    """
    fields = _Fields()
    rest = text
    chunks = _chunks(layout)
    for index, (chunk, field) in enumerate(chunks):
        if not field:
            rest = _skip(rest, chunk)
            continue
        follower = chunks[index + 1][0] if index + 1 < len(chunks) and chunks[index + 1][1] else ""
        rest = _read(fields, chunk, rest, follower)
    if rest:
        raise LayoutError(f"extra text: {rest!r}")
    return _assemble(fields, zone)


def _skip(text: str, literal: str) -> str:
    """What follows a literal; any number of blanks stands for any other number."""
    while literal:
        if literal[0] == " ":
            if text and text[0] != " ":
                raise LayoutError(f"expected a blank before {text!r}")
            literal, text = literal.lstrip(" "), text.lstrip(" ")
            continue
        if not text or text[0] != literal[0]:
            raise LayoutError(f"expected {literal!r}")
        literal, text = literal[1:], text[1:]
    return text


def _number(text: str, least: int, most: int, low: int, high: int) -> tuple[int, str]:
    match = re.match(rf"[0-9]{{{least},{most}}}", text)
    if match is None or not low <= int(match.group()) <= high:
        raise LayoutError(f"expected a number from {low} to {high} at {text!r}")
    return int(match.group()), text[match.end() :]


def _named(text: str, names: tuple[str, ...]) -> tuple[int, str]:
    for index, name in enumerate(names):
        if text[: len(name)].lower() == name.lower():
            return index, text[len(name) :]
    raise LayoutError(f"expected one of {', '.join(names)}")


_RANGES = {
    "2006": ("year", 4, 4, 0, 9999),
    "01": ("month", 2, 2, 1, 12),
    "1": ("month", 1, 2, 1, 12),
    "02": ("day", 2, 2, 1, 31),
    "2": ("day", 1, 2, 1, 31),
    "_2": ("day", 1, 2, 1, 31),
    "002": ("year_day", 3, 3, 1, 366),
    "__2": ("year_day", 1, 3, 1, 366),
    "15": ("hour", 1, 2, 0, 23),
    "03": ("hour", 2, 2, 0, 12),
    "3": ("hour", 1, 2, 0, 12),
    "04": ("minute", 2, 2, 0, 59),
    "4": ("minute", 1, 2, 0, 59),
    "05": ("second", 2, 2, 0, 59),
    "5": ("second", 1, 2, 0, 59),
}


def _read(fields: _Fields, chunk: str, text: str, follower: str) -> str:
    if chunk in _RANGES:
        name, *bounds = _RANGES[chunk]
        value, text = _number(text.lstrip(" ") if chunk[0] == "_" else text, *bounds)
        setattr(fields, name, value)
        if chunk in ("05", "5") and text[:1] in (".", ",") and text[1:2].isdecimal() and follower[:1] not in (".", ","):
            return _read_fraction(fields, text)
        return text
    if chunk == "06":
        value, text = _number(text, 2, 2, 0, 99)
        fields.year = value + (1900 if value >= 69 else 2000)
    elif chunk in ("January", "Jan"):
        value, text = _named(text, _MONTHS if chunk == "January" else tuple(name[:3] for name in _MONTHS))
        fields.month = value + 1
    elif chunk in ("Monday", "Mon"):
        _, text = _named(text, _DAYS if chunk == "Monday" else tuple(name[:3] for name in _DAYS))
    elif chunk in ("PM", "pm"):
        if text[:2] not in (("AM", "PM") if chunk == "PM" else ("am", "pm")):
            raise LayoutError(f"expected {chunk} at {text!r}")
        fields.half, text = text[:2].upper(), text[2:]
    elif chunk == "MST":
        text = _read_zone_name(fields, text)
    elif chunk[0] in ".,":
        text = _read_exact_fraction(fields, chunk, text)
    else:
        text = _read_offset(fields, chunk, text)
    return text


def _read_fraction(fields: _Fields, text: str) -> str:
    match = re.match(r"[.,]([0-9]+)", text)
    if match is None:
        raise LayoutError(f"expected a fraction at {text!r}")
    fields.nanosecond = int(match.group(1)[:9].ljust(9, "0"))
    return text[match.end() :]


def _read_exact_fraction(fields: _Fields, chunk: str, text: str) -> str:
    if chunk[1] == "9":
        return _read_fraction(fields, text) if text[:1] in (".", ",") and text[1:2].isdecimal() else text
    digits = text[1 : len(chunk)]
    if text[:1] not in (".", ",") or len(digits) != len(chunk) - 1 or not digits.isdecimal():
        raise LayoutError(f"expected {len(chunk) - 1} decimals at {text!r}")
    fields.nanosecond = int(digits[:9].ljust(9, "0"))
    return text[len(chunk) :]


def _read_zone_name(fields: _Fields, text: str) -> str:
    match = _ABBREVIATION.match(text)
    if match is None:
        raise LayoutError(f"expected a time zone at {text!r}")
    name = match.group()
    offset = timedelta(hours=int(name[3:])) if name.startswith("GMT") and len(name) > 3 else timedelta()
    fields.zone = UTC if name == "UTC" else timezone(offset, name)
    return text[match.end() :]


def _read_offset(fields: _Fields, chunk: str, text: str) -> str:
    if chunk[0] == "Z" and text[:1] == "Z":
        fields.zone = UTC
        return text[1:]
    colon = ":" if ":" in chunk else ""
    count = len(chunk.replace(":", "")) // 2
    match = re.match(rf"([+-])([0-9]{{2}}){rf'{colon}([0-9]{{2}})' * (count - 1)}", text)
    if match is None:
        raise LayoutError(f"expected an offset such as {chunk} at {text!r}")
    sign, hours, *rest = match.groups()
    minutes, seconds = (*map(int, rest), 0, 0)[:2]
    if int(hours) > 24 or minutes > 60 or seconds > 60:
        raise LayoutError("time zone offset out of range")
    total = timedelta(hours=int(hours), minutes=minutes, seconds=seconds)
    if total >= timedelta(hours=24):
        raise LayoutError("time zone offset out of range")
    fields.zone = timezone(-total if sign == "-" else total)
    return text[match.end() :]


def _assemble(fields: _Fields, zone: tzinfo) -> tuple[datetime, int]:
    hour = fields.hour
    if fields.half == "PM" and hour < 12:
        hour += 12
    elif fields.half == "AM" and hour == 12:
        hour = 0
    month, day = max(fields.month, 1), max(fields.day, 1)
    try:
        if fields.year_day > 0:
            start = datetime(fields.year, 1, 1, tzinfo=UTC) + timedelta(days=fields.year_day - 1)
            if fields.month > 0 and (start.month, start.day) != (month, day):
                raise LayoutError("day-of-year does not match month")
            month, day = start.month, start.day
        moment = datetime(
            fields.year or 1,
            month,
            day,
            hour,
            fields.minute,
            fields.second,
            fields.nanosecond // 1000,
            tzinfo=fields.zone or zone,
        )
    except (ValueError, OverflowError) as error:
        raise LayoutError(f"no such date: {error}") from error
    return moment, fields.nanosecond
