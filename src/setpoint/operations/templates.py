"""The templates that an object may refer to, as far as whoever asks may see them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from setpoint.apis.argo import ClusterWorkflowTemplate, TemplateCatalog, WorkflowTemplate
from setpoint.apis.errors import Forbidden, NotFound
from setpoint.apis.meta import Resource
from setpoint.ports.resources import ResourceApi

_CLUSTER_SCOPE = b'"clusterScope":true'


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTemplates:
    """What was found. `whole`: cluster templates could be listed; many users of a cluster may not."""

    catalog: TemplateCatalog
    whole: bool = True

    def decide(self, resource: Resource) -> bool:
        """Whether references of the object can be judged by what was found."""
        return self.whole or _CLUSTER_SCOPE not in msgspec.json.encode(resource)


async def known_templates(resources: ResourceApi, namespace: str) -> KnownTemplates:
    """All WorkflowTemplates of the namespace and all ClusterWorkflowTemplates that may be seen."""
    own = await resources.list(WorkflowTemplate, namespace)
    try:
        cluster = await resources.list(ClusterWorkflowTemplate)
    except (Forbidden, NotFound):  # no right to, or a cluster that was set up without the kind
        return KnownTemplates(catalog=TemplateCatalog.of(own.items), whole=False)
    return KnownTemplates(catalog=TemplateCatalog.of((*own.items, *cluster.items)))
