"""Lint answers with findings whatever a manifest holds: it never raises, and its graph questions have right answers."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from setpoint.apis.argo import (
    DAGTask,
    DAGTemplate,
    SuspendTemplate,
    Template,
    TemplateCatalog,
    Workflow,
    WorkflowSpec,
)
from setpoint.apis.manifest import load_documents
from setpoint.apis.meta import ObjectMeta
from setpoint.core.explain import draw, explain
from setpoint.operations.lint import lint_resource, lint_text
from setpoint.operations.lint.graph import ancestors, find_cycle

TEXT = st.sampled_from(
    ["", "a", "main", "{{", "{{x}}", "{{steps.a.status}}", "}}", "0", "-1", "1h", "a: {{b}}", "a: ["]
)
NUMBERS = TEXT | st.sampled_from([0, 1, -1, None])
SCALARS = NUMBERS | st.booleans()
NAMES = st.sampled_from(["", "a", "b", "main", "{{inputs.parameters.x}}", "1"])


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


PARAMETER = st.fixed_dictionaries(
    {"name": NAMES}, optional={"value": SCALARS, "default": SCALARS, "enum": st.lists(SCALARS)}
)
ARTIFACT = st.fixed_dictionaries({"name": NAMES}, optional={"path": NAMES, "from": NAMES, "s3": optional(key=NAMES)})
ARGUMENTS = optional(parameters=st.lists(PARAMETER, max_size=2), artifacts=st.lists(ARTIFACT, max_size=2))
CALL = {
    "template": NAMES,
    "templateRef": optional(name=NAMES, template=NAMES),
    "arguments": ARGUMENTS,
    "when": NAMES,
    "withItems": st.lists(SCALARS | st.dictionaries(NAMES, SCALARS, max_size=1), max_size=2),
    "withParam": NAMES,
    "withSequence": optional(count=NUMBERS, end=NUMBERS),
    "continueOn": optional(failed=st.booleans()),
    "inline": optional(suspend=optional(duration=NUMBERS), steps=st.just([])),
}
STEP = st.fixed_dictionaries({"name": NAMES}, optional=CALL)
TASK = st.fixed_dictionaries(
    {"name": NAMES}, optional={**CALL, "depends": NAMES, "dependencies": st.lists(NAMES, max_size=2)}
)
TEMPLATE = optional(
    name=NAMES,
    inputs=ARGUMENTS,
    outputs=ARGUMENTS,
    container=optional(image=NAMES, args=st.lists(NAMES, max_size=2)),
    resource=st.fixed_dictionaries({"action": NAMES}, optional={"manifest": TEXT}),
    suspend=optional(duration=NUMBERS),
    steps=st.lists(st.lists(STEP, max_size=2), max_size=2),
    dag=st.fixed_dictionaries({"tasks": st.lists(TASK, max_size=3)}, optional={"target": NAMES}),
    retryStrategy=optional(limit=NUMBERS, retryPolicy=NAMES, backoff=optional(duration=TEXT, factor=NUMBERS)),
    activeDeadlineSeconds=NUMBERS,
    parallelism=st.integers(-1, 2),
)
SPEC = optional(
    entrypoint=NAMES,
    onExit=NAMES,
    templates=st.lists(TEMPLATE, max_size=3),
    templateDefaults=TEMPLATE,
    arguments=ARGUMENTS,
    workflowTemplateRef=optional(name=NAMES),
)


@settings(max_examples=150, deadline=None)
@given(SPEC, st.sampled_from(["Workflow", "WorkflowTemplate", "CronWorkflow"]))
def test_every_finding_has_a_path_and_a_line(spec: dict[str, Any], kind: str) -> None:
    if kind == "CronWorkflow":
        spec = {"schedules": ["@daily"], "workflowSpec": spec}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "w"}, "spec": spec}
    report = lint_text(json.dumps(manifest, indent=1), "f.json", submit=True)
    for finding in (*report.errors, *report.warnings):
        assert finding.path
        assert finding.reason and finding.reason == finding.reason.strip()
        assert finding.location is not None and finding.location.line is not None
    assert len({str(error) for error in report.errors}) == len(report.errors)


@settings(max_examples=50, deadline=None)
@given(SPEC)
def test_whatever_can_be_read_can_be_explained(spec: dict[str, Any]) -> None:
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": spec}
    (document,) = load_documents(json.dumps(manifest), "f.json")
    if not document.problems(Workflow):
        found = explain(document.decode(Workflow), TemplateCatalog())
        assert draw([found]).count("<g class=") == sum(1 for _ in found.entry.walk()) - sum(
            len(list(handler.walk())) for task in found.entry.walk() for handler in task.handlers
        ) + sum(1 for handler in found.handlers for _ in handler.walk())


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!'\"\n #|>%@,?<\t", max_size=60))
@example("? a")
@example("- ? [a]: b")
@example("&a *a")
@example("!!map [a]")
@example("a: !!set {b}")
def test_any_text_is_answered(text: str) -> None:
    assert lint_text(text, "f.yaml").errors


GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple))


def reachable(graph: dict[str, tuple[str, ...]], start: str) -> set[str]:
    found: set[str] = set()
    for _ in graph:
        found |= {other for name in {start, *found} for other in graph.get(name, ())}
    return found | {other for name in {start, *found} for other in graph.get(name, ())}


@given(GRAPHS)
def test_a_cycle_is_found_exactly_when_a_task_reaches_itself(graph: dict[str, tuple[str, ...]]) -> None:
    cycle = find_cycle(graph)
    assert bool(cycle) == any(name in reachable(graph, name) for name in graph)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(other in graph[name] for name, other in pairwise(cycle))


@given(GRAPHS, st.sampled_from("abcdef"))
def test_ancestors_are_what_can_be_reached(graph: dict[str, tuple[str, ...]], name: str) -> None:
    assert set(ancestors(graph, name)) == reachable(graph, name)


@pytest.mark.parametrize("size", [3000])
def test_a_long_chain_needs_no_recursion(size: int) -> None:
    graph: dict[str, tuple[str, ...]] = {f"t{index}": (f"t{index - 1}",) if index else () for index in range(size)}
    assert find_cycle(graph) == ()
    assert len(ancestors(graph, f"t{size - 1}")) == size - 1


@pytest.mark.timeout(60)
def test_ten_thousand_tasks_are_checked_without_copying_the_names_of_all_for_each() -> None:
    tasks = tuple(
        DAGTask(name=f"t{index}", template="leaf", dependencies=(f"t{index // 2}",) if index else ())
        for index in range(10_000)
    )
    templates = (Template(name="main", dag=DAGTemplate(tasks=tasks)), Template(name="leaf", suspend=SuspendTemplate()))
    spec = WorkflowSpec(entrypoint="main", templates=templates)
    assert lint_resource(Workflow(metadata=ObjectMeta(name="w"), spec=spec), submit=True).errors == ()
