"""The templates that a place holds, for commands that only look things up."""

from __future__ import annotations

from functools import cached_property

from setpoint.apis.argo import TemplateCatalog, WorkflowSpec
from setpoint.cli._context import Place, run_async
from setpoint.operations.templates import known_templates
from setpoint.wiring.session import Need


class StoredTemplates:
    """`TemplateSource` of a place: read at the first question, so that who asks none does not wait."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def template_spec(self, name: str, *, cluster: bool) -> WorkflowSpec | None:
        """See the protocol; nothing where nothing was ever stored."""
        return self._catalog.template_spec(name, cluster=cluster)

    @cached_property
    def _catalog(self) -> TemplateCatalog:
        place = self._place
        if place.cluster is None and not (place.settings.home / "store").exists():
            return TemplateCatalog()

        async def read() -> TemplateCatalog:
            async with place.open(Need.READ) as session:
                return (await known_templates(session.resources, place.namespace)).catalog

        return run_async(read)
