"""Bodies of requests to values: JSON and YAML, with what is nested too deep, twice there or no text refused.

Invariant: any bytes give a value or `InvalidSpec`, in time that grows with their number.
Source: Kubernetes documentation, "Field validation"; the words are those of sigs.k8s.io/json and of a strict decoder.
"""

from __future__ import annotations

import itertools
import json
from typing import Any, Literal

import msgspec

from setpoint.apis.errors import InvalidSpec, StrictDecodingError
from setpoint.apis.manifest import load_unique_values
from setpoint.core.admission.shape import MAX_BYTES, check_shape, too_deep
from setpoint.core.customresources.problems import MOST_PATHS, child, element

Mode = Literal["Strict", "Warn", "Ignore"]
"""How unknown and duplicate fields are taken: `fieldValidation` of a request."""

MAX_FINDINGS = 100
"""Unknown or duplicate fields that are named; more are counted."""


def decode_json(raw: bytes, mode: Mode) -> tuple[Any, tuple[str, ...]]:
    """The value of a body in JSON, and warnings (mode Warn) such as `duplicate field "spec.foo"`.

    Raises: StrictDecodingError for duplicate fields in mode Strict; InvalidSpec for what is no JSON, too large, nested
        too deep, or has numbers or text that no object may have.
    """
    _check_size(raw)
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:  # the decoder guards itself, at some hundred levels; `check_shape` knows ours
        raise too_deep() from None
    except UnicodeDecodeError as error:
        raise InvalidSpec(f"the body is not text in UTF-8 (byte {error.start + 1})") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidSpec(f"the body is not JSON: {error}") from None
    check_shape(value)
    if mode == "Ignore" or msgspec.json.format(raw, indent=-1) == msgspec.json.encode(value):
        return value, ()  # nothing was lost on the way, so nothing stood there twice
    return value, report(_duplicates(raw), mode)


def decode_yaml(raw: bytes, mode: Mode) -> tuple[Any, tuple[str, ...]]:
    """The value of a body in YAML, which may be JSON; one document, its aliases expanded within bounds.

    Raises: StrictDecodingError for duplicate keys in mode Strict; InvalidSpec as `decode_json`, with line and column.
    """
    _check_size(raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidSpec(f"the body is not text in UTF-8 (byte {error.start + 1})") from None
    try:
        found, duplicates = load_unique_values(text, "")
    except RecursionError:
        raise too_deep() from None
    if len(found) != 1:
        raise InvalidSpec(f"the body must hold one object, it holds {len(found) or 'none'}")
    check_shape(found[0])
    if mode == "Ignore":
        return found[0], ()
    return found[0], report([f'line {line}: key "{name}" already set in map' for name, line in duplicates], mode)


def report(findings: list[str], mode: Mode) -> tuple[str, ...]:
    """Findings as the mode wants them: warnings, or nothing.

    Raises: StrictDecodingError in mode Strict if there are any.
    """
    if len(findings) > MAX_FINDINGS:
        findings = [*findings[:MAX_FINDINGS], f"and {len(findings) - MAX_FINDINGS} more"]
    if findings and mode == "Strict":
        raise StrictDecodingError(tuple(findings))
    return tuple(findings) if mode == "Warn" else ()


def _check_size(raw: bytes) -> None:
    if len(raw) > MAX_BYTES:
        raise InvalidSpec(f"the body has {len(raw)} bytes, a request takes at most {MAX_BYTES}")


class _Pairs(dict[str, Any]):
    """A map that remembers which of its keys stood there twice."""

    __slots__ = ("twice",)
    twice: list[str]


def _duplicates(raw: bytes) -> list[str]:
    found = False

    def make(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        found = True
        kept = _Pairs(pairs)
        seen: set[str] = set()
        kept.twice = [name for name, _ in pairs if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
        return kept

    value = json.loads(raw, object_pairs_hook=make)
    return _twice(value, "") if found else []


def _twice(value: Any, path: str) -> list[str]:
    """`duplicate field "path"` for each key that stood twice; as deep as `check_shape` allows."""
    if isinstance(value, list):
        return [line for index, inner in enumerate(value) for line in _twice(inner, element(path, index))]
    if not isinstance(value, dict):
        return []
    twice = dict.fromkeys(value.twice) if isinstance(value, _Pairs) else {}
    own = [f'duplicate field "{child(path, name)}"' for name in itertools.islice(twice, MOST_PATHS)]
    return own + [line for name, inner in value.items() for line in _twice(inner, child(path, name))]
