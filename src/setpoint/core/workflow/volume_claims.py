"""The volume claims that a workflow makes for itself: ordered before the entry template starts, deleted at the end.

The claims that are there are those of `status.persistentVolumeClaims`; a retry takes over those that are left.
Source: SEMANTICS section 19; argo-workflows `createPVCs`, `deletePVCs`.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.argo import WorkflowPhase
from setpoint.core.workflow import ids
from setpoint.core.workflow.commands import DeleteClaims, MakeClaims
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.state import WORKFLOW

ON_SUCCESS = "OnWorkflowSuccess"
STRATEGIES = (ON_SUCCESS, "OnWorkflowCompletion")


def claims_missing(d: Draft) -> bool:
    """Whether the workflow has claims of its own that are not there yet."""
    return len(d.spec.volume_claim_templates) != len(d.status.persistent_volume_claims)


def claims_ready(d: Draft) -> bool:
    """Whether the workflow's claims are there; they are ordered if not. Raises: BuildError if they cannot be."""
    templates = d.spec.volume_claim_templates
    if not claims_missing(d):
        return True
    for index, item in enumerate(templates):
        if not _name(item):
            raise BuildError(f"volumeClaimTemplates[{index}].metadata.name is required")
    started = d.status.started_at.isoformat() if d.status.started_at is not None else ""
    claims = tuple(_claim(d, item) for item in templates)
    d.order(MakeClaims(id=ids.command_id(d.uid, started, "claims"), claims=claims))
    return False


def note_claims(d: Draft) -> None:
    """The claims were made."""
    names = [_name(item) for item in d.spec.volume_claim_templates]
    volumes = tuple({"name": name, "persistentVolumeClaim": {"claimName": f"{d.name}-{name}"}} for name in names)
    d.status = d.status.replace(persistent_volume_claims=volumes)
    d.touch(WORKFLOW)


def drop_claims(d: Draft) -> None:
    """The workflow has ended: its claims go, unless a retry may want them."""
    gc = d.spec.volume_claim_gc
    strategy = (gc.strategy if gc is not None else "") or ON_SUCCESS
    held = d.status.persistent_volume_claims
    if not held or (strategy == ON_SUCCESS and d.status.phase is not WorkflowPhase.SUCCEEDED):
        return
    names = tuple(item["persistentVolumeClaim"]["claimName"] for item in held)
    d.status = d.status.replace(persistent_volume_claims=())
    d.order(DeleteClaims(id=ids.command_id(d.uid, d.now.isoformat(), "delete claims"), names=names))


def _name(template: dict[str, Any]) -> str:
    return str((template.get("metadata") or {}).get("name") or "")


def _claim(d: Draft, template: dict[str, Any]) -> dict[str, Any]:
    meta = template.get("metadata") or {}
    labels = {**(meta.get("labels") or {}), "workflows.argoproj.io/workflow": d.name}
    return {
        "metadata": {**meta, "name": f"{d.name}-{meta['name']}", "labels": labels},
        "spec": template.get("spec") or {},
    }
