"""Cron schedules: five fields, descriptors such as `@daily`, and `@every DURATION`, in a time zone.

Where day of month and day of week are both given, either matches. Moments are walked in real time: one that a clock
change leaves out does not come, one that it repeats comes twice. Source: robfig/cron's standard parser, as Argo uses
it; SEMANTICS section 20.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow.durations import parse_duration

_YEARS = 5  # a schedule that does not come within them never comes, such as February 30
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6))
_RANGE = re.compile(r"(\*|\?|\w+)(?:-(\w+))?(?:/(\d+))?")


class ScheduleError(Exception):
    """A text is no schedule; says what is wrong with it."""


class Schedule(msgspec.Struct, frozen=True):
    """A parsed schedule. `every` is set for `@every`; else the five sets count. `starred`: (day of month, of week)."""

    zone: str = "UTC"
    every: timedelta | None = None
    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    starred: tuple[bool, bool] = (True, True)

    def next(self, after: datetime) -> datetime | None:
        """The first moment after `after`, in UTC and whole seconds; None if there is none within five years."""
        start = after.astimezone(UTC).replace(microsecond=0)
        if self.every is not None:
            return start + self.every
        zone = ZoneInfo(self.zone)
        moment = (start + timedelta(seconds=1)).astimezone(zone)
        if moment.second:
            moment = _later(moment, timedelta(seconds=60 - moment.second))
        last = moment.year + _YEARS
        while moment.year <= last:
            if moment.month not in self.months:
                moment = _midnight(moment, months=1)
            elif not self._is_day(moment):
                moment = _midnight(moment, days=1)
            elif moment.hour not in self.hours:
                moment = _later(moment, timedelta(minutes=60 - moment.minute))
            elif moment.minute not in self.minutes:
                moment = _later(moment, timedelta(minutes=1))
            else:
                return moment.astimezone(UTC)
        return None

    def _is_day(self, moment: datetime) -> bool:
        of_month, of_week = moment.day in self.days, moment.isoweekday() % 7 in self.weekdays
        return of_month and of_week if any(self.starred) else of_month or of_week


def _later(moment: datetime, wait: timedelta) -> datetime:
    """Real time on, not the wall clock's."""
    return (moment.astimezone(UTC) + wait).astimezone(moment.tzinfo)


def _midnight(moment: datetime, *, months: int = 0, days: int = 0) -> datetime:
    """The start of the next month or day; where a clock change leaves midnight out, the first moment after it."""
    day = moment.replace(hour=0, minute=0, second=0, fold=0)
    if months:
        day = day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1, day=1)
    else:
        day += timedelta(days=days)
    return day.astimezone(UTC).astimezone(moment.tzinfo)


def parse_schedule(text: str, timezone: str = "") -> Schedule:
    """The schedule that a text says, in its own zone (`CRON_TZ=`), else the given one, else UTC.

    Raises: ScheduleError.
    """
    words = text.split()
    if words and words[0].startswith(("TZ=", "CRON_TZ=")):
        timezone, words = words[0].partition("=")[2], words[1:]
    zone = timezone or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(f"provided bad location {zone}: unknown time zone {zone}") from error
    if words[:1] == ["@every"] and len(words) == 2:
        return Schedule(zone=zone, every=_every(words[1]))
    if len(words) == 1 and words[0] in _DESCRIPTORS:
        words = _DESCRIPTORS[words[0]].split()
    elif words[:1] and words[0].startswith("@"):
        raise ScheduleError(f"unrecognized descriptor: {' '.join(words)}")
    if len(words) != len(_FIELDS):
        raise ScheduleError(f"expected exactly 5 fields, found {len(words)}: {words}")
    minutes, hours, days, months, weekdays = (_field(word, *field) for word, field in zip(words, _FIELDS, strict=True))
    return Schedule(
        zone=zone,
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        starred=(_is_starred(words[2]), _is_starred(words[4])),
    )


def _is_starred(word: str) -> bool:
    """Whether a field of days leaves the choice to the other one: `*` does, `*/2` does not."""
    return any(part in ("*", "?", "*/1", "?/1") for part in word.split(","))


def _every(text: str) -> timedelta:
    try:
        wait = parse_duration(text, bare_seconds=False)
    except InvalidSpec as error:
        raise ScheduleError(f"failed to parse duration @every {text}: {error}") from error
    return max(timedelta(seconds=1), timedelta(seconds=int(wait.total_seconds())))


def _field(word: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ScheduleError(f"failed to parse {name}: {part!r} is no number, name, range or step")
        first, second, step = match.groups()
        if first in ("*", "?"):
            begin, end = low, high
        else:
            begin = _value(first, name)
            end = _value(second, name) if second else high if step else begin
        if begin < low or end > high or begin > end:
            raise ScheduleError(f"{name} {part!r} is out of its range {low} to {high}")
        if step == "0":
            raise ScheduleError(f"step of range should be a positive number: {part}")
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _value(word: str, name: str) -> int:
    if word.isdecimal():
        return int(word)
    names = {"month": _MONTHS, "day of week": _DAYS}.get(name, ())
    if word.lower() not in names:
        raise ScheduleError(f"failed to parse {name}: {word!r} is no number")
    return names.index(word.lower()) + (1 if name == "month" else 0)
