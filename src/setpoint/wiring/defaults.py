"""`workflowDefaults` of the controller: a YAML file of a partial Workflow that lies below every workflow.

Source: Argo Workflows, "Default Workflow Spec".
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from setpoint.apis.argo import API_VERSION, Workflow, WorkflowSpec
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import load_documents
from setpoint.apis.meta import Resource
from setpoint.wiring.settings import Settings


class _Partial(Resource, frozen=True, kw_only=True):
    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "Workflow"
    PLURAL: ClassVar[str] = "workflows"

    spec: WorkflowSpec = WorkflowSpec()


def workflow_defaults(settings: Settings) -> Workflow | None:
    """The workflow that the setting `workflow_defaults` describes, None without.

    Raises: InvalidSpec: No such file, or what is wrong in it, with file, line and path.
    """
    if not settings.workflow_defaults:
        return None
    path = Path(settings.workflow_defaults)
    path = path if path.is_absolute() else settings.home / path
    try:
        documents = load_documents(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"{path} cannot be read: {error}", path="settings.workflow_defaults") from error
    if len(documents) != 1:
        reason = f"{path}: expected one document with metadata and spec, found {len(documents)}"
        raise InvalidSpec(reason, path="settings.workflow_defaults")
    found = documents[0].decode(_Partial)
    return Workflow(metadata=found.metadata, spec=found.spec)
