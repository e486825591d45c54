"""What a request asks for beside its path: query options, and the form of the answer (Accept).

Each option is read once, here, and what is no legal value is refused with the option's name.
Source: meta/v1 ListOptions, CreateOptions, UpdateOptions, PatchOptions, DeleteOptions; API concepts, "Receiving
resources as Tables".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from setpoint.apis.errors import Malformed
from setpoint.core.admission import Mode
from setpoint.ports.objects import Deletion
from setpoint.ports.resources import Propagation

LONGEST_LIST = 1_000_000
LONGEST_GRACE = 2**31
_LONGEST_MANAGER = 128


VALIDATIONS: tuple[Mode, ...] = ("Strict", "Warn", "Ignore")
"""What becomes of fields that a kind does not have."""


class Form(StrEnum):
    """How objects are shown."""

    WHOLE = "whole"
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How something is written."""

    manager: str
    dry_run: bool = False
    validation: Mode = "Warn"
    force: bool = False


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean option. Raises: Malformed."""
    text = query.get(name, "")
    if text.lower() in ("true", "1", "t"):
        return True
    if text.lower() in ("", "false", "0", "f"):
        return False
    raise Malformed(f"{text!r} is neither true nor false", path=name, allowed=("true", "false"))


def number(query: Mapping[str, str], name: str, *, most: int) -> int | None:
    """A whole number from 0 on; None if it is not given. Raises: Malformed."""
    text = query.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Malformed(f"{text[:40]!r} is no whole number from 0 on", path=name)
    return min(int(text), most)


def write_options(query: Mapping[str, str], user_agent: str, *, apply: bool = False) -> WriteOptions:
    """Options of create, update and patch.

    Raises: Malformed for a value that is none, or an apply without manager.
    """
    manager = query.get("fieldManager", "")
    if apply and not manager:
        raise Malformed("is required for apply patch", path="fieldManager")
    if len(manager) > _LONGEST_MANAGER or not manager.isprintable():
        raise Malformed(f"has at most {_LONGEST_MANAGER} printable characters", path="fieldManager")
    force = flag(query, "force")
    if force and not apply:
        raise Malformed("may be set for an apply patch only", path="force")
    return WriteOptions(
        manager=manager or user_agent.partition("/")[0][:_LONGEST_MANAGER] or "unknown",
        dry_run=_dry_run(query.get("dryRun")),
        validation=_validation(query.get("fieldValidation", "")),
        force=force,
    )


def _dry_run(value: Any) -> bool:
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, list) or not all(item in ("All", "") for item in values):
        raise Malformed(f"{str(value)[:80]!r} is no value of it", path="dryRun", allowed=("All",))
    return any(values)


def _validation(text: str) -> Mode:
    found = next((mode for mode in VALIDATIONS if mode == (text or "Warn")), None)
    if found is None:
        raise Malformed(f"{text!r} is no value of it", path="fieldValidation", allowed=VALIDATIONS)
    return found


def deletion(body: Mapping[str, Any], query: Mapping[str, str]) -> Deletion:
    """How something is deleted: what the body says, else the query. Raises: Malformed."""
    policy = body.get("propagationPolicy") or query.get("propagationPolicy")
    if not policy:
        orphan = body.get("orphanDependents", flag(query, "orphanDependents"))
        policy = Propagation.ORPHAN if orphan else Propagation.BACKGROUND
    if policy not in tuple(Propagation):
        raise Malformed(f"{policy!r} is no value of it", path="propagationPolicy", allowed=tuple(Propagation))
    grace = body.get("gracePeriodSeconds")
    if grace is None:
        grace = number(query, "gracePeriodSeconds", most=LONGEST_GRACE)
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool) or not 0 <= grace <= LONGEST_GRACE):
        raise Malformed("must be a whole number from 0 on", path="gracePeriodSeconds")
    preconditions = body.get("preconditions") or {}
    if not isinstance(preconditions, Mapping):
        raise Malformed("must be a map with uid or resourceVersion", path="preconditions")
    return Deletion(
        propagation=Propagation(policy),
        grace_seconds=grace,
        uid=_text(preconditions, "uid"),
        version=_text(preconditions, "resourceVersion"),
        dry_run=_dry_run(body.get("dryRun") or query.get("dryRun")),
    )


def _text(preconditions: Mapping[str, Any], name: str) -> str | None:
    found = preconditions.get(name)
    if found is not None and not isinstance(found, str):
        raise Malformed("must be text", path=f"preconditions.{name}")
    return found


def form_of(accept: str) -> Form:
    """The first form of an Accept header that is served here.

    Raises: Malformed if only forms are wanted that are not, such as protobuf.
    """
    wanted = [_media(item) for item in accept.split(",")] if accept.strip() else [("*/*", {})]
    for media, parameters in wanted:
        if media not in ("application/json", "application/*", "*/*"):
            continue
        match parameters.get("as", ""):
            case "":
                return Form.WHOLE
            case "Table" if parameters.get("g") == "meta.k8s.io":
                return Form.TABLE
            case "PartialObjectMetadata" | "PartialObjectMetadataList" if parameters.get("g") == "meta.k8s.io":
                return Form.METADATA
    raise NotAcceptable(accept)


class NotAcceptable(Malformed):
    """None of the forms that the client takes is made here."""

    def __init__(self, accept: str) -> None:
        super().__init__(f"only JSON is served, not {accept[:80]!r}", path="Accept", allowed=("application/json",))


def _media(text: str) -> tuple[str, dict[str, str]]:
    media, *parameters = (part.strip() for part in text.split(";"))
    return media, dict(part.partition("=")[::2] for part in parameters)
