"""The artifact repository of a workflow: where artifacts lie that do not say so, and how default keys are made.

It is the one that the workflow refers to, else that of its namespace, else the embedded store; found once, when the
workflow starts. Source: argo-workflows `workflow/artifactrepositories`, `ArtifactLocation.Relocate`; SEMANTICS
section 10.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from setpoint.apis.argo import Artifact, ArtifactRepositoryRef, S3Artifact, Template, WorkflowSpec
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.core.expr import Scope, substitute
from setpoint.core.workflow.context import Library

DEFAULT_MAP = "artifact-repositories"
DEFAULT_KEY = "workflows.argoproj.io/default-artifact-repository"
_KEY_FORMAT = "{{workflow.name}}/{{pod.name}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """`s3` says where its objects lie, None for the embedded store; `key_format` where a pod's artifacts are.

    With `archive_logs` the logs of all pods are kept there too.
    """

    s3: S3Artifact | None = None
    key_format: str = _KEY_FORMAT
    archive_logs: bool = False

    def located(self, item: Artifact) -> Artifact:
        """An artifact that does not say where it lies with all of the repository's but the key; others as they are."""
        if self.s3 is None or item.s3 is None or item.s3.located:
            return item
        return item.replace(s3=self.s3.replace(key=item.s3.key))

    def key(self, name: str, values: dict[str, Any]) -> str:
        """The default key of a pod's artifact; `values` are the variables of the format."""
        return posixpath.join(str(substitute(self.key_format, Scope(values))), name)


def resolve_repository(ref: ArtifactRepositoryRef | None, namespace: str, library: Library) -> dict[str, Any] | None:
    """Which repository it is, for `status.artifactRepositoryRef`; later changes of the default do not touch it.

    None is the embedded store.

    Args:
        ref: What the workflow refers to; None looks for the map of the namespace.
        namespace: Of the workflow.
        library: Holds the config map.

    Raises: InvalidSpec: No such map, or it has no such key. ContextMissing.
    """
    name = (ref.config_map if ref is not None else "") or DEFAULT_MAP
    held = library.cache(name)
    if held is None and ref is None:
        return None
    if held is None:
        raise InvalidSpec(f"failed to find any artifact repository: config map {name!r} not found")
    key = (ref.key if ref is not None else "") or held.annotations.get(DEFAULT_KEY, "")
    if key not in held.data:
        wanted = f"key {key!r}" if key else f"default key: annotate it with {DEFAULT_KEY}"
        raise InvalidSpec(f"config map {name!r} of artifact repositories has no {wanted}")
    return {"configMap": name, "key": key, "namespace": namespace}


def read_repository(resolved: Mapping[str, Any] | None, library: Library) -> Repository:
    """The repository that `status.artifactRepositoryRef` names; the embedded store without.

    Raises: InvalidSpec: No such map or key, or it cannot be read. NotSupported: It is no s3. ContextMissing.
    """
    if resolved is None:
        return Repository()
    name, key = str(resolved.get("configMap", "")), str(resolved.get("key", ""))
    held = library.cache(name)
    if held is None or key not in held.data:
        raise InvalidSpec(f"failed to get artifact repository: config map {name!r} with key {key!r} not found")
    try:
        found = yaml.safe_load(held.data[key]) or {}
        if not isinstance(found, dict):
            raise InvalidSpec(f"artifact repository {name}/{key} is no map")
        other = next((store for store in found if store not in ("s3", "archiveLogs")), None)
        if other is not None:
            raise NotSupported(f"artifact repository {name}/{key}: there is no {other} on this machine; use s3")
        s3 = found.get("s3") or {}
        if not isinstance(s3, dict):
            raise InvalidSpec(f"artifact repository {name}/{key}: s3 is no map")
        s3 = dict(s3)
        prefix = str(s3.pop("keyPrefix", "") or "")
        key_format = str(s3.pop("keyFormat", "") or posixpath.join(prefix, _KEY_FORMAT))
        location = msgspec.convert(s3, S3Artifact) if s3 else None
        if location is not None and not location.replace(key=key_format).located:
            raise InvalidSpec(f"artifact repository {name}/{key}: s3 needs an endpoint and a bucket")
        return Repository(
            s3=location,
            key_format=key_format,
            archive_logs=found.get("archiveLogs") is True,
        )
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidSpec(f"artifact repository {name}/{key} cannot be read: {error}") from error


def of_template(template: Template, repository: Repository) -> Repository:
    """The repository of a template's artifacts: its `archiveLocation` if that is a whole one, else the workflow's."""
    location = template.archive_location
    if location is None or location.s3 is None or not location.s3.located:
        return repository
    return Repository(s3=location.s3.replace(key=""), key_format=location.s3.key)


def archives_logs(template: Template, spec: WorkflowSpec, repository: Repository) -> bool:
    """Whether logs become artifacts: what `repository`, that of the template, wants, else the template, the workflow.

    A template with a place of its own decides alone.
    """
    location = template.archive_location
    own = location.archive_logs if location is not None else None
    if location is not None and location.s3 is not None and location.s3.located:
        return bool(own)
    return repository.archive_logs or bool(spec.archive_logs if own is None else own)
