"""From Kubernetes' protobuf to JSON, by a table of messages: names, numbers and types of their fields.

A field that the table does not know is refused, never dropped. What a Go client writes for a field that nobody set (an
empty text, false, 0) is left out, except where 0 or false is something that can be meant. Pure.
Source: Kubernetes API concepts, "Kubernetes Protobuf encoding"; generated.proto of k8s.io/api; protobuf wire format.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec

from setpoint.apis.errors import Malformed

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

_MAGIC = b"k8s\x00"
_DEEPEST = 100
_INLINE = frozenset(
    {"localObjectReference", "volumeSource", "handler", "persistentVolumeSource", "ephemeralContainerCommon"}
)
"""Messages whose fields stand in JSON where the message itself stands in protobuf."""

_MEANT: Final = frozenset(
    {
        "activeDeadlineSeconds",
        "allowPrivilegeEscalation",
        "allowed",
        "automountServiceAccountToken",
        "backoffLimit",
        "backoffLimitPerIndex",
        "blockOwnerDeletion",
        "completions",
        "controller",
        "defaultMode",
        "deletionGracePeriodSeconds",
        "enableServiceLinks",
        "failedJobsHistoryLimit",
        "fsGroup",
        "gracePeriodSeconds",
        "immutable",
        "maxFailedIndexes",
        "mode",
        "optional",
        "orphanDependents",
        "parallelism",
        "privileged",
        "readOnlyRootFilesystem",
        "replicas",
        "runAsGroup",
        "runAsNonRoot",
        "runAsUser",
        "shareProcessNamespace",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "suspend",
        "terminationGracePeriodSeconds",
        "tolerationSeconds",
        "ttlSecondsAfterFinished",
    }
)
"""Fields where 0 or false differs from nothing: pointers in Go."""


def decode_protobuf(raw: bytes) -> dict[str, Any]:
    """The object in a request's body.

    Raises: Malformed if it is no such body, of a kind or with a field that is not read in this encoding.
    """
    if not raw.startswith(_MAGIC):
        raise Malformed("the body is not in Kubernetes' protobuf encoding")
    try:
        envelope = dict(_pairs(raw[len(_MAGIC) :], "Unknown", 0))
        if envelope.get("contentEncoding"):
            raise Malformed(f"content encoding {envelope['contentEncoding']!r} is not read here")
        about = envelope.get("typeMeta", {})
        kind = about.get("kind", "")
        if kind not in _messages():
            raise Malformed(f"{kind!r} is not read in protobuf: send it as JSON", path="Content-Type")
        found = _message(base64.b64decode(envelope.get("raw", "")), kind, 0)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError, msgspec.DecodeError) as error:
        raise Malformed(f"the body is no protobuf: {error or type(error).__name__}") from None
    return {"apiVersion": about.get("apiVersion", ""), "kind": kind, **found}


@cache
def _messages() -> dict[str, dict[int, tuple[str, str]]]:
    """By message, its fields by number: name on the wire, and type.

    Types: `s` text, `b` bytes, `B` truth value, `i` whole number, `d` number, `r:T` list, `m:T` map, else a message.
    """
    text = resources.files(__package__).joinpath("messages.txt").read_text(encoding="utf-8")
    table: dict[str, dict[int, tuple[str, str]]] = {}
    for line in text.splitlines():
        message, *fields = line.split()
        table[message] = {}
        for item in fields:
            name, _, rest = item.partition("=")
            number, _, kind = rest.partition(":")
            table[message][int(number)] = (name, kind)
    return table


def _message(raw: bytes, message: str, depth: int) -> Any:
    match message:
        case "Time" | "MicroTime":
            return _time(dict(_pairs(raw, message, depth)), micro=message == "MicroTime")
        case "Quantity":
            return dict(_pairs(raw, message, depth)).get("string", "0")
        case "IntOrString":
            found = dict(_pairs(raw, message, depth))
            return found.get("strVal", "") if found.get("type") else found.get("intVal", 0)
        case "FieldsV1" | "RawExtension":
            value = dict(_pairs(raw, message, depth))
            inner = value.get("Raw") or value.get("raw")
            return msgspec.json.decode(base64.b64decode(inner)) if inner else {}
        case "ExtraValue":
            return dict(_pairs(raw, message, depth)).get("items", [])
        case _:
            return dict(_pairs(raw, message, depth))


def _pairs(raw: bytes, message: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The fields of a message by their names in JSON."""
    if depth > _DEEPEST:
        raise Malformed("the body is nested too deep")
    fields = _messages().get(message)
    if fields is None:
        raise Malformed(f"{message} is not read in protobuf: send it as JSON", path="Content-Type")
    found: dict[str, Any] = {}
    for number, value in _wire(raw):
        if number not in fields:
            reason = f"field {number} of {message} is not read in protobuf: send it as JSON"
            raise Malformed(reason, path="Content-Type")
        name, kind = fields[number]
        _put(found, name, kind, value, depth)
    for name, value in found.items():
        if name in _INLINE and isinstance(value, dict):
            yield from value.items()
        elif message in ("IntOrString", "Time", "MicroTime") or not _unset(name, value):
            yield name, value


def _put(found: dict[str, Any], name: str, kind: str, value: Any, depth: int) -> None:
    outer, _, inner = kind.partition(":")
    if outer == "r":
        items = found.setdefault(name, [])
        if inner == "i" and isinstance(value, bytes):  # packed
            position = 0
            while position < len(value):
                number, position = _varint(value, position)
                items.append(_signed(number))
        else:
            items.append(_value(inner, value, depth))
    elif outer == "m":
        entry = dict(_wire(_bytes(value)))
        key = _bytes(entry.get(1, b"")).decode()
        found.setdefault(name, {})[key] = _value(inner, entry.get(2, b""), depth)
    else:
        found[name] = _value(kind, value, depth)


def _unset(name: str, value: Any) -> bool:
    """Whether nobody set it: Go writes fields that are no pointers always."""
    if (
        value is None
        or value == ""
        or (value == {} and name.endswith(("imestamp", "Time", "spec", "status", "resources")))
    ):
        return True
    return value in (0, False) and not isinstance(value, str) and name not in _MEANT


def _value(kind: str, value: Any, depth: int) -> Any:
    match kind:
        case "s":
            return _bytes(value).decode()
        case "b":
            return base64.b64encode(_bytes(value)).decode()
        case "B":
            return bool(value)
        case "i":
            return _signed(value) if isinstance(value, int) else 0
        case "d":
            return struct.unpack("<d", value)[0]
        case _:
            return _message(_bytes(value), kind, depth + 1)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise Malformed("the body is no protobuf: a field has another type")
    return value


def _time(found: dict[str, Any], *, micro: bool) -> str | None:
    """RFC 3339; None for Go's zero time, which means that there is none."""
    seconds = found.get("seconds", 0)
    if not found or seconds <= -62135596800:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    fraction = f".{found.get('nanos', 0) // 1000:06d}" if micro else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f"{fraction}Z"


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _wire(raw: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values: whole numbers, or bytes."""
    position = 0
    while position < len(raw):
        tag, position = _varint(raw, position)
        match tag & 7:
            case 0:
                value: Any
                value, position = _varint(raw, position)
            case 1:
                value, position = raw[position : position + 8], position + 8
            case 2:
                size, position = _varint(raw, position)
                value, position = raw[position : position + size], position + size
            case 5:
                value, position = raw[position : position + 4], position + 4
            case _:
                raise Malformed("the body is no protobuf: unknown wire type")
        if position > len(raw):
            raise Malformed("the body is no protobuf: it ends too early")
        yield tag >> 3, value


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = raw[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & (1 << 64) - 1, position
        shift += 7
        if shift > 63:
            raise Malformed("the body is no protobuf: a number is too long")
