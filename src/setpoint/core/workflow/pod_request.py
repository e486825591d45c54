"""The pod of a container, script or containerSet template, as a request that needs no control plane once it runs.

Pure: config maps and secrets are named, not read; the shell reads them at launch, so no secret reaches the journal.
Source: SEMANTICS sections 9, 10, 13, 19.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from setpoint.apis import argo, pods
from setpoint.apis.argo import Artifact, Outputs, S3Artifact, Template, Workflow, WorkflowSpec
from setpoint.apis.argo.scalars import IntOrString
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.probes import Probes, read_probe
from setpoint.core.workflow.commands import LaunchPod
from setpoint.core.workflow.durations import parse_duration
from setpoint.core.workflow.places import place_of
from setpoint.core.workflow.pod_labels import first_labels
from setpoint.core.workflow.pod_resources import GPU, limit_of, pod_limit, pod_requests
from setpoint.core.workflow.pod_sources import (
    Identify,
    PodIdentity,
    env_sources,
    literal_env,
    make_mount,
    volume_sources,
)
from setpoint.core.workflow.pod_spec import Pod, make_pod
from setpoint.core.workflow.repository import Repository, archives_logs

_NOT_DONE = {
    "lifecycle": "lifecycle",
    "volume_devices": "volumeDevices",
    "restart_policy_rules": "restartPolicyRules",
}
_NO_DEADLINE = "0001-01-01T00:00:00Z"
PROGRESS_FILE = "/tmp/argo-progress"  # noqa: S108  in the pod's own /tmp; a cluster has a volume of its own for it


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlace:
    """Where and when a pod runs.

    Args:
        pod_id: The launch id, which is the command's too.
        node_name: The node's name, which its pod carries as an annotation.
        claims: Volumes of the claims that the workflow has made.
        patches: The podSpecPatches, filled in, in the order of their application.
        started_at: When the node was made; its time limits count from here.
        capture: Whether somebody reads the node's `outputs.result`.
        deadline: When the workflow's own time runs out, None without.
        attempts_deadline: When the attempts of a retry have had their time, None without.
        daemon: Whether it is told when the pod is ready.
        identity: What a pod of no workflow may know of itself.
    """

    workflow: Workflow
    spec: WorkflowSpec
    node: str
    pod_id: str
    pod_name: str
    started_at: datetime
    capture: bool
    environment: Mapping[str, str]
    deadline: datetime | None
    node_name: str = ""
    claims: tuple[dict[str, Any], ...] = ()
    patches: tuple[str, ...] = ()
    attempts_deadline: datetime | None = None
    daemon: bool = False
    repository: Repository = field(default_factory=Repository)
    identity: PodIdentity | None = None


def saved_outputs(template: Template, place: PodPlace) -> Outputs:
    """The declared outputs, and the logs if they are to be kept; each artifact with the key it is saved to.

    Default key: `<workflow>/<pod>/<artifact>.tgz`, by how it is packed.
    """
    artifacts = tuple(_located(item, place) for item in template.outputs.artifacts)
    if archives_logs(template, place.spec, place.repository):
        artifacts += tuple(_log_of(item.name, place) for item in template.mains)
    return template.outputs.replace(artifacts=artifacts) if artifacts else template.outputs


def _located(item: Artifact, place: PodPlace) -> Artifact:
    if any(store not in ("s3", "raw") for store in item.stores):
        return item
    if item.s3 is not None and item.s3.key:
        key = item.s3.key
    else:
        name = item.name + {"tar": ".tgz", "zip": ".zip", "none": ""}[_archive(item).value]
        if _archive(item) is pods.Archive.NONE:
            name = posixpath.basename(item.path.rstrip("/")) or item.name
        key = place.repository.key(name, _key_variables(place))
    return item.replace(s3=(item.s3 or S3Artifact()).replace(key=key))


def _log_of(container: str, place: PodPlace) -> Artifact:
    key = place.repository.key(f"{container}.log", _key_variables(place))
    return Artifact(name=f"{container}-logs", s3=S3Artifact(key=key))


def _key_variables(place: PodPlace) -> dict[str, Any]:
    """What a key format may name."""
    meta, started = place.workflow.metadata, place.workflow.metadata.creation_timestamp or place.started_at
    stamps = {code: started.strftime(f"%{code}") for code in "YmdHMS"}
    return {
        "workflow.name": meta.name,
        "workflow.namespace": meta.namespace,
        "workflow.uid": meta.uid,
        "pod.name": place.pod_name,
        **{f"workflow.creationTimestamp.{code}": text for code, text in stamps.items()},
    }


def _archive(item: Artifact) -> pods.Archive:
    if item.archive is None:
        return pods.Archive.TAR
    if item.archive.none is not None:
        return pods.Archive.NONE
    return pods.Archive.ZIP if item.archive.zip is not None else pods.Archive.TAR


def make_launch(template: Template, outputs: Outputs, place: PodPlace) -> LaunchPod:
    """The order to start a pod. Raises: InvalidSpec, NotSupported for what one machine does not do."""
    pod = make_pod(template, place.spec, place.claims, place.patches)
    identity = partial(_identity, template, place)
    deadline = pod_deadline(template, place, pod.active_deadline_seconds)
    mains, before, beside = (
        [_container(item, pod, identity) for item in group] for group in (pod.mains, pod.init_containers, pod.sidecars)
    )
    mains = [item.replace(env={**_argo_environment(item.name, place, deadline), **item.env}) for item in mains]
    attempts, pause = _set_attempts(template)
    request = pods.PodRequest(
        id=place.pod_id,
        name=place.pod_name,
        namespace=place.workflow.metadata.namespace,
        owner=place.workflow.metadata.uid,
        main=mains[0],
        init_containers=tuple(before),
        fellows=tuple(mains[1:]),
        sidecars=tuple(beside),
        attempts=attempts,
        attempt_pause_seconds=pause,
        artifact_inputs=tuple(artifact_input(place.repository.located(item)) for item in template.inputs.artifacts),
        artifact_outputs=tuple(
            _artifact_output(place.repository.located(item)) for item in outputs.artifacts if item.path
        ),
        log_outputs={
            item.name: _artifact_output(place.repository.located(log)).replace(archive=pods.Archive.NONE)
            for item in mains
            for log in outputs.artifacts
            if log.name == f"{item.name}-logs" and not log.path
        },
        parameter_outputs=tuple(
            pods.ParameterOutput(name=item.name, path=item.value_from.path, default=item.value_from.default)
            for item in outputs.parameters
            if item.value_from is not None and item.value_from.path
        ),
        capture_result=place.capture and mains[0].name == "main",
        deadline=deadline,
        grace_seconds=30.0 if pod.grace_seconds is None else float(pod.grace_seconds),
        host_aliases=msgspec.convert(pod.host_aliases, tuple[pods.HostAlias, ...]) if pod.host_aliases else (),
        requests=pod_requests(pod),
        memory_bytes=pod_limit(pod, "memory"),
        cpu_milli=pod_limit(pod, "cpu"),
        daemon=place.daemon,
        about=_about(template, place),
    )
    used = sorted({mount.volume for container in request.containers for mount in container.mounts})
    return LaunchPod(
        id=place.pod_id,
        node=place.node,
        request=request,
        env=tuple(env_sources(pod.containers)),
        volumes=tuple(one for name in used for one in volume_sources(pod.volumes[name], pod.containers, identity)),
        service_account=pod.service_account,
        automount=pod.automount,
    )


def _about(template: Template, place: PodPlace) -> pods.PodAbout:
    meta = place.spec.pod_metadata or argo.Metadata()
    return pods.PodAbout(
        owner=place.workflow.owner_reference(),
        node=place.node,
        node_name=place.node_name,
        labels=meta.labels | template.metadata.labels,
        annotations=meta.annotations | template.metadata.annotations,
        service_account=template.service_account_name or place.spec.service_account_name,
    )


def _identity(template: Template, place: PodPlace) -> PodIdentity:
    """What the pod may know of itself; labels and annotations as a cluster sets them."""
    if place.identity is not None:
        return place.identity
    meta = place.spec.pod_metadata or argo.Metadata()
    labels = first_labels(place.workflow.metadata.name)
    annotations = {
        "kubectl.kubernetes.io/default-container": "main",
        "workflows.argoproj.io/node-id": place.node,
        "workflows.argoproj.io/node-name": place.node_name,
    }
    return PodIdentity(
        name=place.pod_name,
        namespace=place.workflow.metadata.namespace,
        pod_id=place.pod_id,
        labels=labels | meta.labels | template.metadata.labels,
        annotations=annotations | meta.annotations | template.metadata.annotations,
        service_account=template.service_account_name or place.spec.service_account_name or "default",
    )


def pod_deadline(template: Template, place: PodPlace, seconds: IntOrString | None) -> datetime | None:
    """The earliest of the pod's limits. The workflow's own deadline is the engine's to enforce."""
    moments = [] if place.attempts_deadline is None else [place.attempts_deadline]
    if seconds is not None:
        try:
            moments.append(place.started_at + timedelta(seconds=int(seconds)))
        except ValueError:
            raise InvalidSpec(f"activeDeadlineSeconds must be a whole number, found {seconds!r}") from None
    if template.timeout:
        moments.append(place.started_at + parse_duration(template.timeout, bare_seconds=False))
    return min(moments, default=None)


def _set_attempts(template: Template) -> tuple[int, float]:
    """How often each command of a container set is run in all, and the seconds between. Raises: InvalidSpec."""
    strategy = template.container_set.retry_strategy if template.container_set is not None else None
    if strategy is None or strategy.retries is None:
        return 1, 0.0
    try:
        attempts = int(strategy.retries)
    except ValueError:
        attempts = 0
    if attempts < 1:
        raise InvalidSpec(
            f"containerSet.retryStrategy.retries must be a whole number of at least 1, found {strategy.retries!r}"
        )
    pause = parse_duration(strategy.duration, bare_seconds=False) if strategy.duration else timedelta()
    return attempts, pause.total_seconds()


def _argo_environment(container: str, place: PodPlace, deadline: datetime | None) -> dict[str, str]:
    moments = [moment for moment in (deadline, place.deadline) if moment is not None]
    return {
        **place.environment,
        "ARGO_NODE_ID": place.node,
        "ARGO_CONTAINER_NAME": container,
        "ARGO_WORKFLOW_NAME": place.workflow.metadata.name,
        "ARGO_INCLUDE_SCRIPT_OUTPUT": "true" if place.capture and container == "main" else "false",
        "ARGO_DEADLINE": min(moments).strftime("%Y-%m-%dT%H:%M:%SZ") if moments else _NO_DEADLINE,
        "ARGO_PROGRESS_FILE": PROGRESS_FILE,
    }


def _container(container: argo.Container, pod: Pod, identity: Identify) -> pods.Container:
    for key, name in _NOT_DONE.items():  # lint refuses it where it is written, a patch may bring it in by a tag
        if getattr(container, key):
            raise NotSupported(f"container {container.name!r}: {name} is not supported on one machine")
    if container.restart_policy not in ("", "Never"):
        raise NotSupported(f"container {container.name!r}: restarts inside a pod are not supported: use sidecars")
    return pods.Container(
        name=container.name,
        image=container.image,
        command=container.command,
        args=container.args,
        env=literal_env(container, identity),
        working_dir=container.working_dir,
        source=(container.source or None) if isinstance(container, argo.ScriptTemplate) else None,
        mounts=tuple(make_mount(item, pod.volumes) for item in container.volume_mounts),
        dependencies=container.dependencies if isinstance(container, argo.ContainerNode) else (),
        memory_bytes=limit_of(container, "memory"),
        cpu_milli=limit_of(container, "cpu"),
        gpus=limit_of(container, GPU) or 0,
        log_is_message=container.termination_message_policy == "FallbackToLogsOnError",
        probes=Probes(
            startup=read_probe(container.startup_probe, container.ports, f"{container.name}.startupProbe"),
            readiness=read_probe(container.readiness_probe, container.ports, f"{container.name}.readinessProbe"),
            liveness=read_probe(container.liveness_probe, container.ports, f"{container.name}.livenessProbe"),
        ),
    )


def artifact_input(item: Artifact) -> pods.ArtifactInput:
    """What is to be loaded for an input artifact. Raises: NotSupported for a store that is not served."""
    place = place_of(item)
    return pods.ArtifactInput(
        name=item.name,
        path=item.path,
        raw=item.raw.data if item.raw is not None else None,
        key=item.s3.key if item.s3 is not None and place is None else "",
        archive=_archive(item) if item.archive is not None and item.raw is None else None,
        optional=item.optional,
        mode=item.mode,
        recurse_mode=item.recurse_mode,
        place=place,
    )


def _artifact_output(item: Artifact) -> pods.ArtifactOutput:
    place = place_of(item)
    tar = item.archive.tar if item.archive is not None else None
    return pods.ArtifactOutput(
        name=item.name,
        path=item.path,
        key=item.s3.key if item.s3 is not None and place is None else "",
        archive=_archive(item),
        compression_level=tar.compression_level if tar is not None else None,
        optional=item.optional,
        place=place,
    )


def node_outputs(declared: Outputs, end: pods.PodExit) -> Outputs | None:
    """What a pod that ended has put out, of what its template declares; None if nothing."""
    parameters: list[Any] = [
        item if item.name not in end.parameters else item.replace(value=end.parameters[item.name], value_from=None)
        for item in declared.parameters
        if item.name in end.parameters or (item.value_from is None and item.value is not None)
    ]
    saved = set(end.artifacts)
    artifacts = [item for item in declared.artifacts if item.name in saved]
    exit_code = str(end.exit_code) if end.exit_code is not None else None
    if not parameters and not artifacts and exit_code is None and end.result is None:
        return None
    return Outputs(parameters=tuple(parameters), artifacts=tuple(artifacts), result=end.result, exit_code=exit_code)
