"""Manifests of Argo 3.5 to 3.7: read as the present form, and rewritten to it with everything else kept."""

from __future__ import annotations

import pytest

from setpoint.apis.argo import CronWorkflow, Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import decode_document, decode_object, load_documents
from setpoint.apis.manifest.rewrite import convert_text
from setpoint.operations.lint import lint_text

pytestmark = pytest.mark.rule("objects.legacy")

CRON = """\
# every morning
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: report}
spec:
  schedule: "0 6 * * *"   # local time
  workflowSpec:
    entrypoint: main
    templates:
    - name: main
      container: {image: busybox, command: ["true"]}
"""
LOCKS = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  synchronization:
    # one at a time
    mutex:
      name: furnace   # the big one

      namespace: plant
    semaphore: {configMapKeyRef: {name: limits, key: jobs}}
  templates:
  - name: main
    synchronization: {"mutex": {name: kiln}}
    container: {image: busybox, command: ["true"]}
"""
CONVERTED = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  synchronization:
    # one at a time
    mutexes:
      - name: furnace   # the big one

        namespace: plant
    semaphores: [{configMapKeyRef: {name: limits, key: jobs}}]
  templates:
  - name: main
    synchronization: {"mutexes": [{name: kiln}]}
    container: {image: busybox, command: ["true"]}
"""


def test_a_schedule_is_read_as_a_list_of_one() -> None:
    (document,) = load_documents(CRON, "cron.yaml")
    cron = decode_document(document)
    assert isinstance(cron, CronWorkflow)
    assert cron.spec.schedules == ("0 6 * * *",)


def test_locks_are_read_as_lists_of_one() -> None:
    (document,) = load_documents(LOCKS, "wf.yaml")
    workflow = decode_document(document)
    assert isinstance(workflow, Workflow)
    locks, inner = workflow.spec.synchronization, workflow.spec.templates[0].synchronization
    assert locks is not None
    assert inner is not None
    assert [(item.name, item.namespace) for item in locks.mutexes] == [("furnace", "plant")]
    assert [item.config_map_key_ref.name for item in locks.semaphores if item.config_map_key_ref] == ["limits"]
    assert [item.name for item in inner.mutexes] == ["kiln"]
    assert decode_object(document.builtins(), Workflow) == workflow


def test_a_body_of_a_request_is_read_in_the_same_way() -> None:
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "wf"},
        "spec": {"entrypoint": "main", "synchronization": {"mutex": {"name": "m"}}},
    }
    found = decode_object(body, Workflow).spec.synchronization
    assert found is not None
    assert [item.name for item in found.mutexes] == ["m"]


def test_each_is_warned_of_once_with_its_place() -> None:
    report = lint_text(LOCKS, "wf.yaml")
    assert report.ok
    assert [str(warning).split(",")[0] for warning in report.warnings] == [
        "wf.yaml:8:5: spec.synchronization.mutexes: is written as mutex",
        "wf.yaml:12:5: spec.synchronization.semaphores: is written as semaphore",
        "wf.yaml:15:23: spec.templates[0].synchronization.mutexes: is written as mutex",
    ]


def test_the_text_is_rewritten_in_place() -> None:
    assert convert_text(LOCKS, "wf.yaml") == CONVERTED
    assert convert_text(CRON, "cron.yaml") == CRON.replace('schedule: "0 6 * * *"', 'schedules: ["0 6 * * *"]')


@pytest.mark.parametrize("text", [CONVERTED, CRON.replace("schedule:", "schedules: [").replace('"   #', '"]  #')])
def test_the_present_form_stays(text: str) -> None:
    assert convert_text(text, "wf.yaml") == text


def test_several_documents_and_json() -> None:
    both = f"{CRON}---\n{LOCKS}"
    assert convert_text(both, "f.yaml") == f"{convert_text(CRON, 'f')}---\n{CONVERTED}"
    text = '{"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "spec": {"schedule": "@daily"}}'
    assert convert_text(text, "f.json") == text.replace('"schedule": "@daily"', '"schedules": ["@daily"]')


def test_words_elsewhere_are_left_alone() -> None:
    text = LOCKS.replace("name: wf", "name: wf, labels: {mutex: a, schedule: b}")
    assert "labels: {mutex: a, schedule: b}" in convert_text(text, "wf.yaml")


def test_both_forms_beside_each_other_are_refused() -> None:
    text = CRON.replace("  workflowSpec", '  schedules: ["@daily"]\n  workflowSpec')
    with pytest.raises(InvalidSpec, match=r"cron.yaml:6:3: schedule stands beside schedules"):
        convert_text(text, "cron.yaml")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("schedule: 0 0 1,15 * *\n", 'schedules: ["0 0 1,15 * *"]\n'),
        ("schedule: 0 0\n    1 * *\n", 'schedules: ["0 0 1 * *"]\n'),
        ("schedule: >-\n    0 * *\n    * *\n  suspend: true\n", 'schedules: ["0 * * * *"]\n  suspend: true\n'),
        ("schedule: &s '@daily' # every day\n", "schedules: [&s '@daily'] # every day\n"),
        ("timezone: &s UTC\n  schedule: *s\n", "timezone: &s UTC\n  schedules: [*s]\n"),
        ("schedule:\n", "schedules: [null]\n"),
        ('"schedule" : "@daily"\r\n', '"schedules" : ["@daily"]\r\n'),
    ],
)
def test_however_a_value_is_written(before: str, after: str) -> None:
    head = "apiVersion: argoproj.io/v1alpha1\nkind: CronWorkflow\nmetadata: {name: a}\nspec:\n  "
    assert convert_text(head + before, "cron.yaml") == head + after


def test_what_cannot_be_renamed_in_place_is_said_with_its_place() -> None:
    text = "kind: Workflow\napiVersion: argoproj.io/v1alpha1\nspec:\n  synchronization:\n    mutex: &m\n      name: x\n"
    with pytest.raises(InvalidSpec, match=r"wf.yaml:5:1: the legacy fields from here on cannot be renamed"):
        convert_text(text, "wf.yaml")
