"""Where the environment and the volumes of a pod's containers come from: texts, objects, claims, the pod itself.

What is known here becomes text; what only the shell knows (objects of the API, the machine) is named as a source.
Source: v1 EnvVarSource, VolumeSource; Kubernetes, "Downward API"; SEMANTICS sections 13 and 19.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.apis import argo, pods
from setpoint.apis.argo import Volume
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.quantity import divided
from setpoint.core.pods.document import pod_uid
from setpoint.core.workflow.commands import EnvSource, ObjectKind, VolumeSource

ENV_SOURCES = ("configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef")
"""Sources of an environment variable that are served."""

VOLUME_SOURCES = (
    "emptyDir", "hostPath", "configMap", "secret", "persistentVolumeClaim", "projected", "downwardAPI", "ephemeral"
)  # fmt: skip
"""Sources of a volume that are served."""

PROJECTIONS = ("configMap", "secret", "downwardAPI")
"""Parts of a projected volume that are served."""

_ADDRESS = "127.0.0.1"  # processes share the host's network
_ENTRY = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodIdentity:
    """What a pod may know of itself."""

    name: str
    namespace: str
    pod_id: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account: str
    known_uid: str = ""

    @property
    def uid(self) -> str:
        """That of the Pod object; of an engine's pod as a cluster would draw one, but always the same."""
        return self.known_uid or pod_uid(self.pod_id)


Identify = Callable[[], PodIdentity]
"""Asked only where a field of the pod is wanted."""


def literal_env(container: argo.Container, identity: Identify) -> dict[str, str]:
    """The environment in its order; a variable that the shell fills in is empty. Raises: NotSupported."""
    env: dict[str, str] = {}
    for item in container.env:
        source = item.value_from or {}
        env[item.name] = item.value
        if "fieldRef" in source:
            env[item.name] = field_value(str(source["fieldRef"].get("fieldPath", "")), identity())
        elif "resourceFieldRef" in source:
            env[item.name] = resource_value(source["resourceFieldRef"], (container,), container.name) or ""
        elif source and not set(ENV_SOURCES) & set(source):
            raise NotSupported(f"env {item.name}: valueFrom {', '.join(source)} has no meaning on one machine")
    return env


def env_sources(containers: Iterable[argo.Container]) -> Iterator[EnvSource]:
    """The variables that the shell fills in, in the order of the containers."""
    for container in containers:
        for source in container.env_from:
            kind, ref = (
                (ObjectKind.CONFIG_MAP, source.config_map_ref)
                if source.config_map_ref is not None
                else (ObjectKind.SECRET, source.secret_ref or {})
            )
            yield EnvSource(
                container=container.name,
                kind=kind,
                object=ref.get("name", ""),
                name=source.prefix,
                optional=bool(ref.get("optional")),
            )
        for item in container.env:
            yield from _env_source(item, container)


def _env_source(item: argo.EnvVar, container: argo.Container) -> Iterator[EnvSource]:
    source = item.value_from or {}
    for field, kind in (("configMapKeyRef", ObjectKind.CONFIG_MAP), ("secretKeyRef", ObjectKind.SECRET)):
        if ref := source.get(field):
            yield EnvSource(
                container=container.name,
                kind=kind,
                object=ref.get("name", ""),
                name=item.name,
                key=ref["key"],
                optional=bool(ref.get("optional")),
            )
    ref = source.get("resourceFieldRef")
    if ref and resource_value(ref, (container,), container.name) is None:
        _, _, resource = str(ref["resource"]).partition(".")
        divisor = str(ref.get("divisor") or 0)
        yield EnvSource(container=container.name, kind=ObjectKind.NODE, object=divisor, name=item.name, key=resource)
    if source.get("fieldRef", {}).get("fieldPath") == "spec.nodeName":
        yield EnvSource(container=container.name, kind=ObjectKind.NODE, object="", name=item.name, key="name")


def field_value(path: str, identity: PodIdentity) -> str:
    """What a fieldRef shows; "" for what only the shell knows. Raises: InvalidSpec for a path that no pod has."""
    if found := _ENTRY.fullmatch(path):
        table = identity.labels if found[1] == "labels" else identity.annotations
        return table.get(found[2], "")
    known = {
        "metadata.name": identity.name,
        "metadata.namespace": identity.namespace,
        "metadata.uid": identity.uid,
        "metadata.labels": _listed(identity.labels),
        "metadata.annotations": _listed(identity.annotations),
        "spec.nodeName": "",
        "spec.serviceAccountName": identity.service_account,
        "status.podIP": _ADDRESS,
        "status.podIPs": _ADDRESS,
        "status.hostIP": _ADDRESS,
        "status.hostIPs": _ADDRESS,
    }
    if path not in known:
        raise InvalidSpec(f"fieldPath {path!r}: field label not supported", allowed=tuple(known))
    return known[path]


def _listed(entries: Mapping[str, str]) -> str:
    """Labels or annotations as a downwardAPI file lists them."""
    quote = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    lines = (f'{key}="{"".join(quote.get(char, char) for char in value)}"' for key, value in sorted(entries.items()))
    return "\n".join(lines)


def resource_value(ref: Mapping[str, Any], containers: Iterable[argo.Container], default: str) -> str | None:
    """What a resourceFieldRef shows; None if the container sets no such limit and the machine decides.

    Raises: InvalidSpec for a container or resource that is not there.
    """
    name = str(ref.get("containerName") or default)
    group, _, resource = str(ref.get("resource", "")).partition(".")
    container = next((item for item in containers if item.name == name), None)
    if container is None or group not in ("limits", "requests"):
        raise InvalidSpec(f"resourceFieldRef {ref.get('resource')!r} of container {name!r} names nothing")
    resources = container.resources or {}
    value = (resources.get(group) or {}).get(resource)
    if value is None and group == "requests":
        value = (resources.get("limits") or {}).get(resource, 0)
    return None if value is None else str(divided(value, ref.get("divisor") or 0))


def make_mount(mount: argo.VolumeMount, volumes: Mapping[str, Volume]) -> pods.Mount:
    """A mount for the kubelet; claims are found by the shell. Raises: InvalidSpec, NotSupported."""
    volume = volumes.get(mount.name)
    if volume is None:
        raise InvalidSpec(f"volumeMount {mount.name!r} names no volume", allowed=tuple(sorted(volumes)))
    if not set(volume.sources) & set(VOLUME_SOURCES):
        kind = ", ".join(volume.sources) or "no source"
        raise NotSupported(f"volume {mount.name!r}: {kind} is not supported on one machine")
    host = volume.host_path or {}
    files = (volume.config_map, volume.secret, volume.projected, volume.downward_api)
    claimed = volume.persistent_volume_claim or {}
    return pods.Mount(
        volume=mount.name,
        path=mount.mount_path,
        host_path=str(host.get("path", "")),
        create=kind.removesuffix("OrCreate") if (kind := str(host.get("type", ""))).endswith("OrCreate") else "",
        sub_path=mount.sub_path,
        sub_path_expr=mount.sub_path_expr,
        read_only=mount.read_only or bool(claimed.get("readOnly")) or any(item is not None for item in files),
    )


def volume_sources(volume: Volume, containers: Iterable[argo.Container], identity: Identify) -> Iterator[VolumeSource]:
    """What fills a volume, later ones over earlier ones. Raises: InvalidSpec, NotSupported."""
    containers = tuple(containers)
    if volume.persistent_volume_claim is not None:
        claim = str(volume.persistent_volume_claim.get("claimName", ""))
        yield VolumeSource(volume=volume.name, kind=ObjectKind.CLAIM, object=claim)
    if volume.config_map is not None:
        yield _object_files(volume.name, ObjectKind.CONFIG_MAP, volume.config_map, "name", None)
    if volume.secret is not None:
        yield _object_files(volume.name, ObjectKind.SECRET, volume.secret, "secretName", None)
    if volume.downward_api is not None:
        yield _downward(volume.name, volume.downward_api, None, containers, identity)
    if volume.projected is not None:
        mode = volume.projected.get("defaultMode")
        for part in volume.projected.get("sources") or ():
            if "configMap" in part:
                yield _object_files(volume.name, ObjectKind.CONFIG_MAP, part["configMap"], "name", mode)
            elif "secret" in part:
                yield _object_files(volume.name, ObjectKind.SECRET, part["secret"], "name", mode)
            elif "downwardAPI" in part:
                yield _downward(volume.name, part["downwardAPI"], mode, containers, identity)
            else:
                raise NotSupported(f"volume {volume.name!r}: projected {', '.join(part)} has no meaning on one machine")


def _object_files(
    volume: str, kind: ObjectKind, ref: Mapping[str, Any], name_field: str, mode: int | None
) -> VolumeSource:
    items = ref.get("items") or ()
    return VolumeSource(
        volume=volume,
        kind=kind,
        object=str(ref.get(name_field, "")),
        items={item["key"]: item["path"] for item in items},
        modes={item["path"]: item["mode"] for item in items if "mode" in item},
        mode=ref.get("defaultMode", mode),
        optional=bool(ref.get("optional")),
    )


def _downward(
    volume: str,
    ref: Mapping[str, Any],
    mode: int | None,
    containers: tuple[argo.Container, ...],
    identity: Identify,
) -> VolumeSource:
    texts: dict[str, str] = {}
    for item in ref.get("items") or ():
        if "fieldRef" in item:
            texts[item["path"]] = field_value(str(item["fieldRef"].get("fieldPath", "")), identity())
        else:
            value = resource_value(item.get("resourceFieldRef") or {}, containers, "")
            if value is None:
                raise NotSupported(f"volume {volume!r}: {item['path']} needs a limit that the container does not set")
            texts[item["path"]] = value
    modes = {item["path"]: item["mode"] for item in ref.get("items") or () if "mode" in item}
    return VolumeSource(
        volume=volume,
        kind=ObjectKind.TEXT,
        object="",
        texts=texts,
        modes=modes,
        mode=ref.get("defaultMode", mode),
    )
