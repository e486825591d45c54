"""The verbs on workflows that the Kubernetes API has no word for, in process or over the Argo Server API.

Messages and codes of refusals follow Argo (`argo/SEMANTICS`: stopping, resuming, retry).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from setpoint.apis.argo import Workflow
from setpoint.apis.meta import Wire


class PodLogLine(Wire, frozen=True, kw_only=True):
    """One line of a pod's log; `pod_name` as Argo names pods."""

    pod_name: str
    content: str


class WorkflowVerbs(Protocol):
    """Submitting and steering. Raises NotFound, InvalidSpec (refused in this phase) and Unavailable."""

    async def submit(self, workflow: Workflow) -> Workflow:
        """Validate as `lint` does, default, store."""
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
        self, namespace: str, name: str, *, selector: str, parameters: Mapping[str, str], message: str = ""
    ) -> None:
        """Supply output parameters of running Suspend nodes."""
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
        self, namespace: str, name: str, *, pod_name: str = "", container: str = "main", follow: bool = False
    ) -> AsyncIterator[PodLogLine]:
        """Lines of all pods (or one) of a workflow, pod by pod in the order of their start; `follow` till its end."""
        ...

    def artifact(self, namespace: str, name: str, artifact: str) -> AsyncIterator[bytes]:
        """The bytes of a workflow-level output artifact that is a single file."""
        ...
