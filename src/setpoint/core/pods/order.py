"""The order to run the pod of a PodSpec, of a Job or a Pod: the same order that a template's pod gets. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from setpoint.apis.argo import ContainerSetTemplate, Template, UserContainer, Workflow, WorkflowSpec
from setpoint.apis.argo.containers import Container, ContainerNode
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pod import PodSpec
from setpoint.apis.pods import PodAbout
from setpoint.core.workflow.commands import LaunchPod
from setpoint.core.workflow.pod_request import PodPlace, make_launch
from setpoint.core.workflow.pod_resources import requests_beside
from setpoint.core.workflow.pod_sources import PodIdentity

ALWAYS = "Always"
_ARGO = "ARGO_"


def pod_template(name: str, spec: PodSpec) -> Template:
    """The pod as a template of a workflow: a set of containers that ends when all have.

    Raises: InvalidSpec: Two containers have one name, or one of several has none.
    """
    names = [item.name for item in (*spec.containers, *spec.init_containers)]
    if len(spec.containers) > 1 and len({*names} - {""}) < len(names):
        raise InvalidSpec("every container needs a name of its own", path="spec.containers")
    mains = tuple(ContainerNode(**{**_fields(item), "name": item.name or "main"}) for item in spec.containers)
    return Template(
        name=name,
        container_set=ContainerSetTemplate(containers=mains),
        init_containers=tuple(
            UserContainer(**{**_fields(item), "restart_policy": ""}) for item in spec.init_containers
        ),
        volumes=spec.volumes,
        host_aliases=spec.host_aliases,
        pod_resources=spec.resources,
        service_account_name=spec.service_account_name or spec.service_account or "",
        automount_service_account_token=spec.automount_service_account_token,
    )


def _fields(container: Container) -> dict[str, Any]:
    return {name: getattr(container, name) for name in Container.__struct_fields__}


def make_order(
    spec: PodSpec, identity: PodIdentity, *, now: datetime, deadline: datetime | None, about: PodAbout | None = None
) -> LaunchPod:
    """The order to run a pod.

    Args:
        spec: The pod's.
        identity: Its name, and what else it may know of itself; `pod_id` is the launch id.
        now: The moment.
        deadline: When its time runs out, None without.
        about: Of a pod whose object the mirror keeps.

    Raises:
        InvalidSpec: Something in the spec is wrong, or (NotSupported) not done on one machine.
    """
    place = PodPlace(
        workflow=Workflow(metadata=ObjectMeta(name=identity.name, namespace=identity.namespace), spec=WorkflowSpec()),
        spec=WorkflowSpec(),
        node=identity.name,
        node_name=identity.name,
        pod_id=identity.pod_id,
        pod_name=identity.name,
        started_at=now,
        capture=False,
        environment={},
        deadline=None,
        attempts_deadline=deadline,
        identity=identity,
    )
    template = pod_template(identity.name, spec)
    order = make_launch(template, template.outputs, place)
    request = order.request
    mains = [
        item.replace(env={key: value for key, value in item.env.items() if not key.startswith(_ARGO)})
        for item in (request.main, *request.fellows)
    ]
    lasting = {item.name for item in spec.init_containers if item.restart_policy == ALWAYS}
    before = (item.replace(restarts=True) if item.name in lasting else item for item in request.init_containers)
    if lasting and spec.resources is None:
        inits = ((item, item.name in lasting) for item in spec.init_containers)
        request = request.replace(requests=requests_beside(spec.containers, inits))
    grace = spec.termination_grace_period_seconds
    request = request.replace(
        main=mains[0],
        fellows=tuple(mains[1:]),
        init_containers=tuple(before),
        owner="",
        about=about,
        grace_seconds=30.0 if grace is None else float(grace),
    )
    return msgspec.structs.replace(order, request=request)


def deadline_of(seconds: int | None, started: datetime | None, now: datetime) -> datetime | None:
    """When `activeDeadlineSeconds` are over, None without."""
    return None if seconds is None else (started or now) + timedelta(seconds=seconds)
