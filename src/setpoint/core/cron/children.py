"""The workflows that a cron workflow has started: how one is made, what has become of them, which are to go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from setpoint.apis.argo import (
    API_VERSION,
    LABEL_CRON_WORKFLOW,
    CronWorkflow,
    Workflow,
    WorkflowPhase,
)
from setpoint.apis.meta import ObjectMeta, OwnerReference

ANNOTATION_SCHEDULED_TIME = "workflows.argoproj.io/scheduled-time"
_INHERITED_LABELS = frozenset(
    f"workflows.argoproj.io/{name}"
    for name in ("creator", "creator-email", "creator-preferred-username", "controller-instanceid")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A workflow with the cron workflow's label."""

    name: str
    uid: str
    phase: WorkflowPhase
    finished_at: datetime | None = None
    reference: dict[str, Any] = field(default_factory=dict)  # as `status.active` lists it


def child_of(cron: CronWorkflow, moment: datetime) -> Workflow:
    """The workflow of a scheduled moment; its name tells the moment, so that it cannot run twice."""
    wanted = cron.spec.workflow_metadata or ObjectMeta()
    inherited = {key: value for key, value in cron.metadata.labels.items() if key in _INHERITED_LABELS}
    scheduled = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    owner = OwnerReference(
        api_version=API_VERSION,
        kind="CronWorkflow",
        name=cron.metadata.name,
        uid=cron.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )
    metadata = ObjectMeta(
        name=f"{cron.metadata.name}-{int(moment.timestamp())}",
        namespace=cron.metadata.namespace,
        labels={**inherited, LABEL_CRON_WORKFLOW: cron.metadata.name, **wanted.labels},
        annotations={ANNOTATION_SCHEDULED_TIME: scheduled, **wanted.annotations},
        finalizers=wanted.finalizers,
        owner_references=(owner,),
    )
    return Workflow(metadata=metadata, spec=cron.spec.workflow_spec)


def run_now(cron: CronWorkflow, moment: datetime) -> Workflow:
    """A workflow of a cron workflow beside its schedules, which need not be stored."""
    child = child_of(cron, moment)
    metadata = child.metadata.replace(name="", generate_name=f"{cron.metadata.name}-", owner_references=())
    return child.replace(metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Children that are still active, as the status lists them, and how many have ended well and badly since."""

    active: tuple[dict[str, Any], ...]
    succeeded: int
    failed: int


def tally(active: Sequence[dict[str, Any]], children: Iterable[Child]) -> Tally:
    """What has become of the active ones; those that are gone are not counted.

    One that runs and is not listed becomes active too: a killed engine had no time to list it, or it was retried.
    """
    children = tuple(children)
    by_uid = {child.uid: child for child in children}
    left, succeeded, failed = [], 0, 0
    for reference in active:
        child = by_uid.get(str(reference.get("uid", "")))
        if child is None:
            continue
        if not child.phase.completed:
            left.append(reference)
        elif child.phase is WorkflowPhase.SUCCEEDED:
            succeeded += 1
        else:
            failed += 1
    known = {str(reference.get("uid", "")) for reference in active}
    left += [one.reference for one in children if one.uid not in known and not one.phase.completed]
    return Tally(active=tuple(left), succeeded=succeeded, failed=failed)


def outdated(cron: CronWorkflow, children: Iterable[Child]) -> list[str]:
    """Names of the ended children beyond the history limits, oldest by their end first."""
    spec, ended = cron.spec, [child for child in children if child.phase.completed]
    good = [child for child in ended if child.phase is WorkflowPhase.SUCCEEDED]
    bad = [child for child in ended if child.phase is not WorkflowPhase.SUCCEEDED]
    limits = ((good, spec.successful_jobs_history_limit, 3), (bad, spec.failed_jobs_history_limit, 1))
    return [child.name for kind, limit, usual in limits for child in _oldest(kind, len(kind) - _kept(limit, usual))]


def _kept(limit: int | None, usual: int) -> int:
    """How many ended children stay; a limit below zero is none, as on a cluster."""
    return usual if limit is None or limit < 0 else limit


def _oldest(children: Sequence[Child], count: int) -> list[Child]:
    start = datetime.min.replace(tzinfo=UTC)
    return sorted(children, key=lambda child: (child.finished_at or start, child.name))[: max(0, count)]


def reference_to(meta: ObjectMeta) -> dict[str, Any]:
    """The entry of a child in `status.active`."""
    fields = {
        "apiVersion": API_VERSION,
        "kind": "Workflow",
        "name": meta.name,
        "namespace": meta.namespace,
        "resourceVersion": meta.resource_version,
        "uid": meta.uid,
    }
    found: dict[str, Any] = msgspec.to_builtins(fields)
    return found
