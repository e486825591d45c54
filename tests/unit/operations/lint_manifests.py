"""Manifests for the tests of lint: small wrong workflows, each with the path and the words of its one message."""

from __future__ import annotations

import textwrap

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  entrypoint: main\n"
LEAF = "  - {name: leaf, container: {image: alpine}}\n"
ECHO = """\
  - name: echo
    inputs: {parameters: [{name: p}]}
    outputs: {parameters: [{name: o, valueFrom: {path: /o}}], artifacts: [{name: f, path: /f}]}
    container: {image: alpine, args: ["{{inputs.parameters.p}}"]}
"""
STORED = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: stored}
spec:
  entrypoint: work
  arguments: {parameters: [{name: p, value: d}]}
  templates:
  - name: work
    inputs: {parameters: [{name: p}]}
    container: {image: alpine, args: ["{{inputs.parameters.p}}"]}
  - name: asking
    steps: [[{name: a, template: asked}]]
  - name: asked
    container: {image: alpine, args: ["{{workflow.parameters.who}}"]}
  - name: locked
    memoize: {key: k, maxAge: 1h, cache: {configMap: {name: c}}}
    container: {image: alpine}
"""


def workflow(templates: str, spec: str = "") -> str:
    return HEAD + textwrap.indent(textwrap.dedent(spec), "  ") + "  templates:\n" + templates


def main_of(body: str) -> str:
    """A workflow whose template `main` has the body; `leaf` and `echo` can be called."""
    return workflow("  - name: main\n" + textwrap.indent(textwrap.dedent(body), "    ") + LEAF + ECHO)


def steps(*groups: str) -> str:
    """Each group: steps in flow style, separated by `|`."""
    lines = ["steps:"]
    for group in groups:
        items = [item.strip() for item in group.split("|")]
        lines += [f"- - {items[0]}", *(f"  - {item}" for item in items[1:])]
    return main_of("\n".join(lines) + "\n")


def dag(*tasks: str, rest: str = "") -> str:
    """Tasks in flow style."""
    return main_of(f"dag:\n  {rest}\n  tasks:\n" + "".join(f"  - {task}\n" for task in tasks))


GOOD = {
    "hello": main_of("container: {image: alpine, command: [echo, '{{workflow.name}} {{pod.name}}']}\n"),
    "outputs of an earlier step": steps(
        "{name: a, template: echo, arguments: {parameters: [{name: p, value: 1}]}}",
        "{name: b, template: echo, when: '{{steps.a.outputs.parameters.o}} == x', "
        "arguments: {parameters: [{name: p, value: '{{steps.a.outputs.result}} {{steps.a.exitCode}}'}]}}",
    ),
    "loops": steps(
        "{name: a, template: echo, withItems: [{k: 1}], arguments: {parameters: [{name: p, value: '{{item.k}}'}]}}"
        " | {name: b, template: echo, withParam: '[]', arguments: {parameters: [{name: p, value: '{{item.any}}'}]}}"
        " | {name: c, template: echo, withSequence: {count: 2}, "
        "arguments: {parameters: [{name: p, value: '{{item}}'}]}}",
        "{name: d, template: echo, arguments: {parameters: [{name: p, value: '{{steps.a.outputs.parameters}}'}]}}",
    ),
    "depends with results": dag(
        "{name: a, template: leaf}",
        "{name: b-c, template: leaf, withItems: [1]}",
        "{name: d, template: leaf, depends: '(a.Failed || a.Errored) && !b-c.AllFailed'}",
    ),
    "tasks through an ancestor": dag(
        "{name: a, template: leaf}",
        "{name: b, template: leaf, dependencies: [a]}",
        "{name: c, template: echo, dependencies: [b], arguments: "
        "{parameters: [{name: p, value: '{{tasks.a.outputs.result}}'}]}}",
    ),
    "recursion": main_of("steps: [[{name: again, template: main, when: 'false'}]]\n"),
    "dynamic template": main_of(
        "inputs: {parameters: [{name: t, value: leaf}]}\n"
        "steps: [[{name: a, template: '{{inputs.parameters.t}}'}], "
        "[{name: b, template: leaf, when: '{{steps.a.outputs.parameters.x}} == 1'}]]\n"
    ),
    "inline": main_of(
        "inputs: {parameters: [{name: q, value: x}]}\nsteps: [[{name: a, inline: "
        "{inputs: {parameters: [{name: p, value: '{{inputs.parameters.q}}'}]}, "
        "container: {image: alpine, args: ['{{inputs.parameters.p}}']}}}]]\n"
    ),
    "global output of an inline template": steps(
        "{name: a, inline: {outputs: {parameters: [{name: o, globalName: g, valueFrom: {path: /o}}]}, "
        "container: {image: alpine}}}",
        "{name: b, template: leaf, when: '{{workflow.outputs.parameters.g}} == x'}",
    ),
    "own text in braces": main_of("container: {image: alpine, args: ['{{mustache}} {{ .Values.x }} {{=1 + 1}}']}\n"),
    "retry": main_of(
        "retryStrategy: {limit: '{{workflow.priority}}', retryPolicy: Always, backoff: {duration: 1m30s, factor: 2}}\n"
        "container: {image: alpine, args: ['{{retries}} {{lastRetry.exitCode}}']}\n"
    ).replace("spec:", "spec:\n  priority: 3"),
    "exit handler": workflow(
        "  - {name: main, container: {image: a}}\n"
        "  - {name: bye, container: {image: a, args: ['{{workflow.status}} {{workflow.failures}}']}}\n",
        "onExit: bye\n",
    ),
    "labels": workflow(
        "  - {name: main, container: {image: a, args: ['{{workflow.labels.x}} {{workflow.annotations.y/z}}']}}\n",
        "workflowMetadata: {labels: {x: '1'}, annotations: {y/z: '1'}}\n",
    ),
    "template reference": steps(
        "{name: a, templateRef: {name: stored, template: work}, arguments: {parameters: [{name: p, value: 1}]}}"
    ),
    "workflow template reference": "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: w-}\n"
    "spec: {workflowTemplateRef: {name: stored}}\n",
    "parameter of the user for another's template": steps(
        "{name: a, templateRef: {name: stored, template: asking}}"
    ).replace("spec:", "spec:\n  arguments: {parameters: [{name: who, value: me}]}"),
    "enum of an input": main_of(
        "inputs: {parameters: [{name: p, value: c, enum: [a, b]}]}\n"
        "container: {image: a, args: ['{{inputs.parameters.p}}']}\n"
    ),
    "artifact of a script on a volume": main_of(
        "inputs: {artifacts: [{name: x, path: /w, raw: {data: t}}]}\nvolumes: [{name: v, emptyDir: {}}]\n"
        "script: {image: a, source: x, volumeMounts: [{name: v, mountPath: /w}]}\n"
    ),
    "path that stays below": main_of("outputs: {artifacts: [{name: x, path: /a/../a/b}]}\ncontainer: {image: a}\n"),
    "image by default": workflow(
        "  - {name: main, container: {command: [ls]}}\n", "templateDefaults: {container: {image: alpine}}\n"
    ),
}
