"""The verbs on workflows that the Kubernetes API has no word for, in process or over the Argo Server API.

Messages and codes of refusals follow Argo (`argo/SEMANTICS`: stopping, resuming, retry).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from setpoint.apis.argo import Workflow
from setpoint.apis.meta import OwnerReference, Resource, Wire
from setpoint.ports.archive import WorkflowPage, WorkflowQuery
from setpoint.ports.resources import Propagation

LATEST = "@latest"
"""As the name of a workflow: the one of the namespace that was created last."""


class PodLogLine(Wire, frozen=True, kw_only=True):
    """One line of a pod's log; `pod_name` as Argo names pods."""

    pod_name: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """Which lines of logs are told; as of Kubernetes' pod logs, and Argo's `grep` and `selector`.

    Args:
        grep: A regular expression of Go that a line must match.
        selector: A label selector on pods.
        since: Only lines that were written at that time or later.
        tail_lines: Only so many of the last lines of each container.
        limit_bytes: Only so many bytes of each container.
        timestamps: Put its time before each line.
        previous: The log of the container before its restart; there never is one.
    """

    grep: str = ""
    selector: str = ""
    since: datetime | None = None
    tail_lines: int | None = None
    limit_bytes: int | None = None
    timestamps: bool = False
    previous: bool = False


class SubmitOptions(Wire, frozen=True, kw_only=True):
    """What is changed of a template for one run of it; the fields are Argo's `SubmitOpts`.

    `parameters` are `name=value`, `artifacts` are `name=key`, `labels` and `annotations` are `key=value,key=value`.
    """

    name: str = ""
    generate_name: str = ""
    entry_point: str = ""
    parameters: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    labels: str = ""
    annotations: str = ""
    service_account: str = ""
    priority: int | None = None
    pod_priority_class_name: str = ""
    owner_reference: OwnerReference | None = None
    dry_run: bool = False
    server_dry_run: bool = False


class WorkflowVerbs(Protocol):
    """Submitting and steering. Raises NotFound, InvalidSpec (refused in this phase) and Unavailable.

    Where a verb takes the name of a workflow, `@latest` is the one that was created last.
    """

    async def submit(self, workflow: Workflow, *, dry_run: bool = False) -> Workflow:
        """Validate as `lint` does, default, store; with `dry_run` all but store."""
        ...

    async def submit_from(self, namespace: str, kind: str, name: str, options: SubmitOptions | None = None) -> Workflow:
        """Submit a run of a WorkflowTemplate, ClusterWorkflowTemplate or CronWorkflow, told by any name of its kind."""
        ...

    async def lint(self, resource: Resource) -> None:
        """Nothing if a workflow or template is right; InvalidSpec, the first thing that is wrong."""
        ...

    async def get(self, namespace: str, name: str, *, uid: str = "") -> Workflow:
        """The workflow; of the archive if its object is not there any more, or is another than that of the uid."""
        ...

    async def list(self, query: WorkflowQuery) -> WorkflowPage:
        """What the query means, objects first, then what is archived only."""
        ...

    async def delete(
        self,
        namespace: str,
        name: str,
        *,
        force: bool = False,
        propagation: Propagation = Propagation.BACKGROUND,
        uid: str = "",
        resource_version: str = "",
    ) -> None:
        """Delete the object; `force`: whatever finalizers hold it. uid and resourceVersion are preconditions."""
        ...

    async def stop(self, namespace: str, name: str, *, message: str = "", selector: str = "") -> None:
        """Stop; exit handlers run. With a selector only the matching Suspend nodes fail."""
        ...

    async def terminate(self, namespace: str, name: str) -> None:
        """Stop without exit handlers."""
        ...

    async def suspend(self, namespace: str, name: str) -> None:
        """Let running pods end and start nothing new."""
        ...

    async def resume(self, namespace: str, name: str, *, selector: str = "") -> None:
        """Undo suspend, and let running Suspend nodes succeed; with a selector the matching ones only."""
        ...

    async def set_outputs(
        self,
        namespace: str,
        name: str,
        *,
        selector: str,
        parameters: Mapping[str, str],
        message: str = "",
        phase: str = "",
    ) -> None:
        """Supply output parameters, message or phase of running Suspend nodes."""
        ...

    async def retry(
        self,
        namespace: str,
        name: str,
        *,
        restart_successful: bool = False,
        selector: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Run again from what failed; what succeeded is kept."""
        ...

    async def resubmit(
        self, namespace: str, name: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """A new workflow from the spec of an old one; `memoized`: it takes over what succeeded in the failed one."""
        ...

    def logs(
        self,
        namespace: str,
        name: str,
        *,
        pod_name: str = "",
        container: str = "main",
        follow: bool = False,
        options: LogOptions | None = None,
    ) -> AsyncIterator[PodLogLine]:
        """Lines of all pods (or one) of a workflow, pod by pod in the order of their start; `follow` till its end."""
        ...

    def artifact(self, namespace: str, name: str, artifact: str) -> AsyncIterator[bytes]:
        """The bytes of a workflow-level output artifact that is a single file."""
        ...

    def node_artifact(self, namespace: str, name: str, node_id: str, artifact: str) -> AsyncIterator[bytes]:
        """The bytes of an output artifact of a node as it is stored, a packed one packed."""
        ...


class ArchivedWorkflowVerbs(Protocol):
    """What can be done with a workflow in the archive. Raises NotFound, InvalidSpec and Unavailable."""

    async def list_archived(self, query: WorkflowQuery) -> WorkflowPage:
        """What the query means; without nodes."""
        ...

    async def get_archived(self, uid: str) -> Workflow:
        """The workflow as it ended."""
        ...

    async def delete_archived(self, uid: str) -> None:
        """Forget it."""
        ...

    async def retry_archived(
        self,
        uid: str,
        *,
        restart_successful: bool = False,
        selector: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Workflow:
        """Make the object anew and run it again from what failed; AlreadyExists if there is one of its name."""
        ...

    async def resubmit_archived(
        self, uid: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """A new workflow from its spec."""
        ...

    async def archived_label_keys(self, namespace: str | None = None) -> tuple[str, ...]:
        """Keys of the labels of archived workflows."""
        ...

    async def archived_label_values(self, key: str, namespace: str | None = None) -> tuple[str, ...]:
        """Values of a label of archived workflows."""
        ...
