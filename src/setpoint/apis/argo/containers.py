"""Containers as templates use them: main, script, sidecars, init containers, container sets, volumes.

What Kubernetes types deeply (probes, security contexts, resources, volumes) stays `dict[str, Any]` to the program; the
annotation says what may be in it, see `apis.shapes`.
Source: v1 Container, Volume; argoproj.io/v1alpha1 ScriptTemplate, UserContainer, ContainerSetTemplate.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from setpoint.apis.argo.scalars import IntOrString
from setpoint.apis.meta import Wire
from setpoint.apis.podspec import containers, probes, security, volumes
from setpoint.apis.podspec import foreign_volumes as foreign
from setpoint.apis.shapes import shape


class EnvVar(Wire, frozen=True, kw_only=True):
    """v1 EnvVar; `value_from` holds configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef or fileKeyRef."""

    name: str
    value: str = ""
    value_from: Annotated[dict[str, Any], shape(containers.EnvVarSource)] | None = None


class EnvFromSource(Wire, frozen=True, kw_only=True):
    """v1 EnvFromSource: all keys of a config map or secret, with a prefix."""

    prefix: str = ""
    config_map_ref: Annotated[dict[str, Any], shape(containers.ConfigMapEnvSource)] | None = None
    secret_ref: Annotated[dict[str, Any], shape(containers.SecretEnvSource)] | None = None


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
    config_map: Annotated[dict[str, Any], shape(volumes.ConfigMapVolumeSource)] | None = None
    empty_dir: Annotated[dict[str, Any], shape(volumes.EmptyDirVolumeSource)] | None = None
    host_path: Annotated[dict[str, Any], shape(volumes.HostPathVolumeSource)] | None = None
    secret: Annotated[dict[str, Any], shape(volumes.SecretVolumeSource)] | None = None
    persistent_volume_claim: Annotated[dict[str, Any], shape(volumes.PersistentVolumeClaimVolumeSource)] | None = None
    projected: Annotated[dict[str, Any], shape(volumes.ProjectedVolumeSource)] | None = None
    downward_api: Annotated[dict[str, Any], shape(volumes.DownwardAPIVolumeSource)] | None = msgspec.field(
        name="downwardAPI", default=None
    )
    ephemeral: Annotated[dict[str, Any], shape(volumes.EphemeralVolumeSource)] | None = None
    aws_elastic_block_store: Annotated[dict[str, Any], shape(foreign.AWSElasticBlockStoreVolumeSource)] | None = None
    azure_disk: Annotated[dict[str, Any], shape(foreign.AzureDiskVolumeSource)] | None = None
    azure_file: Annotated[dict[str, Any], shape(foreign.AzureFileVolumeSource)] | None = None
    cephfs: Annotated[dict[str, Any], shape(foreign.CephFSVolumeSource)] | None = None
    cinder: Annotated[dict[str, Any], shape(foreign.CinderVolumeSource)] | None = None
    csi: Annotated[dict[str, Any], shape(foreign.CSIVolumeSource)] | None = None
    fc: Annotated[dict[str, Any], shape(foreign.FCVolumeSource)] | None = None
    flex_volume: Annotated[dict[str, Any], shape(foreign.FlexVolumeSource)] | None = None
    flocker: Annotated[dict[str, Any], shape(foreign.FlockerVolumeSource)] | None = None
    gce_persistent_disk: Annotated[dict[str, Any], shape(foreign.GCEPersistentDiskVolumeSource)] | None = None
    git_repo: Annotated[dict[str, Any], shape(foreign.GitRepoVolumeSource)] | None = None
    glusterfs: Annotated[dict[str, Any], shape(foreign.GlusterfsVolumeSource)] | None = None
    image: Annotated[dict[str, Any], shape(volumes.ImageVolumeSource)] | None = None
    iscsi: Annotated[dict[str, Any], shape(foreign.ISCSIVolumeSource)] | None = None
    nfs: Annotated[dict[str, Any], shape(foreign.NFSVolumeSource)] | None = None
    photon_persistent_disk: Annotated[dict[str, Any], shape(foreign.PhotonPersistentDiskVolumeSource)] | None = None
    portworx_volume: Annotated[dict[str, Any], shape(foreign.PortworxVolumeSource)] | None = None
    quobyte: Annotated[dict[str, Any], shape(foreign.QuobyteVolumeSource)] | None = None
    rbd: Annotated[dict[str, Any], shape(foreign.RBDVolumeSource)] | None = None
    scale_io: Annotated[dict[str, Any], shape(foreign.ScaleIOVolumeSource)] | None = msgspec.field(
        name="scaleIO", default=None
    )
    storageos: Annotated[dict[str, Any], shape(foreign.StorageOSVolumeSource)] | None = None
    vsphere_volume: Annotated[dict[str, Any], shape(foreign.VsphereVirtualDiskVolumeSource)] | None = None

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
    lifecycle: Annotated[dict[str, Any], shape(probes.Lifecycle)] | None = None
    liveness_probe: Annotated[dict[str, Any], shape(probes.Probe)] | None = None
    readiness_probe: Annotated[dict[str, Any], shape(probes.Probe)] | None = None
    startup_probe: Annotated[dict[str, Any], shape(probes.Probe)] | None = None
    ports: tuple[Annotated[dict[str, Any], shape(containers.ContainerPort)], ...] = ()
    resize_policy: tuple[Annotated[dict[str, Any], shape(containers.ContainerResizePolicy)], ...] = ()
    resources: Annotated[dict[str, Any], shape(containers.ResourceRequirements)] | None = None
    restart_policy: str = ""
    restart_policy_rules: tuple[Annotated[dict[str, Any], shape(containers.ContainerRestartRule)], ...] = ()
    security_context: Annotated[dict[str, Any], shape(security.SecurityContext)] | None = None
    stdin: bool = False
    stdin_once: bool = False
    termination_message_path: str = ""
    termination_message_policy: str = ""
    tty: bool = False
    volume_devices: tuple[Annotated[dict[str, Any], shape(containers.VolumeDevice)], ...] = ()


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
