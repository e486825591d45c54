"""Whoever writes roles and bindings over HTTP gives nothing that he has not; see `core.access.escalation`.

A whole object is judged as it comes. What a patch would make of an object is not known here, so patches are for those
who may escalate (roles) or bind (bindings) whatever comes of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.errors import Forbidden
from setpoint.apis.rbac import GROUP
from setpoint.core.access import Policy, RequestInfo, User
from setpoint.server.access.hooks import GRANTS, check_grant, read_grant
from setpoint.server.access.refusals import Refusal

_KINDS = frozenset(GRANTS.values())


def writes_grants(info: RequestInfo) -> bool:
    """Whether rights are given by the request."""
    return info.group == GROUP and info.resource in _KINDS and info.verb in ("create", "update", "patch")


def check_grants(info: RequestInfo, media: str, body: bytes, user: User, policy: Policy) -> None:
    """Raises: Refusal 403: More would be given than the user has; 415: the body cannot be read here."""
    if user.is_master:
        return
    if info.verb == "patch":
        verb = "bind" if info.resource.endswith("bindings") else "escalate"
        wanted = RequestInfo(
            verb=verb, group=GROUP, version=info.version, resource=info.resource, namespace=info.namespace
        )
        if not policy.authorize(user, wanted).allowed:
            text = f"{info.forbidden(user.name)}: a patch needs the verb {verb!r}; replace the object instead"
            raise Refusal(403, "Forbidden", text)
        return
    if media.partition(";")[0].strip().lower() not in ("", "application/json"):
        raise Refusal(415, "UnsupportedMediaType", "roles and bindings are taken as application/json only")
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
        metadata = document.get("metadata") or {}
        named = {"name": info.name or metadata.get("name", ""), "namespace": info.namespace}
        check_grant(read_grant(info.resource, document | {"metadata": named}), user, policy)
    except (msgspec.DecodeError, AttributeError):  # what cannot be judged is not let through
        raise Refusal(400, "BadRequest", f"the {info.resource} of the body cannot be read") from None
    except Forbidden as error:
        raise Refusal(403, "Forbidden", str(error)) from None
