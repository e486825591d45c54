from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from setpoint.apis.argo import CronWorkflow, WorkflowPhase
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.core.cron.children import Child, child_of, outdated

MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def cron(extra: str = "") -> CronWorkflow:
    text = f"""
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata:
  name: nightly
  labels: {{workflows.argoproj.io/creator: ann, team: blue}}
spec:
  schedules: ["@daily"]
  workflowMetadata:
    labels: {{own: "1"}}
    annotations: {{note: x}}
    finalizers: [example.com/hold]
  {extra}
  workflowSpec: {{entrypoint: main, templates: [{{name: main, suspend: {{}}}}]}}
"""
    resource = decode_document(load_documents(text, "cron.yaml")[0])
    assert isinstance(resource, CronWorkflow)
    return resource


@pytest.mark.rule("cron.child")
def test_a_child_has_the_metadata_that_is_wanted_and_of_the_labels_those_of_the_creator() -> None:
    meta = child_of(cron(), MOMENT).metadata
    assert meta.name == "nightly-1767268800"
    assert meta.labels == {
        "workflows.argoproj.io/creator": "ann",
        "workflows.argoproj.io/cron-workflow": "nightly",
        "own": "1",
    }
    assert meta.annotations == {"note": "x", "workflows.argoproj.io/scheduled-time": "2026-01-01T12:00:00Z"}
    assert meta.finalizers == ("example.com/hold",)


@pytest.mark.rule("cron.history")
@pytest.mark.parametrize(
    ("limit", "gone"), [("", 2), ("successfulJobsHistoryLimit: 0", 5), ("successfulJobsHistoryLimit: -1", 2)]
)
def test_a_history_limit_below_zero_is_none(limit: str, gone: int) -> None:
    children = [
        Child(name=f"c{day}", uid=str(day), phase=WorkflowPhase.SUCCEEDED, finished_at=MOMENT + timedelta(days=day))
        for day in range(5)
    ]
    assert outdated(cron(limit), children) == [f"c{day}" for day in range(gone)]
