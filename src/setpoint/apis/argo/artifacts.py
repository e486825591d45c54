"""Artifacts: named files and directories, where they lie and how they are packed.

An artifact has at most one location. `s3` with only a key takes bucket and credentials from the artifact repository.
Source: argoproj.io/v1alpha1 Artifact, ArtifactLocation, ArchiveStrategy.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from setpoint.apis.argo.parameters import Parameter, SecretKeySelector
from setpoint.apis.meta import Wire


class Metadata(Wire, frozen=True, kw_only=True):
    """Labels and annotations for pods."""

    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class S3Artifact(Wire, frozen=True, kw_only=True):
    """An object, or a prefix, of an S3 bucket."""

    key: str = ""
    bucket: str = ""
    endpoint: str = ""
    region: str = ""
    insecure: bool | None = None
    addressing_style: str = ""
    access_key_secret: SecretKeySelector | None = None
    secret_key_secret: SecretKeySelector | None = None
    session_token_secret: SecretKeySelector | None = None
    ca_secret: SecretKeySelector | None = None
    role_arn: str = msgspec.field(name="roleARN", default="")
    use_sdk_creds: bool = msgspec.field(name="useSDKCreds", default=False)
    create_bucket_if_not_present: dict[str, Any] | None = None
    encryption_options: dict[str, Any] | None = None

    @property
    def located(self) -> bool:
        """Whether it says by itself where the object lies; else all but the key is the artifact repository's."""
        return bool(self.endpoint and self.bucket and self.key)


class RawArtifact(Wire, frozen=True, kw_only=True):
    """Text written in the manifest itself."""

    data: str


class TarStrategy(Wire, frozen=True, kw_only=True):
    """A gzipped tar; level 0 stores, 9 packs hardest."""

    compression_level: int | None = None


class ArchiveStrategy(Wire, frozen=True, kw_only=True):
    """How an artifact is packed; the default is a gzipped tar. `none` and `zip` are empty maps when chosen."""

    none: dict[str, Any] | None = None
    tar: TarStrategy | None = None
    zip: dict[str, Any] | None = None


class ArtifactGC(Wire, frozen=True, kw_only=True):
    """When the artifacts of a workflow are deleted."""

    strategy: Literal["", "OnWorkflowCompletion", "OnWorkflowDeletion", "Never"] = ""
    pod_metadata: Metadata | None = None
    service_account_name: str = ""


class WorkflowArtifactGC(ArtifactGC, frozen=True, kw_only=True):
    """`ArtifactGC` at workflow level."""

    force_finalizer_removal: bool | None = None
    pod_spec_patch: str = ""


class ArtifactLocation(Wire, frozen=True, kw_only=True):
    """At most one store; stores that are not S3 stay untyped, for they are not served on one machine."""

    archive_logs: bool | None = None
    s3: S3Artifact | None = None
    raw: RawArtifact | None = None
    artifactory: dict[str, Any] | None = None
    azure: dict[str, Any] | None = None
    gcs: dict[str, Any] | None = None
    git: dict[str, Any] | None = None
    hdfs: dict[str, Any] | None = None
    http: dict[str, Any] | None = None
    oss: dict[str, Any] | None = None
    plugin: dict[str, Any] | None = None

    @property
    def stores(self) -> tuple[str, ...]:
        """Names of the stores given; a legal artifact has none or one."""
        return tuple(name for name in STORES if getattr(self, name) is not None)


STORES = ("s3", "raw", "artifactory", "azure", "gcs", "git", "hdfs", "http", "oss", "plugin")


class Artifact(ArtifactLocation, frozen=True, kw_only=True):
    """A named file or directory. `path` is where it lies in the container."""

    name: str
    path: str = ""
    mode: int | None = None
    recurse_mode: bool = False
    from_: str = msgspec.field(name="from", default="")
    from_expression: str = ""
    sub_path: str = ""
    global_name: str = ""
    archive: ArchiveStrategy | None = None
    optional: bool = False
    artifact_gc: ArtifactGC | None = msgspec.field(name="artifactGC", default=None)
    deleted: bool = False


class ArtifactPaths(Artifact, frozen=True, kw_only=True):
    """`data.source.artifactPaths`: an artifact whose name may be missing."""

    name: str = ""


class Arguments(Wire, frozen=True, kw_only=True):
    """What a caller hands to a template, or a user to a workflow."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name; with duplicates the last, None without."""
        return next((item for item in reversed(self.parameters) if item.name == name), None)

    def artifact(self, name: str) -> Artifact | None:
        """The artifact of that name, None without."""
        return next((item for item in self.artifacts if item.name == name), None)


class Inputs(Arguments, frozen=True, kw_only=True):
    """What a template takes; in a node's status, what it got."""


class Outputs(Arguments, frozen=True, kw_only=True):
    """What a template gives; in a node's status also `result` (stdout of main) and `exitCode` (text)."""

    result: str | None = None
    exit_code: str | None = None
