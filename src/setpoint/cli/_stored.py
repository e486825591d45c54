"""The templates that a state directory holds, for commands that only look things up."""

from __future__ import annotations

from functools import cached_property

from setpoint.apis.argo import ClusterWorkflowTemplate, TemplateCatalog, WorkflowSpec, WorkflowTemplate
from setpoint.cli._context import run_async
from setpoint.ports.resources import ResourceApi
from setpoint.wiring.settings import Settings


async def stored_templates(resources: ResourceApi, namespace: str) -> TemplateCatalog:
    """All WorkflowTemplates of the namespace and all ClusterWorkflowTemplates."""
    own = await resources.list(WorkflowTemplate, namespace)
    cluster = await resources.list(ClusterWorkflowTemplate)
    return TemplateCatalog.of((*own.items, *cluster.items))


class StoredTemplates:
    """`TemplateSource` of a state directory: read at the first question, so that who asks none does not wait."""

    def __init__(self, settings: Settings, namespace: str) -> None:
        self._settings, self._namespace = settings, namespace

    def template_spec(self, name: str, *, cluster: bool) -> WorkflowSpec | None:
        """See the protocol; nothing where nothing was ever stored."""
        return self._catalog.template_spec(name, cluster=cluster)

    @cached_property
    def _catalog(self) -> TemplateCatalog:
        if not (self._settings.home / "store").exists():
            return TemplateCatalog()
        from setpoint.wiring.session import Need, open_session  # noqa: PLC0415  the store, only if needed

        async def read() -> TemplateCatalog:
            async with open_session(self._settings, Need.READ) as session:
                return await stored_templates(session.resources, self._namespace)

        return run_async(read)
