"""Every operation of the Argo Server needs a right on the resource that it is about."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from setpoint.core.access import read_argo_request
from setpoint.server.access import ARGO
from setpoint.server.argo import ArgoRoutes

_NOBODY = cast("Any", object())  # nothing is called
OPERATIONS = ArgoRoutes(_NOBODY, _NOBODY, _NOBODY, archived=_NOBODY, artifacts=_NOBODY).operations


@pytest.mark.parametrize("number", range(len(OPERATIONS)), ids=lambda number: OPERATIONS[number].path)
def test_the_path_is_known_and_about_the_resource(number: int) -> None:
    operation = OPERATIONS[number]
    path = re.sub(r"\{(\w+)(:path)?\}", r"x\1", operation.path)
    found = read_argo_request(operation.method, path, {})
    if not operation.resource:
        served = path in ARGO.open or path.startswith(("/api/v1/event-sources", "/api/v1/sensors", "/api/v1/stream/"))
        assert served, "who may ask this?"
        return
    assert all(item.is_resource for item in found)
    names = {f"{item.resource}.{item.group}".rstrip(".") for item in found} | {item.full_resource for item in found}
    names |= {f"{item.full_resource}.{item.group}" for item in found}
    assert operation.resource in names
    if operation.verb in ("create", "delete", "update", "patch"):
        assert not all(item.is_read for item in found)
