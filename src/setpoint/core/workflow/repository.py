"""The artifact repository a workflow refers to: where key-only artifacts lie, and how default keys are made.

Without a reference it is the embedded store. Source: argo-workflows `workflow/artifactrepositories`; SEMANTICS
section 10.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
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
        """A key-only artifact with bucket and credentials of the repository; others as they are."""
        if self.s3 is None or item.s3 is None or not item.s3.key_only:
            return item
        return item.replace(s3=self.s3.replace(key=item.s3.key))

    def key(self, name: str, values: dict[str, Any]) -> str:
        """The default key of a pod's artifact; `values` are the variables of the format."""
        return posixpath.join(str(substitute(self.key_format, Scope(values))), name)


def read_repository(ref: ArtifactRepositoryRef | None, library: Library) -> Repository:
    """The repository that is referred to.

    Raises: InvalidSpec: No such map or key, or it cannot be read. NotSupported: It is no s3. ContextMissing.
    """
    if ref is None:
        return Repository()
    name = ref.config_map or DEFAULT_MAP
    held = library.cache(name)
    if held is None:
        raise InvalidSpec(f'failed to find artifactory ref: config map "{name}" not found')
    key = ref.key or held.annotations.get(DEFAULT_KEY, "")
    if key not in held.data:
        raise InvalidSpec(f"failed to find artifactory ref: config map {name!r} has no key {key!r}")
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
        return Repository(
            s3=msgspec.convert(s3, S3Artifact) if s3 else None,
            key_format=key_format,
            archive_logs=found.get("archiveLogs") is True,
        )
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidSpec(f"artifact repository {name}/{key} cannot be read: {error}") from error


def of_template(template: Template, repository: Repository) -> Repository:
    """The repository of a template's outputs: its `archiveLocation`, else the workflow's."""
    location = template.archive_location
    if location is None or location.s3 is None:
        return repository
    given = location.s3
    key_format = given.key or repository.key_format
    if given.key_only:
        return replace(repository, key_format=key_format)
    return Repository(s3=given.replace(key=""), key_format=key_format)


def archives_logs(template: Template, spec: WorkflowSpec, repository: Repository) -> bool:
    """Whether logs become artifacts: what `repository`, that of the template, wants, else the template, the workflow.

    A template with a place of its own decides alone.
    """
    location = template.archive_location
    own = location.archive_logs if location is not None else None
    if location is not None and location.s3 is not None and not location.s3.key_only:
        return bool(own)
    return repository.archive_logs or bool(spec.archive_logs if own is None else own)
