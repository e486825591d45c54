"""The templates that are known at one moment, looked up by name: what lint and merging need, without any I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from setpoint.apis.argo.kinds import ClusterWorkflowTemplate, WorkflowTemplate
from setpoint.apis.argo.merge import TemplateSource
from setpoint.apis.argo.spec import WorkflowSpec
from setpoint.apis.meta import Resource


@dataclass(frozen=True, slots=True)
class TemplateCatalog:
    """Specs of the WorkflowTemplates of one namespace and of the ClusterWorkflowTemplates, by name."""

    namespaced: Mapping[str, WorkflowSpec] = field(default_factory=dict)
    cluster: Mapping[str, WorkflowSpec] = field(default_factory=dict)

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> TemplateCatalog:
        """The catalogue of the templates among some resources; of a name that is there twice, the last."""
        items = tuple(resources)
        return cls(
            {item.metadata.name: item.spec for item in items if isinstance(item, WorkflowTemplate)},
            {item.metadata.name: item.spec for item in items if isinstance(item, ClusterWorkflowTemplate)},
        )

    def template_spec(self, name: str, *, cluster: bool) -> WorkflowSpec | None:
        """The spec of the template object, None if there is no such object."""
        return (self.cluster if cluster else self.namespaced).get(name)

    def with_resources(self, resources: Iterable[Resource]) -> TemplateCatalog:
        """This catalogue with those of some resources put over it."""
        other = TemplateCatalog.of(resources)
        return TemplateCatalog({**self.namespaced, **other.namespaced}, {**self.cluster, **other.cluster})


@dataclass(frozen=True, slots=True)
class TemplateLayers:
    """Two sources as one: what the upper does not know is asked of the lower."""

    upper: TemplateSource
    lower: TemplateSource

    def template_spec(self, name: str, *, cluster: bool) -> WorkflowSpec | None:
        """The spec of the template object, None if neither has it."""
        found = self.upper.template_spec(name, cluster=cluster)
        return found if found is not None else self.lower.template_spec(name, cluster=cluster)
