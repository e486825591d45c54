"""Merging: a workflow over its template, a template over the defaults, API defaults."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from setpoint.apis.argo import (
    ClusterWorkflowTemplate,
    CronWorkflow,
    Template,
    TemplateCatalog,
    Workflow,
    WorkflowMetadata,
    WorkflowSpec,
    WorkflowTemplate,
    default,
    merge_specs,
    resolve_spec,
    with_defaults,
)
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import ObjectMeta


def spec_of(values: Any) -> WorkflowSpec:
    return msgspec.convert(values, WorkflowSpec)


def template_of(values: Any) -> Template:
    return msgspec.convert(values, Template)


def workflow_of(values: Any) -> Workflow:
    return Workflow(metadata=ObjectMeta(name="w"), spec=spec_of(values))


BASE = spec_of(
    {
        "entrypoint": "main",
        "arguments": {
            "parameters": [
                {"name": "a", "value": "1", "description": "first"},
                {"name": "b", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
            ],
            "artifacts": [{"name": "x", "s3": {"bucket": "there", "key": "old"}}, {"name": "y", "raw": {"data": "t"}}],
        },
        "nodeSelector": {"disk": "ssd", "zone": "a"},
        "hooks": {"running": {"template": "main", "expression": "true"}},
        "ttlStrategy": {"secondsAfterSuccess": 5},
        "templates": [{"name": "main", "container": {"image": "i"}}],
    }
)


def test_without_a_reference_the_spec_is_its_own() -> None:
    workflow = workflow_of({"entrypoint": "m"})
    assert resolve_spec(workflow, TemplateCatalog()) is workflow.spec


def test_parameters_merge_by_name_with_the_users_first() -> None:
    upper = {"arguments": {"parameters": [{"name": "c", "value": "3"}, {"name": "a", "value": "9"}]}}
    merged = merge_specs(spec_of(upper), BASE)
    found = [(item.name, item.value, item.description) for item in merged.arguments.parameters]
    assert found == [("c", "3", None), ("a", "9", "first"), ("b", None, None)]


def test_a_value_replaces_the_source_below_it() -> None:
    merged = merge_specs(spec_of({"arguments": {"parameters": [{"name": "b", "value": "v"}]}}), BASE)
    parameter = merged.arguments.parameter("b")
    assert parameter is not None
    assert (parameter.value, parameter.value_from) == ("v", None)


@pytest.mark.rule("objects.workflow-template-ref")
def test_artifacts_merge_field_by_field_on_one_store_and_replace_across_stores() -> None:
    upper = {"arguments": {"artifacts": [{"name": "x", "s3": {"key": "new"}}, {"name": "y", "s3": {"key": "k"}}]}}
    merged = merge_specs(spec_of(upper), BASE)
    x, y = merged.arguments.artifact("x"), merged.arguments.artifact("y")
    assert x is not None and x.s3 is not None
    assert (x.s3.bucket, x.s3.key) == ("there", "new")
    assert y is not None
    assert y.stores == ("s3",)


def test_maps_merge_by_key_and_scalars_are_replaced() -> None:
    upper = {
        "entrypoint": "other",
        "nodeSelector": {"zone": "b"},
        "hooks": {"exit": {"template": "main"}},
        "ttlStrategy": {"secondsAfterFailure": 7},
    }
    merged = merge_specs(spec_of(upper), BASE)
    assert merged.entrypoint == "other"
    assert merged.node_selector == {"disk": "ssd", "zone": "b"}
    assert set(merged.hooks) == {"running", "exit"}
    assert merged.ttl_strategy is not None
    assert (merged.ttl_strategy.seconds_after_success, merged.ttl_strategy.seconds_after_failure) == (5, 7)


def test_merging_with_nothing_changes_nothing() -> None:
    assert merge_specs(BASE, WorkflowSpec()) == BASE
    assert merge_specs(WorkflowSpec(), BASE) == BASE


@pytest.mark.parametrize("cluster", [False, True])
def test_a_reference_finds_the_template_of_its_scope(cluster: bool) -> None:
    namespaced = WorkflowTemplate(metadata=ObjectMeta(name="t"), spec=BASE.replace(entrypoint="here"))
    wide = ClusterWorkflowTemplate(metadata=ObjectMeta(name="t"), spec=BASE.replace(entrypoint="everywhere"))
    workflow = workflow_of({"workflowTemplateRef": {"name": "t", "clusterScope": cluster}})
    resolved = resolve_spec(workflow, TemplateCatalog.of([namespaced, wide]))
    assert resolved.entrypoint == ("everywhere" if cluster else "here")
    assert resolved.workflow_template_ref == workflow.spec.workflow_template_ref


def test_a_missing_template_is_named() -> None:
    with pytest.raises(InvalidSpec, match=r'workflowtemplates\.argoproj\.io "t" not found') as caught:
        resolve_spec(workflow_of({"workflowTemplateRef": {"name": "t"}}), TemplateCatalog())
    assert caught.value.path == "spec.workflowTemplateRef.name"


def test_templates_beside_a_reference_are_refused() -> None:
    workflow = workflow_of({"workflowTemplateRef": {"name": "t"}, "templates": [{"name": "a"}]})
    with pytest.raises(InvalidSpec, match="Templates is invalid field in spec if workflow referred"):
        resolve_spec(workflow, TemplateCatalog({"t": BASE}))


def test_template_defaults_reach_every_template_and_bodies_only_their_own_type() -> None:
    spec = spec_of(
        {
            "templateDefaults": {
                "timeout": "30s",
                "retryStrategy": {"limit": 2},
                "container": {"imagePullPolicy": "Never", "env": [{"name": "A", "value": "1"}]},
            }
        }
    )
    container = template_of({"name": "c", "timeout": "5s", "container": {"image": "i", "env": [{"name": "B"}]}})
    merged = with_defaults(container, spec)
    assert merged.container is not None
    assert (merged.name, merged.timeout, merged.container.image) == ("c", "5s", "i")
    assert merged.container.image_pull_policy == "Never"
    assert [item.name for item in merged.container.env] == ["B", "A"]
    steps = with_defaults(template_of({"name": "s", "steps": []}), spec)
    assert steps.container is None
    assert steps.retry_strategy is not None
    assert steps.retry_strategy.limit == 2


def test_the_specs_retry_strategy_is_the_last_fallback() -> None:
    spec = spec_of({"retryStrategy": {"limit": 1}})
    assert with_defaults(template_of({"name": "a"}), spec).retry_strategy == spec.retry_strategy
    own = template_of({"name": "a", "retryStrategy": {"limit": 5}})
    assert with_defaults(own, spec) is own


def test_api_defaults() -> None:
    workflow = default(workflow_of({}), namespace="plant")
    assert (workflow.api_version, workflow.kind) == ("argoproj.io/v1alpha1", "Workflow")
    assert workflow.metadata.namespace == "plant"
    values = {"metadata": {"name": "c"}, "spec": {"schedules": ["@daily"], "workflowSpec": {}}}
    cron = default(msgspec.convert(values, CronWorkflow))
    limits = (cron.spec.successful_jobs_history_limit, cron.spec.failed_jobs_history_limit)
    assert (cron.spec.concurrency_policy, limits) == ("Allow", (3, 1))
    wide = default(ClusterWorkflowTemplate(metadata=ObjectMeta(name="t"), spec=BASE))
    assert wide.metadata.namespace == ""


@pytest.mark.rule("reconcile.workflow-metadata")
def test_workflow_metadata_lands_on_the_object() -> None:
    lower = BASE.replace(workflow_metadata=WorkflowMetadata(labels={"a": "template", "b": "template"}))
    own = {
        "workflowMetadata": {"labels": {"a": "own"}, "annotations": {"n": "1"}},
        "workflowTemplateRef": {"name": "t"},
    }
    workflow = workflow_of(own)
    workflow = workflow.replace(metadata=workflow.metadata.replace(labels={"c": "user"}))
    made = default(workflow, templates=TemplateCatalog({"t": lower})).metadata
    assert made.labels == {"a": "own", "b": "template", "c": "user"}
    assert made.annotations == {"n": "1"}
    assert default(workflow).metadata.labels == {"a": "own", "c": "user"}
