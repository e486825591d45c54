"""The pod of a model server: the launch request and the files of a service, built from a revision.

Decides everything a supervisor is told. Pure: the same revision gives the same request, so that a launch after a crash
is the same launch.
"""

from __future__ import annotations

from dataclasses import dataclass

from setpoint.apis.serving import InferenceService
from setpoint.core.serving.revisions import Replica, make_pod_id
from setpoint.core.serving.storage import local_path
from setpoint.ports.launcher import Container, Mount, PodAbout, PodRequest

MAIN, FETCH = "main", "fetch"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLayout:
    """Where a service keeps its files, and which image serves."""

    directory: str  # absolute, of this service alone
    image: str

    def revision_directory(self, revision: str) -> str:
        """Of one revision."""
        return f"{self.directory}/{revision}"

    def model_directory(self, replica: Replica) -> str:
        """The fetched copy."""
        return f"{self.directory}/{replica.revision}/model-{replica.model}"

    def port_file(self, replica: Replica) -> str:
        """Written by the server when it listens."""
        return f"{self.directory}/{replica.revision}/port-{replica.attempt}"


def make_pod_request(service: InferenceService, replica: Replica, layout: ServerLayout, *, fetch: bool) -> PodRequest:
    """The pod of an attempt: fetch the model unless it is there (`fetch`), then serve it.

    A server that is started again needs its source no more. Mounts show each directory at its own path, so that paths
    mean the same with and without a private root.
    """
    model = layout.model_directory(replica)
    directory = layout.revision_directory(replica.revision)
    work = Mount(volume="serving", path=directory, host_path=directory)
    source = str(local_path(replica.server.storage_uri))
    name = service.metadata.name
    serve = ["--model-name", name, "--model-dir", model, "--port-file", layout.port_file(replica)]
    serve += ["--version", replica.server.version or replica.revision]
    serve += ["--grace-seconds", str(max(1, round(replica.server.grace_seconds * 0.8)))]
    init = Container(
        name=FETCH,
        image=layout.image,
        command=("python", "-m", "setpoint.modelserver.fetch"),
        args=("--uri", replica.server.storage_uri, "--target", model),
        mounts=(work, Mount(volume="source", path=source, host_path=source, read_only=True)),
    )
    return PodRequest(
        id=make_pod_id(service.metadata.uid, replica),
        name=f"{replica.revision}-{replica.attempt}",
        namespace=service.metadata.namespace,
        init_containers=(init,) if fetch else (),
        main=Container(
            name=MAIN,
            image=layout.image,
            command=("python", "-m", "setpoint.modelserver"),
            args=tuple(serve),
            env=replica.server.env,
            mounts=(work,),
        ),
        grace_seconds=replica.server.grace_seconds,
        about=PodAbout(
            owner=service.owner_reference(),
            labels={"serving.kserve.io/inferenceservice": name, "component": "predictor", "app": replica.revision},
        ),
    )
