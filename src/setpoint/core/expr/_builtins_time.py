"""Times in expressions: `now`, `date`, `duration`, `timezone`, and the methods of what they return.

Invariant: only `now` depends on anything but its arguments, and takes it from the `Ambient` it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._expr_values import text, to_int
from setpoint.core.expr._function import Ambient, Function, demand
from setpoint.core.expr._gotext import go_type
from setpoint.core.expr._gotime import (
    GoDuration,
    GoLocation,
    GoName,
    GoTime,
    from_unix,
    load_location,
    parse_duration,
    parse_time,
)
from setpoint.core.expr._sprig_versions import VERSION_METHODS, GoVersion

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]


def _now(ambient: Ambient | None, zone: Any = None) -> GoTime:
    moment = demand(ambient, "now").now
    if zone is not None and not isinstance(zone, GoLocation):
        raise ExpressionError(f"now needs a time zone, got {go_type(zone)}")
    return GoTime.of(moment.astimezone(UTC if zone is None else zone.zone))


def _date(ambient: Ambient | None, *arguments: Any) -> GoTime:
    zone = UTC
    if isinstance(arguments[0], GoLocation):
        return _date_in(arguments[0], arguments[1:])
    if len(arguments) == 3:
        return _date_in(load_location(text(arguments[2], "date")), arguments[:2])
    return _date_in(GoLocation("UTC", zone), arguments)


def _date_in(zone: GoLocation, arguments: tuple[Any, ...]) -> GoTime:
    if not 1 <= len(arguments) <= 2:
        raise ExpressionError(f"invalid number of arguments for date (expected 1 to 3, got {len(arguments)})")
    layout = text(arguments[1], "date") if len(arguments) == 2 else None
    return parse_time(text(arguments[0], "date"), layout, zone.zone)


TIME_BUILTINS: dict[str, Function] = {
    "now": Function(_now, 0, 1, "time"),
    "date": Function(_date, 1, 4, "time"),
    "duration": Function(lambda ambient, value: parse_duration(text(value, "duration")), 1, 1, "duration"),
    "timezone": Function(lambda ambient, value: load_location(text(value, "timezone")), 1, 1, "location"),
}


def _other(value: Any, kind: type[Any], method: str) -> Any:
    if not isinstance(value, kind):
        raise ExpressionError(f"cannot use {go_type(value)} as argument to call {method}")
    return value


def _truncate(time: GoTime, step: GoDuration) -> GoTime:
    """Down to a multiple of the step since the year 1."""
    if step.nanoseconds <= 0:
        return time
    since = time.unix_nanoseconds + 62135596800 * 10**9
    return time.shifted(-(since % step.nanoseconds))


_TIME_METHODS: dict[str, tuple[int, Callable[..., Any]]] = {
    "Unix": (0, lambda t: t.unix_nanoseconds // 10**9),
    "UnixMilli": (0, lambda t: t.unix_nanoseconds // 10**6),
    "UnixMicro": (0, lambda t: t.unix_nanoseconds // 10**3),
    "UnixNano": (0, lambda t: t.unix_nanoseconds),
    "Year": (0, lambda t: t.moment.year),
    "Month": (0, lambda t: GoName(t.moment.month, _MONTHS[t.moment.month - 1], "time.Month")),
    "Day": (0, lambda t: t.moment.day),
    "Hour": (0, lambda t: t.moment.hour),
    "Minute": (0, lambda t: t.moment.minute),
    "Second": (0, lambda t: t.moment.second),
    "Nanosecond": (0, lambda t: t.nanosecond),
    "YearDay": (0, lambda t: t.moment.timetuple().tm_yday),
    "Weekday": (0, lambda t: GoName(t.moment.isoweekday() % 7, _DAYS[t.moment.isoweekday() % 7], "time.Weekday")),
    "Format": (1, lambda t, layout: t.format(text(layout, "Format"))),
    "String": (0, str),
    "UTC": (0, lambda t: from_unix(t.unix_nanoseconds)),
    "In": (1, lambda t, zone: from_unix(t.unix_nanoseconds, _other(zone, GoLocation, "In").zone)),
    "IsZero": (0, lambda t: t.moment.year == 1 and t.moment.timetuple().tm_yday == 1 and not t.moment.hour),
    "Add": (1, lambda t, d: t.shifted(_other(d, GoDuration, "Add").nanoseconds)),
    "Sub": (1, lambda t, o: GoDuration(t.unix_nanoseconds - _other(o, GoTime, "Sub").unix_nanoseconds)),
    "AddDate": (3, lambda t, years, months, days: t.moved(to_int(years), to_int(months), to_int(days))),
    "Before": (1, lambda t, o: t < _other(o, GoTime, "Before")),
    "After": (1, lambda t, o: _other(o, GoTime, "After") < t),
    "Equal": (1, lambda t, o: t == _other(o, GoTime, "Equal")),
    "Compare": (1, lambda t, o: (_other(o, GoTime, "Compare") < t) - (t < o)),
    "Truncate": (1, lambda t, d: _truncate(t, _other(d, GoDuration, "Truncate"))),
}
_DURATION_METHODS: dict[str, tuple[int, Callable[..., Any]]] = {
    "Nanoseconds": (0, lambda d: d.nanoseconds),
    "Microseconds": (0, lambda d: int(d.nanoseconds / 1000)),
    "Milliseconds": (0, lambda d: int(d.nanoseconds / 10**6)),
    "Seconds": (0, lambda d: d.nanoseconds / 10**9),
    "Minutes": (0, lambda d: d.nanoseconds / (60 * 10**9)),
    "Hours": (0, lambda d: d.nanoseconds / (3600 * 10**9)),
    "String": (0, str),
    "Abs": (0, lambda d: GoDuration(abs(d.nanoseconds))),
}
_OTHER_METHODS: dict[str, tuple[int, Callable[..., Any]]] = {"String": (0, str)}


def call_method(target: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """`target.name(arguments)` on a time, duration, zone, month, week day or version.

    Raises:
        ExpressionError: If the value has no such method here, or the arguments do not fit.
    """
    if target is None:
        raise ExpressionError(f"cannot fetch {name} from <nil>")
    table = _TABLES.get(type(target))
    if table is None or name not in table:
        raise ExpressionError(f"unknown or unsupported method {name} of {go_type(target)}")
    count, run = table[name]
    if len(arguments) != count:
        raise ExpressionError(f"invalid number of arguments for {name} (expected {count}, got {len(arguments)})")
    return run(target, *arguments)


_TABLES: dict[type, dict[str, tuple[int, Callable[..., Any]]]] = {
    GoTime: _TIME_METHODS,
    GoDuration: _DURATION_METHODS,
    GoLocation: _OTHER_METHODS,
    GoName: _OTHER_METHODS,
    GoVersion: VERSION_METHODS,
}
METHODS = frozenset(name for table in _TABLES.values() for name in table)
"""All method names there are, for the parser's refusal."""
