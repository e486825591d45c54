"""Config maps and secrets become environment and files of a pod at the moment of its launch, never before.

A volume of them is loaded into the pod's own root as files, so there is no copy beside the store and the pod.
"""

from __future__ import annotations

import base64
import binascii
import posixpath
from collections.abc import Mapping

from setpoint.apis.core import ConfigMap, Secret
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.core.workflow import EnvSource, LaunchPod, ObjectKind, VolumeSource
from setpoint.ports.launcher import ArtifactInput, Container, PodRequest
from setpoint.ports.resources import ResourceApi


async def complete_request(resources: ResourceApi, launch: LaunchPod) -> PodRequest:
    """The request with all values in it.

    Raises: InvalidSpec if an object or key that is not optional is missing.
    """
    request = launch.request
    for source in launch.env:
        values = await _environment(resources, request.namespace, source)
        request = _with_environment(request, source.container, values)
    for volume in launch.volumes:
        files = await _files(resources, request.namespace, volume)
        request = _with_files(request, volume.volume, files)
    return request


async def _data(resources: ResourceApi, namespace: str, kind: ObjectKind, name: str) -> Mapping[str, str] | None:
    try:
        if kind is ObjectKind.CONFIG_MAP:
            return (await resources.get(ConfigMap, namespace, name)).data
        secret = await resources.get(Secret, namespace, name)
    except NotFound:
        return None
    return decoded_secret(secret)


def decoded_secret(secret: Secret) -> Mapping[str, str]:
    """The values of a secret by key. Raises: InvalidSpec if one is no text."""
    try:
        decoded = {key: base64.b64decode(value).decode() for key, value in secret.data.items()}
    except (binascii.Error, UnicodeDecodeError):
        reason = f"secret {secret.metadata.name!r} holds a value that is no base64 of UTF-8 text"
        raise InvalidSpec(reason) from None
    return {**decoded, **secret.string_data}


async def _environment(resources: ResourceApi, namespace: str, source: EnvSource) -> dict[str, str]:
    data = await _data(resources, namespace, source.kind, source.object)
    if data is None:
        if source.optional:
            return {}
        raise InvalidSpec(f'{source.kind.value.lower()} "{source.object}" not found')
    if source.key is None:
        return {f"{source.name}{key}": value for key, value in data.items()}
    if source.key in data:
        return {source.name: data[source.key]}
    if source.optional:
        return {}
    raise InvalidSpec(f"couldn't find key {source.key} in {source.kind.value} {namespace}/{source.object}")


def _with_environment(request: PodRequest, container: str, values: Mapping[str, str]) -> PodRequest:
    def with_values(item: Container) -> Container:
        return item.replace(env={**values, **item.env}) if item.name == container else item

    return request.replace(
        main=with_values(request.main),
        init_containers=tuple(with_values(item) for item in request.init_containers),
        fellows=tuple(with_values(item) for item in request.fellows),
        sidecars=tuple(with_values(item) for item in request.sidecars),
    )


async def _files(resources: ResourceApi, namespace: str, volume: VolumeSource) -> dict[str, str]:
    data = await _data(resources, namespace, volume.kind, volume.object)
    if data is None:
        if volume.optional:
            return {}
        raise InvalidSpec(f'{volume.kind.value.lower()} "{volume.object}" not found')
    if not volume.items:
        return dict(data)
    missing = [key for key in volume.items if key not in data]
    if missing and not volume.optional:
        raise InvalidSpec(f"references non-existent config key: {missing[0]}")
    return {path: data[key] for key, path in volume.items.items() if key in data}


def _with_files(request: PodRequest, volume: str, files: Mapping[str, str]) -> PodRequest:
    """Every mount of the volume replaced by the files it would show."""
    found: dict[str, str] = {}

    def without_mounts(item: Container) -> Container:
        for mount in item.mounts:
            if mount.volume != volume:
                continue
            for path, text in files.items():
                inside = path.removeprefix(mount.sub_path).lstrip("/") if mount.sub_path else path
                if not mount.sub_path or path == mount.sub_path or path.startswith(f"{mount.sub_path}/"):
                    found[posixpath.join(mount.path, inside).rstrip("/")] = text
        return item.replace(mounts=tuple(mount for mount in item.mounts if mount.volume != volume))

    request = request.replace(
        main=without_mounts(request.main),
        init_containers=tuple(without_mounts(item) for item in request.init_containers),
        fellows=tuple(without_mounts(item) for item in request.fellows),
        sidecars=tuple(without_mounts(item) for item in request.sidecars),
    )
    loaded = tuple(ArtifactInput(name=f"{volume}-{at}", path=path, raw=found[path]) for at, path in enumerate(found))
    return request.replace(artifact_inputs=(*request.artifact_inputs, *loaded))
