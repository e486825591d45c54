"""What a pod's patch and its resources say, as far as it can be known before the run.

Source: argo-workflows `ApplyPodSpecPatch`; SEMANTICS section 19.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from setpoint.apis.argo import Template, WorkflowSpec
from setpoint.apis.argo.pod_spec import PodSpec
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import FieldPath
from setpoint.apis.quantity import parse_quantity
from setpoint.apis.strategic_merge import POD_MERGE_KEYS, strategic_merge
from setpoint.core.workflow.pod_resources import UNCOUNTED
from setpoint.core.workflow.pod_spec import read_patch
from setpoint.core.workflow.volume_claims import STRATEGIES
from setpoint.operations.lint.report import Findings
from setpoint.operations.lint.supported import check_supported

_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def check_pod(value: Template | WorkflowSpec, path: FieldPath, findings: Findings) -> None:
    """The patch and the resources of a template, or those that a spec gives to all."""
    if value.pod_spec_patch:
        _check_patch(value.pod_spec_patch, (*path, "podSpecPatch"), findings)
    if value.pod_resources is not None:
        check_resources(msgspec.to_builtins(value.pod_resources), (*path, "podResources"), findings)
    if isinstance(value, WorkflowSpec) and value.volume_claim_gc is not None:
        strategy = value.volume_claim_gc.strategy
        if strategy not in ("", *STRATEGIES):
            reason = f"unknown volume gc strategy: {strategy}"
            findings.error((*path, "volumeClaimGC", "strategy"), reason, STRATEGIES)
    for index, volume in enumerate(value.volumes):
        if (volume.empty_dir or {}).get("sizeLimit") is not None:
            where = (*path, "volumes", index, "emptyDir", "sizeLimit")
            findings.warn(where, "ignored: the size of a directory is not limited")
    if isinstance(value, Template):
        for where, resources in _resources_of(value):
            check_resources(resources, (*path, *where, "resources"), findings)


def _check_patch(text: str, path: FieldPath, findings: Findings) -> None:
    """What cannot be applied, refused; what has no meaning here, ignored. Tags stand for a 0 that proves nothing."""
    try:
        change = read_patch(_TAG.sub("0", text))
        spec = msgspec.convert(change, PodSpec)
        strategic_merge({}, change, POD_MERGE_KEYS)
    except (InvalidSpec, msgspec.ValidationError) as error:
        if "{{" not in text:
            reason = error.reason if isinstance(error, InvalidSpec) else str(error)
            findings.error(path, f"invalid podSpecPatch: {reason}")
        return
    inner = Findings()
    check_supported(spec, (), inner)
    for index, container in enumerate(spec.containers):
        check_resources(container.resources or {}, ("containers", index, "resources"), inner)
    for refusal in inner.errors:
        findings.unsupported(path, f"{refusal.path}: {refusal.reason}")
    for warning in inner.warnings:
        findings.warn(path, f"{warning.path}: {warning.reason}")


def _resources_of(template: Template) -> Iterator[tuple[FieldPath, dict[str, Any]]]:
    bodies: list[tuple[FieldPath, Any]] = [(("container",), template.container), (("script",), template.script)]
    if template.container_set is not None:
        among = enumerate(template.container_set.containers)
        bodies += [(("containerSet", "containers", index), item) for index, item in among]
    bodies += [(("initContainers", index), item) for index, item in enumerate(template.init_containers)]
    bodies += [(("sidecars", index), item) for index, item in enumerate(template.sidecars)]
    yield from ((path, body.resources) for path, body in bodies if body is not None and body.resources)


def check_resources(resources: dict[str, Any], path: FieldPath, findings: Findings) -> None:
    """Adds quantities of a container that are none, and resources that nobody counts."""
    for group in ("limits", "requests"):
        for name, quantity in (resources.get(group) or {}).items():
            try:
                parse_quantity("0" if isinstance(quantity, str) and "{{" in quantity else quantity)
            except InvalidSpec as error:
                findings.error((*path, group, name), error.reason)
            if name in UNCOUNTED:
                findings.warn((*path, group, name), f"ignored: {name} is neither set aside nor limited")
