"""Rules on single values: whole numbers and durations, or text with a tag that becomes one."""

from __future__ import annotations

import re

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import FieldPath
from setpoint.core.workflow.durations import parse_duration
from setpoint.operations.lint.report import Findings

INTEGER = re.compile(r"[-+]?\d+")
"""A whole number as text."""


def check_number(findings: Findings, value: int | str | None, path: FieldPath, said: str, least: int = 0) -> None:
    """A whole number of at least `least`, or text with a tag."""
    if value is None or (isinstance(value, str) and "{{" in value):
        return
    if isinstance(value, str) and not INTEGER.fullmatch(value.strip()):
        findings.error(path, f"{said} must be a whole number or an argo variable, found '{value}'")
    elif int(value) < least:
        findings.error(path, f"{said} must be a whole number of at least {least} or an argo variable, found {value}")


def check_duration(findings: Findings, value: str, path: FieldPath, said: str, *, bare: bool = True) -> None:
    """Whole seconds (where `bare`) or Go duration text, or text with a tag; empty is fine."""
    if not value or "{{" in value:
        return
    try:
        duration = parse_duration(value, bare_seconds=bare)
    except InvalidSpec as error:
        findings.error(path, f"{said}: {error.reason}")
        return
    if duration.total_seconds() < 0:
        findings.error(path, f"{said} must not be negative, found '{value}'")
