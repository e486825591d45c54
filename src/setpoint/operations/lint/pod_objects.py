"""Pods that users make: what of one is refused or ignored on one machine, with path and reason.

Source: v1 Pod; kubernetes pkg/apis/core/validation for what a cluster refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.manifest import FieldPath, parse_path
from setpoint.apis.pod import LAUNCH, Pod, PodContainer, PodSpec
from setpoint.core.pods.order import ALWAYS
from setpoint.core.pods.user import user_order
from setpoint.operations.lint.pods import check_resources
from setpoint.operations.lint.report import Findings
from setpoint.operations.lint.supported import check_supported

RESTART_POLICIES = (ALWAYS, "OnFailure", "Never")
_KEPT = (
    "restartPolicy", "serviceAccountName", "serviceAccount", "enableServiceLinks", "dnsPolicy", "schedulerName",
    "nodeName",
)  # fmt: skip
_KEPT_OF_CONTAINERS = ("imagePullPolicy", "terminationMessagePath")
"""Fields that every client fills in: to ignore them is not worth a word."""


def check_pod_object(pod: Pod, findings: Findings) -> None:
    """Adds what is wrong with a Pod."""
    spec, before = pod.spec, len(findings.errors)
    if LAUNCH in pod.metadata.annotations:  # an attempt is no secret: a pod that is read and made again has it
        findings.error(("metadata", "annotations"), f"{LAUNCH} is set by the engines alone")
    _check_containers(spec, findings)
    if spec.restart_policy not in (None, "", *RESTART_POLICIES):
        reason = f"{spec.restart_policy!r} is not a restart policy"
        findings.error(("spec", "restartPolicy"), reason, RESTART_POLICIES)
    if spec.ephemeral_containers:
        findings.unsupported(("spec", "ephemeralContainers"), "a pod's containers are those that it was made with")
    inner = Findings()
    check_supported(_without_policies(spec), ("spec",), inner)
    for refusal in inner.errors:
        path = parse_path(refusal.path)
        if isinstance(refusal, NotSupported):
            findings.unsupported(path, refusal.reason)
        else:
            findings.error(path, refusal.reason, refusal.allowed)
    for warning in inner.warnings:
        if warning.path.removeprefix("spec.") not in _KEPT and not warning.path.endswith(_KEPT_OF_CONTAINERS):
            findings.warn(parse_path(warning.path), warning.reason)
    if len(findings.errors) == before:
        _check_order(pod, findings)


def _without_policies(spec: PodSpec) -> PodSpec:
    """Restart policies are kept here, which the table of what templates do not do says nothing of."""
    inits = tuple(item.replace(restart_policy="") for item in spec.init_containers)
    return spec.replace(restart_policy=None, init_containers=inits, ephemeral_containers=None)


def _check_containers(spec: PodSpec, findings: Findings) -> None:
    if not spec.containers:
        findings.error(("spec", "containers"), "at least one container is needed")
    seen: set[str] = set()
    for path, group, container in _containers(spec):
        if not container.name:
            findings.error((*path, "name"), "every container needs a name")
        elif container.name in seen:
            findings.error((*path, "name"), f"{container.name!r} is the name of another container too")
        seen.add(container.name)
        if not container.image:
            findings.error((*path, "image"), "every container needs an image")
        if container.restart_policy and not (group == "initContainers" and container.restart_policy == ALWAYS):
            reason = "only init containers have a restart policy of their own, and it is Always"
            findings.error((*path, "restartPolicy"), reason)
        lasting = container.restart_policy == ALWAYS
        if group == "initContainers" and not lasting:
            for field in ("liveness_probe", "readiness_probe", "startup_probe"):
                if getattr(container, field) is not None:
                    wire = {"liveness_probe": "livenessProbe", "readiness_probe": "readinessProbe"}
                    findings.error((*path, wire.get(field, "startupProbe")), "an init container has no probes")
        check_resources(container.resources or {}, (*path, "resources"), findings)


def _containers(spec: PodSpec) -> Iterator[tuple[FieldPath, str, PodContainer]]:
    for group, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            yield ("spec", group, index), group, container


def _check_order(pod: Pod, findings: Findings) -> None:
    """Whether an order can be made of it: volumes that are not there, probes without a port and the like."""
    named = pod.replace(metadata=pod.metadata.replace(name=pod.metadata.name or "pod", uid=pod.metadata.uid or "0"))
    try:
        user_order(named, datetime(2000, 1, 1, tzinfo=UTC))
    except NotSupported as error:
        findings.unsupported(("spec",), str(error))
    except InvalidSpec as error:
        findings.error(("spec",), str(error))
