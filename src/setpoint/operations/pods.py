"""Whether a Pod that a user makes can be run here; what a server asks before it stores one."""

from __future__ import annotations

from setpoint.apis.pod import Pod
from setpoint.operations.lint import Report, lint_resource


def admit_pod(pod: Pod) -> Report:
    """What is wrong with a Pod (`errors`, each with path and reason), and what of it is ignored (`warnings`)."""
    return lint_resource(pod)
