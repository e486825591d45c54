"""One audit event for a request, at level Metadata: who, what, where from, and how it was answered; never a body.

Of the query only what selects objects is kept, for a value that somebody made up could be a secret.
Source: Kubernetes API reference, audit.k8s.io/v1 Event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from setpoint.core.access import RequestInfo, User

_KEPT = (
    "allowWatchBookmarks",
    "container",
    "continue",
    "dryRun",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "follow",
    "force",
    "labelSelector",
    "limit",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "timeoutSeconds",
    "watch",
)
_LONGEST = 256


class AuditLevel(StrEnum):
    """Which requests are kept: none, those that write or were refused, or all."""

    OFF = "off"
    WRITES = "writes"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How a request went. `user` None: nobody knows who asked; `impersonator` is who acted as `user`."""

    id: str
    method: str
    path: str
    query: Mapping[str, str]
    info: RequestInfo
    user: User | None
    impersonator: User | None
    source: str
    agent: str
    code: int
    reason: str
    came: datetime
    went: datetime


def wanted(level: AuditLevel, info: RequestInfo, code: int) -> bool:
    """Whether the level keeps it."""
    if level is AuditLevel.ALL:
        return True
    return level is AuditLevel.WRITES and (not info.is_read or code in (401, 403, 429))


def audit_event(answered: Answered) -> dict[str, Any]:
    """The event as it is written."""
    info, user = answered.info, answered.user
    refused = answered.code in (401, 403)
    event: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": answered.id,
        "stage": "ResponseComplete",
        "requestURI": _uri(answered.path, answered.query),
        "verb": info.verb,
        "user": (answered.impersonator or user).to_wire() if user else {},
        "sourceIPs": [answered.source] if answered.source else [],
        "userAgent": answered.agent[:_LONGEST],
    }
    if answered.impersonator is not None and user is not None:
        event["impersonatedUser"] = user.to_wire()
    if info.is_resource:
        event["objectRef"] = _reference(info)
    event |= {
        "responseStatus": {"metadata": {}, "code": answered.code},
        "requestReceivedTimestamp": _moment(answered.came),
        "stageTimestamp": _moment(answered.went),
        "annotations": {
            "authorization.k8s.io/decision": "forbid" if refused else "allow",
            "authorization.k8s.io/reason": answered.reason,
        },
    }
    return event


def _uri(path: str, query: Mapping[str, str]) -> str:
    kept = {name: query[name][:_LONGEST] for name in _KEPT if name in query}
    return quote(path[: 4 * _LONGEST]) + (f"?{urlencode(kept)}" if kept else "")


def _reference(info: RequestInfo) -> dict[str, str]:
    parts = {
        "resource": info.resource,
        "namespace": info.namespace,
        "name": info.name,
        "apiGroup": info.group,
        "apiVersion": info.version,
        "subresource": info.subresource,
    }
    return {key: value for key, value in parts.items() if value}


def _moment(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
