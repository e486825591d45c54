"""Pods as data: what the kubelet is asked for and what it answers.

A request is self-contained: the supervisor loads the inputs, runs the processes, collects the outputs and writes the
exit record, with no control plane alive. The types are here, below `core`, because the workflow core makes requests and
folds exits; the port that carries them is `ports.launcher`.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from setpoint.apis.meta import OwnerReference, Wire
from setpoint.apis.probes import Probes

SCRIPT_PATH = "/argo/staging/script"
"""Where a container finds its `source`."""

_PROGRESS = re.compile(r"([0-9]{1,15})/([0-9]{1,15})")


@lru_cache(maxsize=4096)  # sums are read back at every event; the same few texts come again and again
def parse_progress(text: str) -> tuple[int, int] | None:
    """N and M of `N/M` with N <= M and M > 0, blanks around it aside; None for any other text."""
    found = _PROGRESS.fullmatch(text.strip())
    if found is None:
        return None
    done, total = int(found[1]), int(found[2])
    return (done, total) if done <= total and total else None


class Archive(StrEnum):
    """How an artifact is packed in the store."""

    TAR = "tar"
    ZIP = "zip"
    NONE = "none"


class SecretKey(Wire, frozen=True, kw_only=True):
    """One value of a secret, which is read at launch."""

    name: str
    key: str


class ArtifactPlace(Wire, frozen=True, kw_only=True):
    """Where an artifact lies that is not in the embedded store.

    Args:
        kind: `http`, `git` or `s3`.
        settings: What the kind needs, by the names of Argo's fields, such as `url`, `repo`, `bucket`.
        headers: Of an http request.
        secrets: Settings (or `header NAME`) whose values are in secrets; filled into the former at launch, so that
            no order that is kept holds them.
    """

    kind: str
    settings: dict[str, str] = {}
    headers: dict[str, str] = {}
    secrets: dict[str, SecretKey] = {}


class ArtifactInput(Wire, frozen=True, kw_only=True):
    """Load the object `key` of the artifact store (the literal `raw`, what lies at `place`) to `path` before main."""

    name: str
    path: str
    key: str = ""
    raw: str | None = None
    archive: Archive | None = None  # None: recognise a gzipped tar by content
    optional: bool = False
    mode: int | None = None
    recurse_mode: bool = False
    place: ArtifactPlace | None = None


class ArtifactOutput(Wire, frozen=True, kw_only=True):
    """Save `path` to `key` of the artifact store after main ended."""

    name: str
    path: str
    key: str
    archive: Archive = Archive.TAR
    compression_level: int | None = None
    optional: bool = False
    place: ArtifactPlace | None = None


class ParameterOutput(Wire, frozen=True, kw_only=True):
    """Read the file `path`; one trailing newline is cut. Without file the default counts, None means Error."""

    name: str
    path: str
    default: str | None = None


class Mount(Wire, frozen=True, kw_only=True):
    """A directory or file shown at `path` inside the pod.

    What is shown: `host_path`; or the directory of the `claim` of that uid; or a directory of the pod's own, shared by
    mounts of the same `volume`. `sub_path_expr` becomes `sub_path` before the launch.
    """

    volume: str
    path: str
    host_path: str = ""
    create: str = ""  # Directory or File: make a host path that does not exist
    claim: str = ""
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False


class VolumeFile(Wire, frozen=True, kw_only=True):
    """A file that a volume of the pod's own begins with."""

    volume: str
    path: str
    content: bytes
    mode: int = 0o644


class HostAlias(Wire, frozen=True, kw_only=True):
    """A line more of the pod's hosts file."""

    ip: str
    hostnames: tuple[str, ...] = ()


class Container(Wire, frozen=True, kw_only=True):
    """One process of a pod. `command` empty means: the image's own entrypoint, by the image table."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    working_dir: str = ""
    source: str | None = None  # script template: written to a file whose path becomes the last argument
    mounts: tuple[Mount, ...] = ()
    probes: Probes = Probes()
    dependencies: tuple[str, ...] = ()  # of a container set: those that must have ended with 0 before this one starts
    memory_bytes: int | None = None  # more than this, and it is killed
    cpu_milli: int | None = None  # thousandths of a core
    gpus: int = 0
    log_is_message: bool = False  # if it fails, the end of its log is told with the exit code
    restarts: bool = False  # of an init container: it goes on beside the others, and is started again when it ends


class PodAbout(Wire, frozen=True, kw_only=True):
    """What the Pod object of an engine's pod says beside what is run. No supervisor needs it.

    Args:
        owner: The object that the pod belongs to.
        node: Id of the workflow's node, "" if there is none.
        node_name: Name of that node.
        labels: Beside those that follow from owner and node.
        annotations: The same.
        service_account: Of the template.
        shown: The spec as the API shows it, where the request holds values since that it must not show.
    """

    owner: OwnerReference | None = None
    node: str = ""
    node_name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    service_account: str = ""
    shown: dict[str, Any] | None = None


class Retention(StrEnum):
    """What of a pod's directory is kept after its end: logs and records always are."""

    LOGS = "logs"
    ALL = "all"


class PodRequest(Wire, frozen=True, kw_only=True):
    """Everything a supervisor needs. `id` is the command id: a second launch with the same id does nothing.

    `owner` is the uid of the object that the pod belongs to; with it go its records and logs. The pod has run when main
    and its `fellows`, the other containers of a set, have ended; each of them is run up to `attempts` times.
    """

    id: str
    name: str
    namespace: str
    main: Container
    owner: str = ""
    init_containers: tuple[Container, ...] = ()
    fellows: tuple[Container, ...] = ()
    sidecars: tuple[Container, ...] = ()
    attempts: int = 1
    attempt_pause_seconds: float = 0.0
    artifact_inputs: tuple[ArtifactInput, ...] = ()
    artifact_outputs: tuple[ArtifactOutput, ...] = ()
    log_outputs: dict[str, ArtifactOutput] = {}  # by container: main, and its fellows
    parameter_outputs: tuple[ParameterOutput, ...] = ()
    capture_result: bool = False
    deadline: datetime | None = None  # then the processes get TERM, and KILL after the grace period
    grace_seconds: float = 30.0
    files: tuple[VolumeFile, ...] = ()
    host_aliases: tuple[HostAlias, ...] = ()
    requests: dict[str, int] = {}  # what is set aside for it: cpu in thousandths, memory in bytes, else a count
    memory_bytes: int | None = None  # of all containers together
    cpu_milli: int | None = None
    daemon: bool = False  # somebody waits for it to be ready
    restart_policy: str = ""  # Always, OnFailure or Never of a Pod whose containers are told of one by one; "": a step
    restart_pause_seconds: float = 10.0  # before the second restart; it doubles with each
    about: PodAbout | None = None  # None: somebody else keeps the Pod object, or there is none

    @property
    def containers(self) -> tuple[Container, ...]:
        """Every container, in the order of the fields."""
        return (*self.init_containers, self.main, *self.fellows, *self.sidecars)


class PodPhase(StrEnum):
    """Where a pod is."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"  # the user's command ended badly
    ERROR = "Error"  # anything outside the user's command: inputs, outputs, start, lost


class ContainerEnd(Wire, frozen=True, kw_only=True):
    """How main or a fellow of it ended; `message` is empty if well, `started_at` None if it never ran."""

    exit_code: int
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerLive(Wire, frozen=True, kw_only=True):
    """A container of a pod with a restart policy, while the pod runs.

    Args:
        pid: Of the process last started.
        started_at: When that was.
        restarts: How often it was started again.
        end: How the last process ended, if it did; None while it runs.
        before: How the one before it ended.
        due: When it is started again; None if it runs, or has ended for good.
    """

    pid: int = 0
    started_at: datetime | None = None
    restarts: int = 0
    end: ContainerEnd | None = None
    before: ContainerEnd | None = None
    due: datetime | None = None


class Usage(Wire, frozen=True, kw_only=True):
    """What the processes of a container have used of the processor since they began, and hold of memory now."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 0


POD_DELETED = "pod deleted"
"""Message of a pod of which there is no trace, or whose supervisor is gone."""


class PodExit(Wire, frozen=True, kw_only=True):
    """How a pod ended; message in Argo's words, e.g. `main: Error (exit code 2)`."""

    phase: PodPhase
    message: str = ""
    exit_code: int | None = None  # of main, None if it never started
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: str | None = None
    parameters: dict[str, str] = {}
    artifacts: tuple[str, ...] = ()  # names of the output artifacts that were saved
    containers: dict[str, ContainerEnd] = {}
    progress: str = ""  # `N/M` as main last wrote it into its progress file
    others: dict[str, ContainerEnd] = {}  # init containers and sidecars that were started
    live: dict[str, ContainerLive] = {}  # of a pod with a restart policy, as they were at last


class PodState(Wire, frozen=True, kw_only=True):
    """What the launcher knows of a pod."""

    id: str
    phase: PodPhase
    pid: int | None = None
    containers: dict[str, ContainerEnd] = {}  # of a set that runs: those that have ended
    live: dict[str, ContainerLive] = {}  # of a pod with a restart policy that runs
    ready: tuple[str, ...] = ()  # the same: those that have passed their readiness probes
    exit: PodExit | None = None
