"""The table of sprig's functions, and those of them that read a clock, draw at random or handle dates.

Not here, and refused by name where an expression calls one: `env` and `expandenv` (Argo has them not either), and
`WITHHELD`, which make secrets or ask the network.
Invariant: what reads the time or draws takes both from the `Ambient` it is given. Source: sprig 3.3.
"""

from __future__ import annotations

import base64
import string
from datetime import UTC
from typing import Any

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._function import Ambient, Function, typed
from setpoint.core.expr._golayout import LayoutError, read_time
from setpoint.core.expr._gotext import go_type
from setpoint.core.expr._gotime import GoDuration, GoTime, format_duration, from_unix, load_location, parse_duration
from setpoint.core.expr._sprig_data import DATA_FUNCTIONS, to_whole
from setpoint.core.expr._sprig_text import TEXT_FUNCTIONS
from setpoint.core.expr._sprig_versions import VERSION_FUNCTIONS
from setpoint.core.expr._sprig_words import WORD_FUNCTIONS

_MAX_RANDOM = 10_000
_SECOND = 10**9


def _moment(value: Any, name: str) -> GoTime:
    """A time, or Unix seconds; the original takes anything else for now, which is refused here."""
    if isinstance(value, GoTime):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return from_unix(value * _SECOND)
    raise ExpressionError(f"{name} needs a time or Unix seconds as int, got {go_type(value)}")


def _date_in_zone(layout: str, value: Any, zone: str) -> str:
    try:
        location = load_location("UTC" if zone == "Local" else zone)
    except ExpressionError:
        location = load_location("UTC")
    moment = _moment(value, "sprig.date")
    return from_unix(moment.unix_nanoseconds, location.zone).format(layout)


def _date_modify(change: str, value: Any) -> GoTime:
    return _moment(value, "sprig.dateModify").shifted(parse_duration(change).nanoseconds)


def _date_modify_quietly(change: str, value: Any) -> GoTime:
    try:
        return _date_modify(change, value)
    except ExpressionError:
        return _moment(value, "sprig.dateModify")


def _to_date(layout: str, value: str) -> GoTime:
    try:
        return GoTime(*read_time(value, layout, UTC))
    except LayoutError as error:
        raise ExpressionError(f'parsing time "{value}" as "{layout}": {error}') from error


def _age(ambient: Ambient, value: Any) -> str:
    nanoseconds = GoTime.of(ambient.now).unix_nanoseconds - _moment(value, "sprig.ago").unix_nanoseconds
    seconds = (abs(nanoseconds) + _SECOND // 2) // _SECOND
    return format_duration(seconds * _SECOND * (-1 if nanoseconds < 0 else 1))


def _round_duration(value: Any) -> str:
    nanoseconds = 0
    if isinstance(value, str):
        try:
            nanoseconds = parse_duration(value).nanoseconds
        except ExpressionError:
            nanoseconds = 0
    elif isinstance(value, GoDuration):
        raise ExpressionError("sprig.durationRound needs a text such as 2h10m")
    size = abs(nanoseconds)
    units = (("y", 8760 * 3600), ("mo", 720 * 3600), ("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1))
    for unit, seconds in units:
        if size > seconds * _SECOND:
            return f"{size // (seconds * _SECOND)}{unit}"
    return "0s"


def _letters(alphabet: str) -> Any:
    def run(ambient: Ambient, count: int) -> str:
        if not 0 <= count <= _MAX_RANDOM:
            raise ExpressionError(f"a random text has 0 to {_MAX_RANDOM} characters")
        return "".join(ambient.letters(alphabet, count))

    return run


def _uuid(ambient: Ambient) -> str:
    data = bytearray(ambient.draw(16))
    data[6] = data[6] & 0x0F | 0x40
    data[8] = data[8] & 0x3F | 0x80
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _random_int(ambient: Ambient, low: int, high: int) -> int:
    if high <= low:
        raise ExpressionError("sprig.randInt needs an upper bound above the lower one")
    return low + ambient.below(high - low)


def _random_bytes(ambient: Ambient, count: int) -> str:
    if not 0 <= count <= _MAX_RANDOM:
        raise ExpressionError(f"sprig.randBytes gives 0 to {_MAX_RANDOM} bytes")
    return base64.b64encode(ambient.draw(count)).decode()


def _shuffle(ambient: Ambient, value: str) -> str:
    chars = list(value)
    for index in range(len(chars) - 1, 0, -1):
        other = ambient.below(index + 1)
        chars[index], chars[other] = chars[other], chars[index]
    return "".join(chars)


_ALPHABETS = {
    "randAlphaNum": string.ascii_letters + string.digits,
    "randAlpha": string.ascii_letters,
    "randNumeric": string.digits,
    "randAscii": "".join(map(chr, range(32, 127))),
}
_DATES: dict[str, tuple[str, Any, str]] = {
    "date": ("sa", lambda layout, value: _date_in_zone(layout, value, "UTC"), "string"),
    "dateInZone": ("sas", _date_in_zone, "string"),
    "date_in_zone": ("sas", _date_in_zone, "string"),
    "htmlDate": ("a", lambda value: _date_in_zone("2006-01-02", value, "UTC"), "string"),
    "htmlDateInZone": ("as", lambda value, zone: _date_in_zone("2006-01-02", value, zone), "string"),
    "dateModify": ("sa", _date_modify_quietly, "time"),
    "date_modify": ("sa", _date_modify_quietly, "time"),
    "mustDateModify": ("sa", _date_modify, "time"),
    "must_date_modify": ("sa", _date_modify, "time"),
    "toDate": ("ss", _to_date, "time"),
    "mustToDate": ("ss", _to_date, "time"),
    "unixEpoch": ("a", lambda value: str(_moment(value, "sprig.unixEpoch").unix_nanoseconds // _SECOND), "string"),
    "duration": ("a", lambda value: format_duration(to_whole(value) * _SECOND), "string"),
    "durationRound": ("a", _round_duration, "string"),
}
_AMBIENT: dict[str, tuple[str, Any, str]] = {
    "now": ("", lambda ambient: GoTime.of(ambient.now.astimezone(UTC)), "time"),
    "ago": ("a", _age, "string"),
    "uuidv4": ("", _uuid, "string"),
    "randInt": ("ii", _random_int, "int"),
    "randBytes": ("i", _random_bytes, "string"),
    "shuffle": ("s", _shuffle, "string"),
    **{name: ("i", _letters(alphabet), "string") for name, alphabet in _ALPHABETS.items()},
}

WITHHELD = frozenset(
    ("bcrypt", "htpasswd", "derivePassword", "encryptAES", "decryptAES", "genPrivateKey", "buildCustomCert", "genCA",
     "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
     "getHostByName")
)  # fmt: skip
"""Functions of sprig that are not here: their values are secrets, which must not be written into the nodes' status, or
come from the network, which an evaluation that can be repeated must not ask."""

SPRIG: dict[str, Function] = {
    **TEXT_FUNCTIONS,
    **DATA_FUNCTIONS,
    **WORD_FUNCTIONS,
    **VERSION_FUNCTIONS,
    **{name: typed(f"sprig.{name}", kinds, run, result) for name, (kinds, run, result) in _DATES.items()},
    **{
        name: typed(f"sprig.{name}", kinds, run, result, ambient=True)
        for name, (kinds, run, result) in _AMBIENT.items()
    },
}
"""Name, without `sprig.`, to function."""
