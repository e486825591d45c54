"""Who decides whether logs become artifacts: the repository if it wants them, then the template, then the workflow."""

from __future__ import annotations

from itertools import product

import pytest

from setpoint.apis.argo import ArtifactLocation, S3Artifact, Template, WorkflowSpec
from setpoint.core.workflow.repository import Repository, archives_logs, of_template

pytestmark = pytest.mark.rule("artifacts.archive-logs")
OWN = S3Artifact(endpoint="s3.example", bucket="b", key="k")
CHOICES = (None, False, True)


def decided(repository: bool, workflow: bool | None, template: bool | None, s3: S3Artifact | None = None) -> bool:
    made = Template(name="t", archive_location=ArtifactLocation(archive_logs=template, s3=s3))
    found = of_template(made, Repository(archive_logs=repository))
    return archives_logs(made, WorkflowSpec(archive_logs=workflow), found)


@pytest.mark.parametrize(("workflow", "template"), list(product(CHOICES, CHOICES)))
def test_the_repository_may_want_all_and_else_the_nearest_decides(workflow: bool | None, template: bool | None) -> None:
    assert decided(True, workflow, template)
    assert decided(False, workflow, template) is bool(workflow if template is None else template)
    assert decided(False, workflow, template, S3Artifact(key="k")) is decided(False, workflow, template)


@pytest.mark.parametrize(("repository", "workflow", "template"), list(product((False, True), CHOICES, CHOICES)))
def test_a_template_with_a_place_of_its_own_decides_alone(
    repository: bool, workflow: bool | None, template: bool | None
) -> None:
    assert decided(repository, workflow, template, OWN) is bool(template)


def test_nothing_said_is_nothing_kept() -> None:
    assert not archives_logs(Template(name="t"), WorkflowSpec(), Repository())
