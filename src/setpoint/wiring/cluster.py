"""What a command works with on a cluster: its Kubernetes API, and its Argo Server where one is named.

The one place that reads the environment for clusters: `KUBECONFIG` and the variables of the `argo` command.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NoReturn

import httpx

from setpoint.adapters.clock import SystemClock
from setpoint.apis.argo import Workflow
from setpoint.apis.errors import Forbidden, Unavailable
from setpoint.clients.argo import ArchivedClient, ArgoClient
from setpoint.clients.cluster import bearer_token, connect_argo_server, connect_cluster
from setpoint.clients.kubeconfig import ClusterAccess, Kubeconfig
from setpoint.clients.kubernetes import KubernetesClient
from setpoint.clients.pod_logs import PodLogClient
from setpoint.ports.archive import WorkflowPage, WorkflowQuery
from setpoint.wiring.kubernetes_verbs import KubernetesVerbs, refuse
from setpoint.wiring.session import Session

CHUNK_SIZE = 500  # as kubectl and argo have it


def find_cluster(context: str, environment: Mapping[str, str] | None = None) -> ClusterAccess:
    """The cluster of a context of the user's kubeconfig. Raises: InvalidSpec: There is none of that name."""
    return Kubeconfig(os.environ if environment is None else environment).access(context)


def known_contexts(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The names of all contexts. Raises: InvalidSpec: A file is no kubeconfig."""
    return Kubeconfig(os.environ if environment is None else environment).contexts


@asynccontextmanager
async def cluster_session(
    access: ClusterAccess, *, environment: Mapping[str, str] | None = None, chunk_size: int = CHUNK_SIZE
) -> AsyncIterator[Session]:
    """Ports over a cluster.

    Args:
        access: Which, and as whom.
        environment: For tests; None means that of the process.
        chunk_size: Objects of a list that are fetched at once; 0 means all.

    Raises:
        InvalidSpec: The credentials or the variables of the Argo Server make no sense.
        Unavailable: A credential plugin failed.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        http = connect_cluster(access, clock.now)
        stack.push_async_callback(http.aclose)
        argo = connect_argo_server(access, os.environ if environment is None else environment, clock.now)
        resources = KubernetesClient(http, chunk_size=chunk_size)
        if argo is not None:
            stack.push_async_callback(argo.aclose)
            yield Session(
                resources=resources, verbs=ArgoClient(argo), archived=ArchivedClient(argo), clock=clock, owns=False
            )
        else:
            verbs = KubernetesVerbs(resources, PodLogClient(http), clock)
            yield Session(resources=resources, verbs=verbs, archived=NoArchive(), clock=clock, owns=False)


async def server_version(access: ClusterAccess) -> str:
    """What the API server says of itself, such as `v1.32.0`. Raises: Unavailable, Forbidden."""
    http = connect_cluster(access, SystemClock().now)
    try:
        answer = await http.get("/version")
    except httpx.TransportError as error:
        raise Unavailable(f"no answer from {access.server}: {error or type(error).__name__}") from error
    finally:
        await http.aclose()
    if answer.is_error:
        raise Forbidden(f"{access.server} does not tell its version: HTTP {answer.status_code}")
    return str(answer.json().get("gitVersion", "unknown"))


def authorization(access: ClusterAccess, environment: Mapping[str, str] | None = None) -> str:
    """The value of the header `Authorization` that an Argo Server is asked with; empty for none.

    Raises: InvalidSpec: A token file cannot be read, or a plugin is wrong; Unavailable: The plugin failed.
    """
    given = (os.environ if environment is None else environment).get("ARGO_TOKEN", "")
    token = bearer_token(access, SystemClock().now)
    return given or (f"Bearer {token}" if token else "")


class NoArchive:
    """`ports.workflows.ArchivedWorkflowVerbs` where no Argo Server is known: the archive is its database."""

    async def list_archived(self, query: WorkflowQuery) -> WorkflowPage:
        """Refused."""
        _refuse()

    async def get_archived(self, uid: str) -> Workflow:
        """Refused."""
        _refuse()

    async def delete_archived(self, uid: str) -> None:
        """Refused."""
        _refuse()

    async def retry_archived(
        self,
        uid: str,
        *,
        restart_successful: bool = False,
        selector: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Workflow:
        """Refused."""
        _refuse()

    async def resubmit_archived(
        self, uid: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """Refused."""
        _refuse()

    async def archived_label_keys(self, namespace: str | None = None) -> tuple[str, ...]:
        """Refused."""
        _refuse()

    async def archived_label_values(self, key: str, namespace: str | None = None) -> tuple[str, ...]:
        """Refused."""
        _refuse()


def _refuse() -> NoReturn:
    refuse("the archive of workflows")
