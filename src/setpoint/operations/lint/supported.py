"""What of Argo is not done on one machine: one table of fields, refused or ignored, each with its reason.

Keys are `Type.field`, the types being those of `apis.argo`, so that a rule holds wherever the type occurs (inline
templates, templateDefaults, cron). To support a field, delete its line. Refused: doing without it would change what
the workflow does. Ignored: it has no meaning on one machine; one warning per field and object says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, get_args

import msgspec

from setpoint.apis.argo import (
    ArtifactPaths,
    Container,
    ContainerNode,
    EnvVar,
    ScriptTemplate,
    Template,
    UserContainer,
    Volume,
)
from setpoint.apis.manifest import FieldPath
from setpoint.apis.probes import HANDLERS
from setpoint.core.workflow.pod_sources import ENV_SOURCES, PROJECTIONS, VOLUME_SOURCES
from setpoint.operations.lint.report import Findings

REFUSED: dict[str, str] = {
    "WorkflowSpec.executor_plugins": "plugins run beside the control plane: name them in the setting executor_plugins",
    "Container.lifecycle": "lifecycle handlers are not supported: trap TERM in the command, or do it in a further step",
    "Container.volume_devices": "block devices are not supported",
    "Container.restart_policy_rules": "restarts inside a pod are not supported",
}

IGNORED: dict[str, str] = {
    "ArtifactGC.pod_metadata": "the engine deletes artifacts itself",
    "ArtifactGC.service_account_name": "the engine deletes artifacts itself",
    "WorkflowArtifactGC.pod_spec_patch": "the engine deletes artifacts itself",
    "WorkflowSpec.affinity": "there is one machine",
    "WorkflowSpec.node_selector": "there is one machine",
    "WorkflowSpec.tolerations": "there is one machine",
    "WorkflowSpec.scheduler_name": "there is one machine",
    "WorkflowSpec.executor": "there is no executor container",
    "WorkflowSpec.image_pull_secrets": "no images are pulled",
    "WorkflowSpec.security_context": "processes run as the user who started Setpoint",
    "WorkflowSpec.host_network": "processes always use the host's network",
    "WorkflowSpec.dns_config": "processes use the host's name resolution",
    "WorkflowSpec.dns_policy": "processes use the host's name resolution",
    "WorkflowSpec.pod_disruption_budget": "there is one machine",
    "WorkflowSpec.pod_priority_class_name": "there is no scheduler",
    "WorkflowSpec.resource_claims": "devices are not handed out",
    "Template.affinity": "there is one machine",
    "Template.node_selector": "there is one machine",
    "Template.tolerations": "there is one machine",
    "Template.scheduler_name": "there is one machine",
    "Template.executor": "there is no executor container",
    "Template.security_context": "processes run as the user who started Setpoint",
    "Template.priority_class_name": "there is no scheduler",
    "Template.resource_claims": "devices are not handed out",
    "PodSpec.affinity": "there is one machine",
    "PodSpec.dns_config": "processes use the host's name resolution",
    "PodSpec.dns_policy": "processes use the host's name resolution",
    "PodSpec.enable_service_links": "there are no service variables",
    "PodSpec.ephemeral_containers": "a pod's containers are those of its template",
    "PodSpec.host_ipc": "processes share the host's namespaces",
    "PodSpec.host_network": "processes always use the host's network",
    "PodSpec.host_pid": "processes share the host's namespaces",
    "PodSpec.host_users": "processes run as the user who started Setpoint",
    "PodSpec.hostname": "processes have the host's name",
    "PodSpec.hostname_override": "processes have the host's name",
    "PodSpec.image_pull_secrets": "no images are pulled",
    "PodSpec.node_name": "there is one machine",
    "PodSpec.node_selector": "there is one machine",
    "PodSpec.os": "there is one machine",
    "PodSpec.overhead": "processes have no overhead",
    "PodSpec.preemption_policy": "nothing is evicted",
    "PodSpec.priority": "there is no scheduler",
    "PodSpec.priority_class_name": "there is no scheduler",
    "PodSpec.readiness_gates": "there are no conditions to wait for",
    "PodSpec.resource_claims": "devices are handed out by nvidia.com/gpu only",
    "PodSpec.restart_policy": "a pod's containers are not restarted",
    "PodSpec.runtime_class_name": "there is no container runtime",
    "PodSpec.scheduler_name": "there is one machine",
    "PodSpec.scheduling_gates": "there is no scheduler",
    "PodSpec.security_context": "processes run as the user who started Setpoint",
    "PodSpec.set_hostname_as_fqdn": "processes have the host's name",
    "PodSpec.share_process_namespace": "processes share the host's namespaces",
    "PodSpec.subdomain": "processes have the host's name",
    "PodSpec.tolerations": "there is one machine",
    "PodSpec.topology_spread_constraints": "there is one machine",
    "RetryStrategy.affinity": "there is one machine",
    "Container.security_context": "processes run as the user who started Setpoint",
    "Container.image_pull_policy": "no images are pulled",
    "Container.resize_policy": "limits of a running container do not change",
    "Container.stdin": "processes have no standard input",
    "Container.stdin_once": "processes have no standard input",
    "Container.tty": "processes have no terminal",
    "VolumeMount.mount_propagation": "mounts are private to a pod",
    "VolumeMount.recursive_read_only": "readOnly alone decides",
    "Container.termination_message_path": "the exit code and the log tell how a container ended",
}


def _check_paths(value: Any) -> Iterator[tuple[str, str]]:
    for store in value.stores:
        if store != "s3":
            yield store, "a data template lists keys of a store: only s3 is supported"


def _check_volume(value: Any) -> Iterator[tuple[str, str]]:
    for source in value.sources:
        if source not in VOLUME_SOURCES:
            yield source, f"volumes of type {source} are not supported, only {', '.join(VOLUME_SOURCES)}"
    for part in (value.projected or {}).get("sources") or ():
        for source in part:
            if source not in PROJECTIONS:
                yield "projected", f"projected {source} is not supported, only {', '.join(PROJECTIONS)}"


def _check_env(value: Any) -> Iterator[tuple[str, str]]:
    for source in value.value_from or ():
        if source not in ENV_SOURCES:
            yield "valueFrom", f"{source} has no meaning on one machine, only {', '.join(ENV_SOURCES)} are supported"


def _check_probes(value: Any) -> Iterator[tuple[str, str]]:
    for field, name in (
        ("startup_probe", "startupProbe"),
        ("readiness_probe", "readinessProbe"),
        ("liveness_probe", "livenessProbe"),
    ):
        if (getattr(value, field) or {}).get("grpc") is not None:
            yield name, f"probes by gRPC are not supported, only {', '.join(HANDLERS)}"


def _check_container(container: Container) -> Iterator[tuple[str, str]]:
    yield from _check_probes(container)
    if container.restart_policy not in ("", "Never"):
        yield "restartPolicy", "restarts inside a pod are not supported: what runs beside main belongs into sidecars"


_CHECKS: dict[type, Callable[[Any], Iterator[tuple[str, str]]]] = {
    ArtifactPaths: _check_paths,
    Volume: _check_volume,
    EnvVar: _check_env,
    **dict.fromkeys((Container, ScriptTemplate, UserContainer, ContainerNode), _check_container),
}


def check_effective(template: Template, path: FieldPath, findings: Findings) -> None:
    """Rules on a template with its defaults merged in, where the fields together decide."""
    if template.timeout and template.suspend is not None:
        findings.warn((*path, "timeout"), "ignored: a suspend node never times out, set its duration")
    if template.active_deadline_seconds is not None and not template.is_pod and template.is_leaf:
        findings.warn((*path, "activeDeadlineSeconds"), "ignored: only templates that run as a pod have a deadline")


def check_supported(value: msgspec.Struct, path: FieldPath, findings: Findings) -> None:
    """Adds what is refused to the errors and what is ignored to the warnings, each ignored field once, at its top."""
    ignored: dict[str, tuple[FieldPath, str]] = {}
    for below, key, refused, reason in _found(value):
        where = (*path, *below)
        if refused:
            findings.unsupported(where, reason)
        elif key not in ignored or len(where) < len(ignored[key][0]):
            ignored[key] = (where, reason)
    for where, reason in ignored.values():
        findings.warn(where, f"ignored: {reason}")


_HOLDERS = (msgspec.Struct, tuple, list, dict)

Found = tuple[FieldPath, str, bool, str]
"""Where below, key, whether refused, reason."""


def _found(value: Any) -> list[Found]:
    """Everything below a value. Almost always nothing: so paths are put together on the way back."""
    if isinstance(value, msgspec.Struct):
        return _found_in_struct(value)
    if isinstance(value, (tuple, list)):
        pairs: Iterable[tuple[str | int, Any]] = enumerate(value)
    elif isinstance(value, dict):
        pairs = value.items()
    else:
        return []
    return [
        ((key, *where), name, refused, reason)
        for key, item in pairs
        if isinstance(item, _HOLDERS)
        for where, name, refused, reason in _found(item)
    ]


def _found_in_struct(value: msgspec.Struct) -> list[Found]:
    found: list[Found] = []
    kind = type(value)
    for field, wire_name, verdict in _plan(kind):
        item = getattr(value, field)
        if not isinstance(item, _HOLDERS):
            if verdict is None or item is None or item is False or item == "":
                continue
        elif not item if isinstance(item, (tuple, list, dict)) else _empty(item):
            continue
        if verdict is not None:
            found.append(((wire_name,), *verdict))
        else:
            found.extend(((wire_name, *where), name, refused, reason) for where, name, refused, reason in _found(item))
    if kind in _CHECKS:
        found.extend(((name,), name, True, reason) for name, reason in _CHECKS[kind](value))
    return found


@cache
def _plan(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, tuple[str, bool, str] | None], ...]:
    """Fields of a type: name, name on the wire, and what is said of one that is set.

    Of those of which nothing is said, only those that can hold something of which something is.
    """
    names = [cls.__name__ for cls in kind.__mro__]
    plan = []
    for field in msgspec.structs.fields(kind):
        keys = [f"{name}.{field.name}" for name in names]
        key = next((item for item in keys if item in REFUSED or item in IGNORED), None)
        verdict = (field.name, key in REFUSED, REFUSED.get(key) or IGNORED[key]) if key is not None else None
        if verdict is not None or _can_hold(field.type):
            plan.append((field.name, field.encode_name, verdict))
    return tuple(plan)


def _can_hold(kind: Any) -> bool:
    """Whether there may be a struct in what an annotation means.

    The annotation is read as it stands: msgspec's inspection would describe all types below it, for each field anew.
    """
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return True
    return any(_can_hold(item) for item in get_args(kind))


def _empty(value: msgspec.Struct) -> bool:
    """Whether a struct says nothing, such as `metadata: {}`; types whose presence counts have required fields."""
    return type(value).__name__ in ("Metadata", "Arguments", "Inputs", "Outputs") and value == type(value)()
