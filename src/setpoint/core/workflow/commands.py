"""Commands: orders that `step` gives and the shell carries out, each with an id derived from what it is about.

A command is stored with the state that follows from it and marked done later, so it may be carried out twice: whoever
does it looks for the id first. Values of config maps and secrets are not in here but read at launch, so that no secret
reaches the journal.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from setpoint.apis.argo import HTTP, Data, Parameter, ResourceTemplate
from setpoint.apis.pods import ArtifactInput, ArtifactPlace, PodRequest


class CommandBase(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base of all commands."""

    id: str


class ObjectKind(StrEnum):
    """What environment, files and directories of a pod come from."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 (the name of a kind)
    CLAIM = "PersistentVolumeClaim"
    NODE = "Node"  # the machine
    TEXT = "Text"  # known already


class EnvSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Environment of a container out of an object's data: one `key` as `name`, or all keys with `name` as prefix.

    Of the machine: its `name`, or how much it has of a resource, `object` being the divisor.
    """

    container: str
    kind: ObjectKind
    object: str
    name: str = ""
    key: str | None = None
    optional: bool = False


class VolumeSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What fills a volume: the files of an object's data, or `texts` by path; or the claim whose directory it is.

    `items` (key to relative path) picks keys; none: all. `modes` are those of single paths, `mode` that of the others.
    """

    volume: str
    kind: ObjectKind
    object: str
    items: dict[str, str] = {}
    texts: dict[str, str] = {}
    modes: dict[str, int] = {}
    mode: int | None = None
    optional: bool = False


class LaunchPod(CommandBase, frozen=True, kw_only=True):
    """Start the pod of a node; the command's id is the pod's.

    `service_account` "" is the namespace's default; `automount` is what the spec says of its token, None: nothing.
    """

    node: str
    request: PodRequest
    env: tuple[EnvSource, ...] = ()
    volumes: tuple[VolumeSource, ...] = ()
    service_account: str = ""
    automount: bool | None = None


class KillPod(CommandBase, frozen=True, kw_only=True):
    """End a pod; its node has got its phase already."""

    node: str
    pod: str
    reason: str = ""
    grace_seconds: float | None = None  # None: the pod's own


class MakeClaims(CommandBase, frozen=True, kw_only=True):
    """Make the workflow's volume claims, given as objects, where they are not there; answer with ClaimsMade."""

    claims: tuple[dict[str, Any], ...]


class DeleteClaims(CommandBase, frozen=True, kw_only=True):
    """Delete the workflow's volume claims, with what is in them."""

    names: tuple[str, ...]


class TimerKind(StrEnum):
    """What a timer is for."""

    SUSPEND = "suspend"  # the duration of a suspend node
    BACKOFF = "backoff"  # the wait before a further attempt
    DEADLINE = "deadline"  # spec.activeDeadlineSeconds
    TIMEOUT = "timeout"  # a limit of one node


class SetTimer(CommandBase, frozen=True, kw_only=True):
    """Answer with TimerFired at the moment `at`."""

    at: datetime
    kind: TimerKind
    node: str = ""


class RunResourceAction(CommandBase, frozen=True, kw_only=True):
    """Do the verb of a resource template and wait for its conditions; `source` is the manifest, if an artifact is."""

    node: str
    resource: ResourceTemplate
    source: ArtifactInput | None = None
    outputs: tuple[Parameter, ...] = ()
    deadline: datetime | None = None


class SendRequest(CommandBase, frozen=True, kw_only=True):
    """Send the request of an http template and judge the answer; after a crash it is sent again."""

    node: str
    http: HTTP


class ProcessData(CommandBase, frozen=True, kw_only=True):
    """List what a data template names, at `place` if that is not the embedded store, and transform the list."""

    node: str
    data: Data
    place: ArtifactPlace | None = None


class ExecutePlugin(CommandBase, frozen=True, kw_only=True):
    """Have an executor plugin carry out the template, which is handed over as it is, inputs filled in."""

    node: str
    template: dict[str, Any]


ActionCommand = RunResourceAction | SendRequest | ProcessData | ExecutePlugin
"""What the engine's shell does itself, answered with `ActionReported`."""


class SaveCacheEntry(CommandBase, frozen=True, kw_only=True):
    """Write the entry of a memoized node into its cache, a config map, which is made if there is none."""

    node: str
    cache: str
    key: str
    entry: str


class CancelAction(CommandBase, frozen=True, kw_only=True):
    """Give up an action; its node has got its phase already."""

    node: str
    command: str


Command = LaunchPod | KillPod | MakeClaims | DeleteClaims | SetTimer | ActionCommand | SaveCacheEntry | CancelAction

_COMMANDS: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def decode_command(data: bytes) -> Command:
    """The command written as JSON. Raises: msgspec.ValidationError if it is none."""
    return _COMMANDS.decode(data)
