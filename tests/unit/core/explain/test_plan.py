"""What would run, worked out from the manifest: loops counted, conditions decided, arguments filled in."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from setpoint.apis.argo import TemplateCatalog, Workflow
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.core.explain import Explanation, Task, explain

LEAF = """\
- name: leaf
  inputs: {parameters: [{name: p, default: none}]}
  container: {image: alpine, args: ["{{inputs.parameters.p}}"]}
"""


def explained(templates: str, spec: str = "", others: str = "") -> Explanation:
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: w-, namespace: ns}\n"
        f"spec:\n  entrypoint: main\n{textwrap.indent(spec, '  ')}  templates:\n"
        + textwrap.indent(templates + LEAF, "  ")
    )
    documents = [decode_document(item) for item in load_documents(f"{text}\n---\n{others}" if others else text, "f")]
    workflow = documents[0]
    assert isinstance(workflow, Workflow)
    return explain(workflow, TemplateCatalog.of(documents[1:]))


def one(step: str, **more: Any) -> Task:
    """The only step of a workflow."""
    (task,) = explained(f"- name: main\n  steps: [[{{name: a, template: leaf, {step}}}]]\n", **more).entry.tasks
    return task


ARGUMENT = "arguments: {{parameters: [{{name: p, value: {0}}}]}}"


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("'{{workflow.parameters.x}}'", "1"),
        ("'{{ workflow.parameters.x }}'", "1"),
        ("'{{=asInt(workflow.parameters.x) + 1}}'", "2"),
        ("'{{workflow.namespace}}'", "ns"),
        ("'{{workflow.name}}'", "{{workflow.name}}"),
        ("'{{workflow.uid}}'", "{{workflow.uid}}"),
        ("\"{{=steps.b.outputs.result ?? 'd'}}\"", "{{=steps.b.outputs.result ?? 'd'}}"),
        ("\"{{=workflow.parameters.none ?? 'd'}}\"", "{{=workflow.parameters.none ?? 'd'}}"),
        ("'{{workflow.parameters.{{workflow.parameters.z}}}}'", "1"),
    ],
)
def test_arguments_are_filled_in_as_far_as_they_are_known(value: str, filled: str) -> None:
    task = one(ARGUMENT.format(value), spec="arguments: {parameters: [{name: x, value: 1}, {name: z, value: x}]}\n")
    assert task.arguments == {"p": filled}


def test_a_default_stands_where_nothing_is_given() -> None:
    assert one("when: 'true'").arguments == {"p": "none"}


@pytest.mark.parametrize(
    ("when", "runs"),
    [
        ("1 == 1", True),
        ("1 == 2", False),
        ("'{{steps.b.status}} == x'", None),
        ("'{{workflow.parameters.x}} == 1'", True),
    ],
)
def test_a_condition_is_decided_where_it_can_be(when: str, runs: bool | None) -> None:
    assert one(f"when: {when}", spec="arguments: {parameters: [{name: x, value: 1}]}\n").runs is runs


@pytest.mark.parametrize(
    ("loop", "count", "names"),
    [
        ("withItems: [x, 2]", 2, ["a(0:x)", "a(1:2)"]),
        ("withItems: [{k: v}]", 1, ["a(0:k:v)"]),
        ("withItems: []", 0, []),
        ("withSequence: {start: 3, end: 1}", 3, ["a(0:3)", "a(1:2)", "a(2:1)"]),
        ("withSequence: {count: '{{workflow.parameters.x}}'}", 2, ["a(0:0)", "a(1:1)"]),
        ("withParam: '[7]'", 1, ["a(0:7)"]),
        ("withParam: '{{steps.b.outputs.result}}'", None, []),
        ("withSequence: {count: '{{steps.b.outputs.result}}'}", None, []),
    ],
)
def test_loops_are_counted_where_the_items_are_known(loop: str, count: int | None, names: list[str]) -> None:
    items = one(loop, spec="arguments: {parameters: [{name: x, value: 2}]}\n").items
    assert items is not None
    assert (items.count, [case.name for case in items.cases]) == (count, names)


@pytest.mark.parametrize(
    ("sequence", "count", "last"),
    [
        ("{count: 1000000000000}", 10**12, "a(199:199)"),
        ("{start: 5, end: 1000000000000}", 10**12 - 4, "a(199:204)"),
        ("{start: 5, end: -1000000000000}", 10**12 + 6, "a(199:-194)"),
    ],
)
def test_a_long_sequence_is_counted_and_not_written_out(sequence: str, count: int, last: str) -> None:
    items = one(f"withSequence: {sequence}").items
    assert items is not None
    assert (items.count, items.cases[-1].name) == (count, last)


def test_each_item_has_its_arguments_and_its_condition() -> None:
    task = one("withItems: [1, 2], when: '{{item}} == 2', " + ARGUMENT.format("'x{{item}}'"))
    assert task.items is not None
    assert [(case.arguments, case.runs) for case in task.items.cases] == [({"p": "x1"}, False), ({"p": "x2"}, True)]
    assert task.runs is None
    none = one("withItems: [1, 2], when: '{{item}} == 3'")
    assert none.runs is False


def test_inputs_reach_the_templates_below() -> None:
    text = """\
- name: main
  steps: [[{name: a, template: inner, arguments: {parameters: [{name: q, value: "{{workflow.parameters.x}}"}]}}]]
- name: inner
  inputs: {parameters: [{name: q}]}
  steps: [[{name: b, template: leaf, arguments: {parameters: [{name: p, value: "<{{inputs.parameters.q}}>"}]}}]]
"""
    entry = explained(text, spec="arguments: {parameters: [{name: x, value: 1}]}\n").entry
    assert entry.tasks[0].tasks[0].arguments == {"p": "<1>"}


def test_edges_of_steps_and_dags() -> None:
    steps = explained(
        "- name: main\n  steps:\n  - [{name: a, template: leaf}, {name: b, template: leaf}]\n"
        "  - [{name: c, template: leaf}]\n"
    ).entry.tasks
    assert [task.after for task in steps] == [(), (), ("a", "b")]
    dag = explained(
        "- name: main\n  dag:\n    tasks:\n    - {name: a, template: leaf}\n    - {name: b, template: leaf}\n"
        "    - {name: c, template: leaf, depends: a && b}\n    - {name: d, template: leaf, depends: a.Failed || b}\n"
    ).entry.tasks
    assert [(task.after, task.depends) for task in dag] == [
        ((), ""), ((), ""), (("a", "b"), ""), (("a", "b"), "a.Failed || b")
    ]  # fmt: skip


def test_what_the_target_does_not_need_does_not_run() -> None:
    dag = explained(
        "- name: main\n  dag:\n    target: b\n    tasks:\n    - {name: a, template: leaf}\n"
        "    - {name: b, template: leaf, dependencies: [a]}\n    - {name: c, template: leaf, dependencies: [a]}\n"
    ).entry.tasks
    assert [task.runs for task in dag] == [True, True, False]
    assert dag[2].notes == ("not needed for the target",)


def test_recursion_ends() -> None:
    entry = explained("- name: main\n  steps: [[{name: a, template: main, when: '{{steps.x.status}} == y'}]]\n").entry
    assert [(task.name, task.again) for task in entry.walk()] == [("main", False), ("a", True)]


def test_a_tree_that_doubles_at_every_level_is_bounded() -> None:
    text = "- name: main\n  steps: [[{name: a, template: t0}]]\n"
    for level in range(30):
        below = f"t{level + 1}" if level < 29 else "leaf"
        text += f"- name: t{level}\n  steps: [[{{name: a, template: {below}}}, {{name: b, template: {below}}}]]\n"
    assert sum(1 for _ in explained(text).walk()) < 5000


def test_templates_of_other_objects_and_inline_ones() -> None:
    other = (
        "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: shared}\nspec:\n  templates:\n"
        "  - {name: outer, steps: [[{name: i, template: inner}]]}\n  - {name: inner, suspend: {duration: 5s}}\n"
    )
    entry = explained(
        "- name: main\n  steps:\n  - [{name: a, templateRef: {name: shared, template: outer}}]\n"
        "  - [{name: b, inline: {suspend: {}}}]\n"
        "  - [{name: c, templateRef: {name: '{{steps.b.id}}', template: x}}]\n",
        others=other,
    ).entry
    a, b, c = entry.tasks
    assert (a.template, a.tasks[0].template, a.tasks[0].notes) == (
        "shared/outer",
        "shared/inner",
        ("goes on after 5s",),
    )
    assert (b.type, b.notes) == ("suspend", ("waits to be resumed",))
    assert (c.type, c.template) == ("", "{{steps.b.id}}/x")


def test_handlers_and_notes() -> None:
    found = explained(
        "- name: main\n  retryStrategy: {limit: '{{workflow.parameters.x}}', backoff: {duration: 2s}}\n"
        "  parallelism: 2\n"
        "  steps: [[{name: a, template: leaf, continueOn: {failed: true}, hooks: {exit: {template: leaf}, "
        "running: {template: leaf, expression: 'steps.a.status == \"Running\"'}}}]]\n",
        spec="onExit: leaf\narguments: {parameters: [{name: x, value: 3}]}\n",
    )
    assert found.entry.notes == ("up to 3 retries (OnFailure), first after 2s", "2 at a time")
    (step,) = found.entry.tasks
    assert step.notes == ("Failed counts as fine",)
    assert [(item.name, item.template, item.runs) for item in step.handlers] == [
        ("exit", "leaf", True), ("running", "leaf", None)
    ]  # fmt: skip
    assert [(item.name, item.template) for item in found.handlers] == [("exit", "leaf")]
    assert found.parameters == {"x": "3"}


def test_bodies_say_what_their_type_does_not() -> None:
    bodies = (
        "containerSet: {containers: [{name: x, image: a}, {name: main, image: a}]}",
        "http: {url: 'http://{{workflow.namespace}}'}",
        "resource: {action: get, flags: [x]}",
        "container: {image: a}, sidecars: [{name: s, image: a}]",
    )
    steps = ", ".join(f"{{name: s{number}, inline: {{{body}}}}}" for number, body in enumerate(bodies))
    found = [task.notes for task in explained(f"- {{name: main, steps: [[{steps}]]}}\n").entry.tasks]
    assert found == [("containers x, main",), ("GET http://ns",), ("get",), ("beside it s",)]


def test_a_workflow_of_a_workflow_template() -> None:
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\n"
        "spec: {workflowTemplateRef: {name: t}, arguments: {parameters: [{name: p, value: mine}]}}\n---\n"
        "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: t}\nspec:\n  entrypoint: leaf\n"
        f"  arguments: {{parameters: [{{name: p, value: theirs}}]}}\n  templates:\n{textwrap.indent(LEAF, '  ')}"
    )
    workflow, template = (decode_document(item) for item in load_documents(text, "f"))
    assert isinstance(workflow, Workflow)
    entry = explain(workflow, TemplateCatalog.of([template])).entry
    assert (entry.name, entry.arguments) == ("leaf", {"p": "mine"})
