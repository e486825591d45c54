"""Containers as templates use them: main, script, sidecars, init containers, container sets, volumes.

What Kubernetes types deeply and one machine does not act on (probes, security contexts, resources) stays
`dict[str, Any]`.
Source: v1 Container, Volume; argoproj.io/v1alpha1 ScriptTemplate, UserContainer, ContainerSetTemplate.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.argo.scalars import IntOrString
from setpoint.apis.meta import Wire


class EnvVar(Wire, frozen=True, kw_only=True):
    """v1 EnvVar; `value_from` holds configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef or fileKeyRef."""

    name: str
    value: str = ""
    value_from: dict[str, Any] | None = None


class EnvFromSource(Wire, frozen=True, kw_only=True):
    """v1 EnvFromSource: all keys of a config map or secret, with a prefix."""

    prefix: str = ""
    config_map_ref: dict[str, Any] | None = None
    secret_ref: dict[str, Any] | None = None


class VolumeMount(Wire, frozen=True, kw_only=True):
    """v1 VolumeMount."""

    name: str
    mount_path: str
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False
    recursive_read_only: str = ""
    mount_propagation: str = ""


class Volume(Wire, frozen=True, kw_only=True):
    """v1 Volume; the source that is set says the type."""

    name: str
    config_map: dict[str, Any] | None = None
    empty_dir: dict[str, Any] | None = None
    host_path: dict[str, Any] | None = None
    secret: dict[str, Any] | None = None
    persistent_volume_claim: dict[str, Any] | None = None
    projected: dict[str, Any] | None = None
    downward_api: dict[str, Any] | None = msgspec.field(name="downwardAPI", default=None)
    ephemeral: dict[str, Any] | None = None
    aws_elastic_block_store: dict[str, Any] | None = None
    azure_disk: dict[str, Any] | None = None
    azure_file: dict[str, Any] | None = None
    cephfs: dict[str, Any] | None = None
    cinder: dict[str, Any] | None = None
    csi: dict[str, Any] | None = None
    fc: dict[str, Any] | None = None
    flex_volume: dict[str, Any] | None = None
    flocker: dict[str, Any] | None = None
    gce_persistent_disk: dict[str, Any] | None = None
    git_repo: dict[str, Any] | None = None
    glusterfs: dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    iscsi: dict[str, Any] | None = None
    nfs: dict[str, Any] | None = None
    photon_persistent_disk: dict[str, Any] | None = None
    portworx_volume: dict[str, Any] | None = None
    quobyte: dict[str, Any] | None = None
    rbd: dict[str, Any] | None = None
    scale_io: dict[str, Any] | None = msgspec.field(name="scaleIO", default=None)
    storageos: dict[str, Any] | None = None
    vsphere_volume: dict[str, Any] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Wire names of the sources given; a legal volume has one."""
        pairs = zip(self.__struct_fields__, self.__struct_encode_fields__, strict=True)
        return tuple(wire for field, wire in pairs if field != "name" and getattr(self, field) is not None)


class Container(Wire, frozen=True, kw_only=True):
    """v1 Container. Without `command` the image's entrypoint runs."""

    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    image_pull_policy: str = ""
    lifecycle: dict[str, Any] | None = None
    liveness_probe: dict[str, Any] | None = None
    readiness_probe: dict[str, Any] | None = None
    startup_probe: dict[str, Any] | None = None
    ports: tuple[dict[str, Any], ...] = ()
    resize_policy: tuple[dict[str, Any], ...] = ()
    resources: dict[str, Any] | None = None
    restart_policy: str = ""
    restart_policy_rules: tuple[dict[str, Any], ...] = ()
    security_context: dict[str, Any] | None = None
    stdin: bool = False
    stdin_once: bool = False
    termination_message_path: str = ""
    termination_message_policy: str = ""
    tty: bool = False
    volume_devices: tuple[dict[str, Any], ...] = ()


class ScriptTemplate(Container, frozen=True, kw_only=True):
    """A container whose last argument is the path of a file that holds `source`."""

    source: str = ""


class UserContainer(Container, frozen=True, kw_only=True):
    """An init container or sidecar; `name` is required by lint, not by the type, to name the place."""

    mirror_volume_mounts: bool | None = None


class ContainerNode(Container, frozen=True, kw_only=True):
    """A container of a set, started when its dependencies exited with 0."""

    dependencies: tuple[str, ...] = ()


class ContainerSetRetryStrategy(Wire, frozen=True, kw_only=True):
    """Restarts of the command inside its container."""

    retries: IntOrString | None = None
    duration: str = ""


class ContainerSetTemplate(Wire, frozen=True, kw_only=True):
    """Several containers of one pod."""

    containers: tuple[ContainerNode, ...]
    volume_mounts: tuple[VolumeMount, ...] = ()
    retry_strategy: ContainerSetRetryStrategy | None = None
