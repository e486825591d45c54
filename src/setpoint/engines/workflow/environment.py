"""What a pod needs of the API and the machine becomes part of its request at the moment of its launch, never before.

Config maps and secrets become environment and files, claims the directory that is theirs; then `$(VAR)` is expanded
as Kubernetes does it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from setpoint.apis.core import ConfigMap, PersistentVolumeClaim, Secret
from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.apis.pods import ArtifactInput, ArtifactOutput, ArtifactPlace
from setpoint.apis.quantity import divided
from setpoint.core.pods.sources import shown_order
from setpoint.core.workflow import EnvSource, LaunchPod, ObjectKind, VolumeSource
from setpoint.ports.credentials import PodCredentials
from setpoint.ports.launcher import Container, Machine, Mount, PodRequest, VolumeFile
from setpoint.ports.resources import ResourceApi

Located = TypeVar("Located", ArtifactInput, ArtifactOutput)

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")


class Unschedulable(Unavailable):
    """The pod has to wait for something of the cluster; the message is what its node shows meanwhile."""


async def complete_request(
    resources: ResourceApi,
    launch: LaunchPod,
    request: PodRequest,
    machine: Machine,
    credentials: PodCredentials | None = None,
) -> PodRequest:
    """The order's request, which may have got devices since, with all values in it.

    `credentials` gives what the pod reaches the API with; None: pods get nothing.

    Raises: InvalidSpec if an object or key that is not optional is missing; Unschedulable while a claim is.
    """
    ordered = request
    values: dict[str, list[tuple[EnvSource, Mapping[str, str]]]] = {}
    for source in launch.env:
        found = await _environment(resources, request.namespace, source, machine)
        values.setdefault(source.container, []).append((source, found))
    if values:
        request = _changed(request, lambda item: item.replace(env=_filled(item.env, values.get(item.name, ()))))
    places = [item.place for item in request.artifact_inputs]
    places += [item.place for item in (*request.artifact_outputs, *request.log_outputs.values())]
    if any(places):
        request = await _with_places(resources, request)
    files: list[VolumeFile] = []
    claims: dict[str, str] = {}
    if credentials is not None:
        request = await credentials.give(request, launch.service_account, automount=launch.automount)
    for volume in launch.volumes:
        if volume.kind is ObjectKind.CLAIM:
            claims[volume.volume] = await _claim(resources, request.namespace, volume.object)
        else:
            files += await _files(resources, request.namespace, volume)
    if files:
        request = request.replace(files=tuple({(item.volume, item.path): item for item in files}.values()))
    if claims or _asks_for_more(request):
        request = _changed(request, lambda item: _expanded(item, claims))
    if request.about is not None and (values or launch.volumes):  # the Pod shows where they are from, not what they are
        request = request.replace(about=request.about.replace(shown=shown_order(launch, ordered)))
    return request


async def _with_places(resources: ResourceApi, request: PodRequest) -> PodRequest:
    """Artifacts in stores of their own get the credentials that secrets hold."""
    namespace = request.namespace
    inputs = [await _with_place(resources, namespace, item) for item in request.artifact_inputs]
    outputs = [await _with_place(resources, namespace, item) for item in request.artifact_outputs]
    logs = {name: await _with_place(resources, namespace, item) for name, item in request.log_outputs.items()}
    return request.replace(artifact_inputs=tuple(inputs), artifact_outputs=tuple(outputs), log_outputs=logs)


async def _with_place(resources: ResourceApi, namespace: str, item: Located) -> Located:
    if item.place is None:
        return item
    return item.replace(place=await filled_place(resources, namespace, item.place))


async def filled_place(resources: ResourceApi, namespace: str, place: ArtifactPlace) -> ArtifactPlace:
    """The place with the values of its secrets. Raises: InvalidSpec: One of them is missing, or is no text."""
    settings, headers = dict(place.settings), dict(place.headers)
    for name, secret in place.secrets.items():
        data = await _data(resources, namespace, ObjectKind.SECRET, secret.name)
        if data is None or secret.key not in data:
            raise InvalidSpec(f"secret {secret.name!r} with key {secret.key!r} is needed for an artifact")
        value = _text(data[secret.key], f"secret {secret.name!r}")
        if name.startswith("header "):
            headers[name.removeprefix("header ")] = value
        else:
            settings[name] = value
    return place.replace(settings=settings, headers=headers, secrets={})


def _asks_for_more(request: PodRequest) -> bool:
    """Whether there may be something to expand; most pods have nothing."""
    return any(
        "$" in text for item in request.containers for text in (*item.env.values(), *item.command, *item.args)
    ) or any(mount.sub_path_expr for item in request.containers for mount in item.mounts)


def _changed(request: PodRequest, change: Callable[[Container], Container]) -> PodRequest:
    return request.replace(
        main=change(request.main),
        init_containers=tuple(change(item) for item in request.init_containers),
        fellows=tuple(change(item) for item in request.fellows),
        sidecars=tuple(change(item) for item in request.sidecars),
    )


async def _data(
    resources: ResourceApi, namespace: str, kind: ObjectKind, name: str, *, binary: bool = False
) -> Mapping[str, bytes] | None:
    """Values by key, None if there is no such object; `binary` ones of a config map are for files only."""
    try:
        if kind is ObjectKind.CONFIG_MAP:
            held = await resources.get(ConfigMap, namespace, name)
            return _decoded(held.data, held.binary_data if binary else {}, f"configmap {name!r}")
        secret = await resources.get(Secret, namespace, name)
    except NotFound:
        return None
    return _decoded(secret.string_data, secret.data, f"secret {name!r}")


def _decoded(plain: Mapping[str, str], encoded: Mapping[str, str], what: str) -> Mapping[str, bytes]:
    try:
        decoded = {key: base64.b64decode(value) for key, value in encoded.items()}
    except binascii.Error:
        raise InvalidSpec(f"{what} holds a value that is no base64") from None
    return decoded | {key: value.encode() for key, value in plain.items()}


def decoded_secret(secret: Secret) -> Mapping[str, str]:
    """The values of a secret by key. Raises: InvalidSpec if one is no text."""
    what = f"secret {secret.metadata.name!r}"
    return {key: _text(value, what) for key, value in _decoded(secret.string_data, secret.data, what).items()}


async def _environment(resources: ResourceApi, namespace: str, source: EnvSource, machine: Machine) -> dict[str, str]:
    if source.kind is ObjectKind.NODE:
        return {source.name: _of_machine(machine, source)}
    data = await _data(resources, namespace, source.kind, source.object)
    if data is None:
        if source.optional:
            return {}
        raise InvalidSpec(f'{source.kind.value.lower()} "{source.object}" not found')
    what = f"{source.kind.value.lower()} {source.object!r}"
    if source.key is None:
        return {f"{source.name}{key}": _text(value, what) for key, value in data.items()}
    if source.key in data:
        return {source.name: _text(data[source.key], what)}
    if source.optional:
        return {}
    raise InvalidSpec(f"couldn't find key {source.key} in {source.kind.value} {namespace}/{source.object}")


def _text(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidSpec(f"{what} holds a value that is no UTF-8 text") from None


def _of_machine(machine: Machine, source: EnvSource) -> str:
    """A resourceFieldRef of a limit that the container does not set shows what the machine has."""
    if source.key == "name":
        return machine.name
    number = machine.resources.get(source.key or "", 0)
    return str(divided(f"{number}m" if source.key == "cpu" else number, source.object))


def _filled(env: Mapping[str, str], sources: list[tuple[EnvSource, Mapping[str, str]]] | tuple[()]) -> dict[str, str]:
    """The environment in its order, envFrom before all; what an optional source does not give is left out."""
    if not sources:
        return dict(env)
    before: dict[str, str] = {}
    single: dict[str, str | None] = {}
    for source, values in sources:
        if source.key is None:
            before |= values
        else:
            single[source.name] = values.get(source.name)
    own = {name: single.get(name, text) for name, text in env.items()}
    return {name: text for name, text in (before | own).items() if text is not None}


async def _claim(resources: ResourceApi, namespace: str, name: str) -> str:
    try:
        return (await resources.get(PersistentVolumeClaim, namespace, name)).metadata.uid
    except NotFound:
        reason = f'0/1 nodes are available: persistentvolumeclaim "{name}" not found.'
        raise Unschedulable(f"Unschedulable: {reason}") from None


async def _files(resources: ResourceApi, namespace: str, volume: VolumeSource) -> list[VolumeFile]:
    data: Mapping[str, bytes] | None
    if volume.kind is ObjectKind.TEXT:
        data = {path: text.encode() for path, text in volume.texts.items()}
    else:
        data = await _data(resources, namespace, volume.kind, volume.object, binary=True)
    if data is None:
        if volume.optional:
            return []
        raise InvalidSpec(f'{volume.kind.value.lower()} "{volume.object}" not found')
    missing = [key for key in volume.items if key not in data]
    if missing and not volume.optional:
        raise InvalidSpec(f"references non-existent config key: {missing[0]}")
    shown = {volume.items[key]: data[key] for key in volume.items if key in data} if volume.items else data
    mode = 0o644 if volume.mode is None else volume.mode
    return [
        VolumeFile(volume=volume.volume, path=path, content=content, mode=volume.modes.get(path, mode))
        for path, content in shown.items()
    ]


def _expanded(container: Container, claims: Mapping[str, str]) -> Container:
    """`$(VAR)` filled in: in a variable those above it, in command and args all."""
    env: dict[str, str] = {}
    for name, text in container.env.items():
        env[name] = expand(text, env)
    return container.replace(
        env=env,
        command=tuple(expand(word, env) for word in container.command),
        args=tuple(expand(word, env) for word in container.args),
        mounts=tuple(_mount(item, env, claims) for item in container.mounts),
    )


def _mount(mount: Mount, env: Mapping[str, str], claims: Mapping[str, str]) -> Mount:
    if mount.volume in claims:
        mount = mount.replace(claim=claims[mount.volume])
    if not mount.sub_path_expr:
        return mount
    missing = [found[2] for found in _REFERENCE.finditer(mount.sub_path_expr) if found[2] and found[2] not in env]
    if missing:
        raise InvalidSpec(f'cannot expand subPathExpr {mount.sub_path_expr!r}: missing value for "{missing[0]}"')
    path = expand(mount.sub_path_expr, env)
    if path.startswith("/") or ".." in path.split("/"):
        raise InvalidSpec(f"subPathExpr {mount.sub_path_expr!r} leads out of its volume: {path!r}")
    return mount.replace(sub_path=path, sub_path_expr="")


def expand(text: str, env: Mapping[str, str]) -> str:
    """Text with `$(VAR)` replaced by the variable's value; unknown ones stay, and `$$` is a `$`.

    >>> expand("$(A) $(B) $$(A)", {"A": "1"})
    '1 $(B) $(A)'
    """
    if "$" not in text:
        return text
    return _REFERENCE.sub(lambda found: "$" if found[1] == "$" else env.get(found[2], found[0]), text)
