"""Containers of a pod, typed to the last field. Source: Kubernetes API reference, v1 PodSpec."""

from __future__ import annotations

import msgspec

from setpoint.apis.meta import Wire
from setpoint.apis.podspec.probes import Lifecycle, Probe
from setpoint.apis.podspec.security import SecurityContext
from setpoint.apis.shapes import Quantity


class ConfigMapKeySelector(Wire, frozen=True, kw_only=True):
    """A key of a ConfigMap."""

    key: str
    name: str = ""
    optional: bool | None = None


class SecretKeySelector(Wire, frozen=True, kw_only=True):
    """A key of a Secret."""

    key: str
    name: str = ""
    optional: bool | None = None


class FileKeySelector(Wire, frozen=True, kw_only=True):
    """A key of a file in a volume."""

    key: str
    path: str
    volume_name: str
    optional: bool | None = None


class ObjectFieldSelector(Wire, frozen=True, kw_only=True):
    """A field of the pod itself."""

    field_path: str
    api_version: str = ""


class ResourceFieldSelector(Wire, frozen=True, kw_only=True):
    """A request or limit of a container."""

    resource: str
    container_name: str = ""
    divisor: Quantity | None = None


class EnvVarSource(Wire, frozen=True, kw_only=True):
    """Where the value of a variable comes from; exactly one."""

    config_map_key_ref: ConfigMapKeySelector | None = None
    field_ref: ObjectFieldSelector | None = None
    file_key_ref: FileKeySelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    secret_key_ref: SecretKeySelector | None = None


class EnvVar(Wire, frozen=True, kw_only=True):
    """An environment variable."""

    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


class ConfigMapEnvSource(Wire, frozen=True, kw_only=True):
    """All keys of a ConfigMap."""

    name: str = ""
    optional: bool | None = None


class SecretEnvSource(Wire, frozen=True, kw_only=True):
    """All keys of a Secret."""

    name: str = ""
    optional: bool | None = None


class EnvFromSource(Wire, frozen=True, kw_only=True):
    """Variables from all keys of an object, with a prefix."""

    config_map_ref: ConfigMapEnvSource | None = None
    prefix: str = ""
    secret_ref: SecretEnvSource | None = None


class VolumeMount(Wire, frozen=True, kw_only=True):
    """A volume shown at a path of the container."""

    mount_path: str
    name: str
    mount_propagation: str = ""
    read_only: bool | None = None
    recursive_read_only: str = ""
    sub_path: str = ""
    sub_path_expr: str = ""


class VolumeDevice(Wire, frozen=True, kw_only=True):
    """A block device shown at a path of the container."""

    device_path: str
    name: str


class ContainerPort(Wire, frozen=True, kw_only=True):
    """A port that a container listens at; `protocol` is TCP, UDP or SCTP."""

    container_port: int
    host_ip: str = msgspec.field(name="hostIP", default="")
    host_port: int | None = None
    name: str = ""
    protocol: str = ""


class ResourceClaim(Wire, frozen=True, kw_only=True):
    """A claim of the pod that a container uses."""

    name: str
    request: str = ""


class ResourceRequirements(Wire, frozen=True, kw_only=True):
    """What is set aside for a container, and what it may use at most."""

    claims: tuple[ResourceClaim, ...] = ()
    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class ContainerResizePolicy(Wire, frozen=True, kw_only=True):
    """Whether a container is restarted when a resource of it changes."""

    resource_name: str
    restart_policy: str


class ContainerRestartRuleOnExitCodes(Wire, frozen=True, kw_only=True):
    """Exit codes; `operator` is In or NotIn."""

    operator: str
    values: tuple[int, ...] = ()


class ContainerRestartRule(Wire, frozen=True, kw_only=True):
    """What follows an exit."""

    action: str
    exit_codes: ContainerRestartRuleOnExitCodes | None = None


class Container(Wire, frozen=True, kw_only=True):
    """A process of a pod, from an image."""

    name: str
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    image: str = ""
    image_pull_policy: str = ""
    lifecycle: Lifecycle | None = None
    liveness_probe: Probe | None = None
    ports: tuple[ContainerPort, ...] = ()
    readiness_probe: Probe | None = None
    resize_policy: tuple[ContainerResizePolicy, ...] = ()
    resources: ResourceRequirements | None = None
    restart_policy: str = ""
    restart_policy_rules: tuple[ContainerRestartRule, ...] = ()
    security_context: SecurityContext | None = None
    startup_probe: Probe | None = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    tty: bool | None = None
    volume_devices: tuple[VolumeDevice, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    working_dir: str = ""


class EphemeralContainer(Container, frozen=True, kw_only=True):
    """A container that is put into a running pod to look at it."""

    target_container_name: str = ""
