"""Whether a Pod that a user makes can be run here, and what of it may change; asked before one is stored."""

from __future__ import annotations

from typing import Any

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.pod import Pod
from setpoint.operations.lint import Report, lint_resource

_CHANGEABLE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "nodeName")
_CONTAINERS = ("containers", "initContainers")


def admit_pod(pod: Pod) -> Report:
    """What is wrong with a Pod (`errors`, each with path and reason), and what of it is ignored (`warnings`)."""
    return lint_resource(pod)


def check_pod_change(new: dict[str, Any], old: dict[str, Any]) -> None:
    """A pod runs as it was made: of its spec only images, tolerations and deadlines may be written anew.

    Args:
        new: The Pod as it would be stored, on the wire.
        old: As it is.

    Raises: InvalidSpec. Source: Kubernetes documentation, "Pod update and replacement".
    """
    if _fixed(new.get("spec", {})) != _fixed(old.get("spec", {})):
        raise InvalidSpec(
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
            "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` and "
            "`spec.terminationGracePeriodSeconds`; delete the pod and make it anew",
            path="spec",
        )


def _fixed(spec: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in spec.items() if key not in _CHANGEABLE}
    for field in _CONTAINERS:
        if field in kept:
            kept[field] = [{key: value for key, value in item.items() if key != "image"} for item in kept[field]]
    return kept
