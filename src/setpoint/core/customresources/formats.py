"""The formats of text and numbers that an API server checks; an unknown format is no demand.

Source: kube-openapi, pkg/validation/strfmt, and apiextensions-apiserver's list of supported formats.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import urlsplit

_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HEX = "[0-9a-fA-F]"
_UUID = re.compile(rf"{_HEX}{{8}}-?{_HEX}{{4}}-?{_HEX}{{4}}-?{_HEX}{{4}}-?{_HEX}{{12}}")
_HOSTNAME = re.compile(
    r"([a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)(\.([a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?))*\.?"
)
_EMAIL = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,255}")
_MAC = re.compile(rf"{_HEX}{{2}}([:-]{_HEX}{{2}}){{5}}")
_HEX_COLOR = re.compile(rf"#?({_HEX}{{3}}|{_HEX}{{6}})")
_DURATION = re.compile(r"([+-]?(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|μs|ms|s|m|h|d|w|[a-z]+)\s*)+|[+-]?0", re.ASCII)
_BSON = re.compile(rf"{_HEX}{{24}}")
_ISBN = re.compile(r"[0-9]{9}[0-9X]|[0-9]{13}")

BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
"""Least and greatest number of a format of integers."""


def _date_time(text: str) -> bool:
    if len(text) > 64 or not _DATE_TIME.fullmatch(text):
        return False
    return _date(text[:10])


def _date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _byte(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _address(version: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            return ipaddress.ip_address(text).version == version
        except ValueError:
            return False

    return check


def _cidr(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) or text.startswith("/")


def _uuid(version: str) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        return _UUID.fullmatch(text) is not None and text.replace("-", "")[12] == version

    return check


def _matching(form: re.Pattern[str], most: int = 320) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        return len(text) <= most and form.fullmatch(text) is not None

    return check


FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _date_time,
    "datetime": _date_time,
    "date": _date,
    "byte": _byte,
    "ipv4": _address(4),
    "ipv6": _address(6),
    "cidr": _cidr,
    "uri": _uri,
    "uuid": _matching(_UUID),
    "uuid3": _uuid("3"),
    "uuid4": _uuid("4"),
    "uuid5": _uuid("5"),
    "hostname": _matching(_HOSTNAME, 255),
    "email": _matching(_EMAIL),
    "mac": _matching(_MAC),
    "hexcolor": _matching(_HEX_COLOR),
    "bsonobjectid": _matching(_BSON),
    "isbn": _matching(_ISBN),
    "duration": _matching(_DURATION, 64),
}
"""Name of a format of text to the function that says whether a text has it."""


def has_format(text: str, name: str) -> bool:
    """Whether a text has a format; true for a format that is not known.

    >>> has_format("2026-01-02T03:04:05Z", "date-time"), has_format("2026-02-30", "date"), has_format("x", "odd")
    (True, False, True)
    """
    check = FORMATS.get(name)
    return check is None or check(text)


def parse_date_time(text: str) -> datetime:
    """A text of the format date-time as an aware time.

    Raises: ValueError if it is none.
    """
    if not _date_time(text):
        raise ValueError(f"{text!r} is not a time in RFC 3339")
    return datetime.fromisoformat(text.upper().replace(" ", "T"))
