"""Which artifacts go when, where they lie, and what the status says of it."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.apis.argo import (
    Artifact,
    ArtifactGC,
    ArtifactLocation,
    Metadata,
    NodePhase,
    NodeStatus,
    NodeType,
    Outputs,
    S3Artifact,
    Template,
    TemplateRef,
    WorkflowArtifactGC,
    WorkflowSpec,
    WorkflowStatus,
)
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.meta import Condition
from setpoint.apis.pods import ArtifactPlace, PodExit, PodPhase
from setpoint.core.workflow import PodEnded, StopRequested
from setpoint.core.workflow.artifact_gc import (
    NEVER,
    ON_COMPLETION,
    ON_DELETION,
    due,
    first_gc_status,
    gc_pod_name,
    lies_at,
    needs_finalizer,
    processed,
    strategy_of,
    template_of,
    with_gc,
    without,
)
from setpoint.core.workflow.repository import Repository
from tests.unit.core.workflow.driver import run

pytestmark = pytest.mark.rule("artifacts.gc")

LATE = WorkflowSpec(artifact_gc=WorkflowArtifactGC(strategy=ON_DELETION))
PLAIN = Artifact(name="plain", path="/p", s3=S3Artifact(key="k"))
EARLY = Artifact(name="early", path="/e", artifact_gc=ArtifactGC(strategy=ON_COMPLETION))
KEPT = Artifact(name="kept", path="/k", artifact_gc=ArtifactGC(strategy=NEVER))
LOG = Artifact(name="main-logs", s3=S3Artifact(key="main.log"))


def pod(*artifacts: Artifact, **fields: Any) -> NodeStatus:
    made = NodeStatus(id="n", name="n", type=NodeType.POD, phase=NodePhase.SUCCEEDED)
    return made.replace(outputs=Outputs(artifacts=artifacts), **fields)


def test_an_artifact_goes_by_its_own_strategy_else_by_the_workflows() -> None:
    assert [strategy_of(item, LATE) for item in (PLAIN, EARLY, KEPT)] == [ON_DELETION, ON_COMPLETION, NEVER]
    assert strategy_of(PLAIN, WorkflowSpec()) == NEVER
    assert strategy_of(PLAIN.replace(artifact_gc=ArtifactGC()), LATE) == ON_DELETION


def test_each_is_due_once_and_only_of_pods() -> None:
    node = pod(PLAIN, EARLY, KEPT, LOG)
    assert due(node, LATE, ON_COMPLETION) == (EARLY,)
    assert due(node, LATE, ON_DELETION) == (PLAIN, LOG)
    assert due(without(node, ["plain"]), LATE, ON_DELETION) == (LOG,)
    assert due(node.replace(type=NodeType.STEPS), LATE, ON_DELETION) == ()
    assert due(node.replace(outputs=None), LATE, ON_DELETION) == ()


@pytest.mark.parametrize(
    ("outputs", "spec", "specified"),
    [((), LATE, False), ((KEPT,), LATE, False), ((EARLY,), WorkflowSpec(), True), ((PLAIN,), LATE, True)],
)
def test_a_workflow_waits_only_if_a_template_declares_something_to_delete(
    outputs: tuple[Artifact, ...], spec: WorkflowSpec, specified: bool
) -> None:
    template = Template(name="t", outputs=Outputs(artifacts=outputs))
    found = first_gc_status(spec.replace(templates=(template,)))
    assert found == ({} if specified else {"notSpecified": True})
    assert first_gc_status(WorkflowSpec(templates=(Template(name="t", outputs=Outputs(artifacts=(PLAIN,))),))) is None
    status = WorkflowStatus(artifact_gc_status=found)
    assert needs_finalizer(status) is specified
    assert needs_finalizer(with_gc(status, (EARLY,), spec))
    assert with_gc(status, (KEPT,), spec) == status
    assert not needs_finalizer(WorkflowStatus())


def test_the_status_keeps_what_was_processed_and_the_last_failure_alone() -> None:
    other = Condition(type="PodRunning", status="False")
    status = WorkflowStatus(artifact_gc_status={"notSpecified": True}, conditions=(other,))
    failed = processed(status, [ON_COMPLETION], ["a"], "no way")
    assert failed.artifact_gc_status == {"strategiesProcessed": {ON_COMPLETION: True}, "podsRecouped": {"a": True}}
    assert [(item.type, item.message) for item in failed.conditions][1:] == [("ArtifactGCError", "no way")]
    assert processed(failed, [ON_COMPLETION], ["a"], "no way") == failed
    again = processed(failed, [ON_DELETION], ["b"], "")
    assert again.conditions == (other,)
    assert again.artifact_gc_status == {
        "strategiesProcessed": {ON_COMPLETION: True, ON_DELETION: True},
        "podsRecouped": {"a": True, "b": True},
    }


def test_a_pod_of_a_cluster_would_delete_what_needs_the_same_identity() -> None:
    mine = PLAIN.replace(artifact_gc=ArtifactGC(service_account_name="me"))
    labelled = PLAIN.replace(artifact_gc=ArtifactGC(pod_metadata=Metadata(labels={"a": "b"})))
    names = [gc_pod_name("wf", ON_DELETION, item, LATE) for item in (PLAIN, LOG, mine, labelled)]
    assert names[0] == names[1] == "wf-artgc-wfdel-2166136261"  # the hash of nothing
    assert len(set(names)) == 3
    whole = LATE.replace(artifact_gc=WorkflowArtifactGC(strategy=ON_DELETION, service_account_name="me"))
    assert gc_pod_name("wf", ON_DELETION, PLAIN, whole) == names[2]
    assert gc_pod_name("wf", ON_COMPLETION, PLAIN, LATE) == "wf-artgc-wfcomp-2166136261"


BUCKET = S3Artifact(endpoint="s3.example", bucket="b")


def test_an_artifact_lies_where_it_says_else_where_its_template_or_the_repository_does() -> None:
    def bucket(where: str | ArtifactPlace) -> tuple[str | None, str | None]:
        assert isinstance(where, ArtifactPlace)
        return where.settings.get("bucket"), where.settings.get("key")

    own = PLAIN.replace(s3=BUCKET.replace(bucket="own", key="x"))
    template = Template(name="t", archive_location=ArtifactLocation(s3=BUCKET.replace(bucket="of-t", key="format")))
    repository = Repository(s3=BUCKET)
    assert lies_at(PLAIN, None, Repository()) == lies_at(PLAIN, Template(name="t"), Repository()) == "k"
    assert bucket(lies_at(PLAIN, Template(name="t"), repository)) == ("b", "k")
    assert bucket(lies_at(PLAIN, template, repository)) == ("of-t", "k")
    assert bucket(lies_at(own, template, repository)) == ("own", "x")
    with pytest.raises(InvalidSpec, match="'early' has no key"):
        lies_at(EARLY, None, Repository())
    with pytest.raises(NotSupported, match="no gcs"):
        lies_at(EARLY.replace(gcs={"bucket": "b", "key": "k"}), None, Repository())


def test_the_template_of_a_node_is_the_workflows_or_a_stored_one_with_the_defaults() -> None:
    location = ArtifactLocation(s3=BUCKET)
    spec = WorkflowSpec(templates=(Template(name="a"),), template_defaults=Template(archive_location=location))
    stored = {f"{where}/a": Template(name=where) for where in ("namespaced/w", "cluster/w")}

    def found(**fields: Any) -> str | None:
        template = template_of(pod(**fields), spec, stored)
        assert template is None or template.archive_location == location
        return template.name if template is not None else None

    assert found(template_name="a", template_scope="local/wf") == "a"
    assert found(template_name="a", template_scope="namespaced/w") == "namespaced/w"
    assert found(template_ref=TemplateRef(name="w", template="a"), template_scope="local/wf") == "namespaced/w"
    ref = TemplateRef(name="w", template="a", cluster_scope=True)
    assert found(template_ref=ref, template_scope="local/wf") == "cluster/w"
    assert found(template_scope="local/wf") is None


RUNS = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  artifactGC: {strategy: %s}
  templates:
  - name: main
    container: {image: busybox, command: [block]}
    outputs: {artifacts: [{name: x, path: /x}, {name: other, path: /other}]}
"""


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("strategy", "known"), [(ON_DELETION, ["x"]), (NEVER, [])])
def test_what_a_pod_still_saves_that_is_told_to_end_is_known_if_it_is_to_be_deleted(
    strategy: str, known: list[str], restarted: bool
) -> None:
    cluster = run(RUNS % strategy)
    launch = cluster.launch_of("wf")
    if restarted:
        cluster.restart()
    cluster.fold(StopRequested(strategy="Terminate"))
    assert cluster.phase == "Failed"
    late = PodExit(phase=PodPhase.FAILED, exit_code=143, artifacts=("x",))
    cluster.fold(PodEnded(node=launch.node, pod="another", exit=late))
    assert cluster.node("wf").outputs is None
    cluster.fold(PodEnded(node=launch.node, pod=launch.id, exit=late))
    ended = cluster.node("wf")
    assert ended.phase is NodePhase.FAILED
    assert [item.name for item in (ended.outputs or Outputs()).artifacts] == known
    assert cluster.phase == "Failed"


def test_a_strategy_of_a_template_that_is_written_into_its_call_is_met_when_its_pod_ends() -> None:
    own = "artifactGC: {strategy: OnWorkflowDeletion}"
    make = f"container: {{image: b, command: [echo]}}, outputs: {{artifacts: [{{name: x, path: /x, {own}}}]}}"
    text = f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec: {{entrypoint: main, templates: [{{name: main, steps: [[{{name: a, inline: {{{make}}}}}]]}}]}}
"""
    assert run(text).state.status.artifact_gc_status == {}
