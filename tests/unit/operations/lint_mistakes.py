"""The table of mistakes: small wrong workflows, each with the path and the words of its one message."""

from __future__ import annotations

from tests.unit.operations.lint_manifests import GOOD, dag, main_of, steps, workflow

BAD: dict[str, tuple[str, str, str | None]] = {
    "no entrypoint": (
        GOOD["hello"].replace("  entrypoint: main\n", ""),
        "spec.entrypoint",
        "spec.entrypoint is required",
    ),
    "unknown entrypoint": (
        GOOD["hello"].replace("entrypoint: main", "entrypoint: mian"),
        "spec.entrypoint",
        "template name 'mian' undefined, did you mean 'main'?",
    ),
    "unknown onExit": (
        GOOD["hello"].replace("entrypoint: main", "entrypoint: main\n  onExit: leav"),
        "spec.onExit",
        "template name 'leav' undefined, did you mean 'leaf'?",
    ),
    "no name": (GOOD["hello"].replace("{name: w}", "{}"), "metadata", "name or generateName is required"),
    "long name": (
        GOOD["hello"].replace("{name: w}", "{name: " + "w" * 64 + "}"),
        "metadata.name",
        f'workflow name "{"w" * 64}" must not be more than 63 characters long (currently 64)',
    ),
    "upper case name": (
        GOOD["hello"].replace("{name: w}", "{name: W}"),
        "metadata.name",
        "'W' is not a DNS-1123 subdomain: lower case letters, digits, '-' and '.', beginning and ending with a letter "
        "or digit",
    ),
    "no type": (
        main_of("inputs: {}\n"),
        "spec.templates[0]",
        "templates.main template type unspecified. choose one of: container, containerSet, steps, script, resource, "
        "dag, suspend, http, data, plugin",
    ),
    "two types": (
        main_of("container: {image: a}\nsuspend: {}\n"),
        "spec.templates[0]",
        "templates.main multiple template types specified. choose one of: container, containerSet, steps, script, "
        "resource, dag, suspend, http, data, plugin (found container, suspend)",
    ),
    "template twice": (
        workflow("  - {name: main, suspend: {}}\n  - {name: main, suspend: {}}\n"),
        "spec.templates[1].name",
        "spec.templates[1].name 'main' is not unique",
    ),
    "template without a name": (
        workflow("  - {name: main, suspend: {}}\n  - {suspend: {}}\n"),
        "spec.templates[1].name",
        "spec.templates[1].name is required",
    ),
    "unknown template in steps": (
        steps("{name: a, template: laef}"),
        "spec.templates[0].steps[0][0].template",
        "templates.main.steps[0].a template name 'laef' undefined, did you mean 'leaf'?",
    ),
    "step twice": (
        steps("{name: a, template: leaf}", "{name: a, template: leaf}"),
        "spec.templates[0].steps[1][0].name",
        "templates.main.steps[1].name 'a' is not unique",
    ),
    "step without a name": (
        steps("{template: leaf}"),
        "spec.templates[0].steps[0][0].name",
        "templates.main.steps[0].name is required",
    ),
    "step that calls nothing": (
        steps("{name: a}"),
        "spec.templates[0].steps[0][0]",
        "templates.main.steps[0].a template, templateRef or inline is required",
    ),
    "both kinds of call": (
        steps(
            "{name: a, template: leaf, templateRef: {name: stored, template: work}, "
            "arguments: {parameters: [{name: p, value: 1}]}}"
        ),
        "spec.templates[0].steps[0][0].templateRef",
        "templates.main.steps[0].a template name cannot be specified with templateRef",
    ),
    "unknown template object": (
        steps("{name: a, templateRef: {name: other, template: work}}"),
        "spec.templates[0].steps[0][0].templateRef",
        "templates.main.steps[0].a template reference other.work not found",
    ),
    "unknown template of an object": (
        steps("{name: a, templateRef: {name: stored, template: wrok}}"),
        "spec.templates[0].steps[0][0].templateRef",
        "templates.main.steps[0].a template reference stored.wrok not found, did you mean 'work'?",
    ),
    "argument missing": (
        steps("{name: a, template: echo}"),
        "spec.templates[0].steps[0][0].arguments.parameters",
        "templates.main.steps[0].a templates.echo inputs.parameters.p was not supplied",
    ),
    "argument without a value": (
        steps("{name: a, template: echo, arguments: {parameters: [{name: p, default: x}]}}"),
        "spec.templates[0].steps[0][0].arguments.parameters[0]",
        "templates.main.steps[0].a.arguments.p.value or templates.main.steps[0].a.arguments.p.valueFrom is required",
    ),
    "argument from a path": (
        steps("{name: a, template: echo, arguments: {parameters: [{name: p, valueFrom: {path: /x}}]}}"),
        "spec.templates[0].steps[0][0].arguments.parameters[0].valueFrom",
        "templates.main.steps[0].a.arguments.p.valueFrom only allows: default, configMapKeyRef and supplied",
    ),
    "artifact missing": (
        main_of("inputs: {artifacts: [{name: x}]}\nsteps: [[{name: a, template: leaf}]]\n"),
        "spec.arguments.artifacts",
        "templates.main inputs.artifacts.x was not supplied",
    ),
    "artifact with two sources": (
        steps(
            "{name: a, template: echo, arguments: {parameters: [{name: p, value: 1}], "
            "artifacts: [{name: x, from: '{{inputs.artifacts.x}}', fromExpression: 'x'}]}}"
        ).replace("  - name: main\n", "  - name: main\n    inputs: {artifacts: [{name: x, raw: {data: t}}]}\n"),
        "spec.templates[0].steps[0][0].arguments.artifacts[0]",
        "templates.main.steps[0].a.arguments.x shouldn't have both 'from' and 'fromExpression' in Artifact",
    ),
    "workflow argument without a value": (
        GOOD["hello"].replace("spec:", "spec:\n  arguments: {parameters: [{name: p}]}"),
        "spec.arguments.parameters[0]",
        "spec.arguments.p.value or spec.arguments.p.valueFrom is required",
    ),
    "value not in the enum": (
        GOOD["hello"].replace("spec:", "spec:\n  arguments: {parameters: [{name: p, value: c, enum: [a, b]}]}"),
        "spec.arguments.parameters[0].value",
        "spec.arguments.p.value should be present in spec.arguments.p.enum list",
    ),
    "two loops": (
        steps("{name: a, template: leaf, withItems: [1], withParam: '[]'}"),
        "spec.templates[0].steps[0][0]",
        "templates.main.steps[0].a only one of withItems, withParam, withSequence can be specified",
    ),
    "count and end": (
        steps("{name: a, template: leaf, withSequence: {count: 1, end: 2}}"),
        "spec.templates[0].steps[0][0].withSequence",
        "templates.main.steps[0].a only one of count or end can be defined in withSequence",
    ),
    "neither count nor end": (
        steps("{name: a, template: leaf, withSequence: {start: 1}}"),
        "spec.templates[0].steps[0][0].withSequence",
        "templates.main.steps[0].a one of count or end must be defined in withSequence",
    ),
    "bad when": (
        steps("{name: a, template: leaf, when: '1 =='}"),
        "spec.templates[0].steps[0][0].when",
        None,
    ),
    "step of the same group": (
        steps("{name: a, template: leaf} | {name: b, template: leaf, when: '{{steps.a.outputs.result}} == 1'}"),
        "spec.templates[0].steps[0][1].when",
        "templates.main.steps failed to resolve {{steps.a.outputs.result}}",
    ),
    "later step": (
        steps("{name: a, template: leaf, when: '{{steps.b.status}} == 1'}", "{name: b, template: leaf}"),
        "spec.templates[0].steps[0][0].when",
        "templates.main.steps failed to resolve {{steps.b.status}}",
    ),
    "undeclared output": (
        steps(
            "{name: a, template: echo, arguments: {parameters: [{name: p, value: 1}]}}",
            "{name: b, template: leaf, when: '{{steps.a.outputs.parameters.oo}} == 1'}",
        ),
        "spec.templates[0].steps[1][0].when",
        "templates.main.steps failed to resolve {{steps.a.outputs.parameters.oo}}, "
        "did you mean 'steps.a.outputs.parameters.o'?",
    ),
    "item of another key": (
        steps("{name: a, template: leaf, withItems: [{k: 1}], when: '{{item.z}} == 1'}"),
        "spec.templates[0].steps[0][0].when",
        "templates.main.steps failed to resolve {{item.z}}",
    ),
    "undeclared input": (
        main_of(
            "inputs: {parameters: [{name: message, value: x}]}\n"
            "container: {image: a, args: ['{{inputs.parameters.mesage}}']}\n"
        ),
        "spec.templates[0].container.args[0]",
        "templates.main: failed to resolve {{inputs.parameters.mesage}}, did you mean 'inputs.parameters.message'?",
    ),
    "undeclared workflow parameter": (
        main_of("container: {image: a, env: [{name: E, value: '{{workflow.parameters.x}}'}]}\n"),
        "spec.templates[0].container.env[0].value",
        "templates.main: failed to resolve {{workflow.parameters.x}}",
    ),
    "failures without an exit handler": (
        main_of("container: {image: a, args: ['{{workflow.failures}}']}\n"),
        "spec.templates[0].container.args[0]",
        "templates.main: failed to resolve {{workflow.failures}}",
    ),
    "unset priority": (
        main_of("container: {image: a, args: ['{{workflow.priority}}']}\n"),
        "spec.templates[0].container.args[0]",
        "templates.main: failed to resolve {{workflow.priority}}",
    ),
    "output of an unknown step": (
        main_of(
            "outputs: {parameters: [{name: o, valueFrom: {parameter: '{{steps.b.outputs.result}}'}}]}\n"
            "steps: [[{name: a, template: leaf}]]\n"
        ),
        "spec.templates[0].outputs.parameters[0].valueFrom.parameter",
        "templates.main.outputs failed to resolve {{steps.b.outputs.result}}",
    ),
    "empty dag": (
        dag().replace("tasks:\n", "tasks: []\n"),
        "spec.templates[0].dag.tasks",
        "templates.main must have at least one task",
    ),
    "task twice": (
        dag("{name: a, template: leaf}", "{name: a, template: leaf}"),
        "spec.templates[0].dag.tasks[1].name",
        "templates.main.tasks[1].name 'a' is not unique",
    ),
    "cycle": (
        dag(
            "{name: a, template: leaf, dependencies: [c]}",
            "{name: b, template: leaf, dependencies: [a]}",
            "{name: c, template: leaf, dependencies: [b]}",
        ),
        "spec.templates[0].dag.tasks[0]",
        "templates.main sorting failed: dependency cycle detected: a->c->b->a",
    ),
    "task that waits for itself": (
        dag("{name: a, template: leaf, depends: a.Succeeded}"),
        "spec.templates[0].dag.tasks[0]",
        "templates.main sorting failed: dependency cycle detected: a->a",
    ),
    "unknown dependency": (
        dag("{name: load, template: leaf}", "{name: b, template: leaf, depends: laod.Failed}"),
        "spec.templates[0].dag.tasks[1].depends",
        "templates.main.tasks.b dependency 'laod' not defined, did you mean 'load'?",
    ),
    "bad result": (
        dag("{name: a, template: leaf}", "{name: b, template: leaf, depends: a.Done}"),
        "spec.templates[0].dag.tasks[1].depends",
        None,
    ),
    "depends and dependencies": (
        dag(
            "{name: a, template: leaf}",
            "{name: b, template: leaf, depends: a}",
            "{name: c, template: leaf, dependencies: [a]}",
        ),
        "spec.templates[0].dag.tasks[2].dependencies",
        "templates.main cannot use both 'depends' and 'dependencies' in the same DAG template",
    ),
    "continueOn with depends": (
        dag("{name: a, template: leaf, continueOn: {failed: true}}", "{name: b, template: leaf, depends: a}"),
        "spec.templates[0].dag.tasks[0].continueOn",
        "templates.main cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'",
    ),
    "digit": (
        dag("{name: a, template: leaf}", "{name: 1b, template: leaf, depends: a}"),
        "spec.templates[0].dag.tasks[1].name",
        "templates.main.tasks.1b name cannot begin with a digit when using either 'depends' or 'dependencies'",
    ),
    "items-based condition": (
        dag("{name: a, template: leaf}", "{name: b, template: leaf, depends: a.AnySucceeded}"),
        "spec.templates[0].dag.tasks[1].depends",
        "templates.main.tasks.b dependency 'a' uses an items-based condition such as .AnySucceeded or .AllFailed "
        "but does not contain any items",
    ),
    "unknown target": (
        dag("{name: a, template: leaf}", rest="target: a b"),
        "spec.templates[0].dag.target",
        "templates.main.targets: target 'b' is not defined",
    ),
    "missing dependency": (
        dag(
            "{name: a, template: leaf}",
            "{name: b, template: echo, arguments: {parameters: [{name: p, value: '{{tasks.a.outputs.result}}'}]}}",
        ),
        "spec.templates[0].dag.tasks[1].arguments.parameters[0]",
        "templates.main.tasks.b missing dependency 'a' for parameter 'p'",
    ),
    "deadline on steps": (
        steps("{name: a, template: leaf}").replace("    steps:", "    activeDeadlineSeconds: 5\n    steps:"),
        "spec.templates[0].activeDeadlineSeconds",
        "templates.main.activeDeadlineSeconds is only valid for leaf templates",
    ),
    "zero deadline": (
        main_of("activeDeadlineSeconds: 0\nsuspend: {}\n"),
        "spec.templates[0].activeDeadlineSeconds",
        "templates.main.activeDeadlineSeconds must be a positive integer > 0 or an argo variable, found '0'",
    ),
    "parallelism on a leaf": (
        main_of("parallelism: 2\nsuspend: {}\n"),
        "spec.templates[0].parallelism",
        "templates.main.parallelism is only valid for steps and dag templates",
    ),
    "no image": (
        main_of("container: {command: [ls]}\n"),
        "spec.templates[0].container",
        "templates.main.container.image may not be empty",
    ),
    "no script image": (
        main_of("script: {source: x}\n"),
        "spec.templates[0].script",
        "templates.main.script.image may not be empty",
    ),
    "retry policy": (
        main_of("retryStrategy: {retryPolicy: Allways}\nsuspend: {}\n"),
        "spec.templates[0].retryStrategy.retryPolicy",
        "Allways is not a valid RetryPolicy, did you mean 'Always'?",
    ),
    "bad duration": (
        main_of("suspend: {duration: 5 minutes}\n"),
        "spec.templates[0].suspend.duration",
        "templates.main.suspend.duration: '5 minutes' is no duration: write whole seconds or a text such as 30s, 5m, "
        "1h30m",
    ),
    "bad limit": (
        main_of("retryStrategy: {limit: often}\nsuspend: {}\n"),
        "spec.templates[0].retryStrategy.limit",
        "templates.main.retryStrategy.limit must be a whole number or an argo variable, found 'often'",
    ),
    "resource action": (
        main_of("resource: {action: creat, manifest: 'a: 1'}\n"),
        "spec.templates[0].resource.action",
        "templates.main.resource.action must be one of: get, create, apply, delete, replace, patch, "
        "did you mean 'create'?",
    ),
    "resource without a manifest": (
        main_of("resource: {action: create}\n"),
        "spec.templates[0].resource",
        "either templates.main.resource.manifest or templates.main.resource.manifestFrom must be specified",
    ),
    "resource manifest": (
        main_of("resource: {action: create, manifest: 'a: b: c'}\n"),
        "spec.templates[0].resource.manifest",
        "templates.main.resource.manifest must be a valid yaml: YAML syntax error: mapping values are not allowed in "
        "this context",
    ),
    "unknown volume": (
        main_of("container: {image: a, volumeMounts: [{name: wrk, mountPath: /w}]}\n").replace(
            "spec:", "spec:\n  volumes: [{name: work, emptyDir: {}}]"
        ),
        "spec.templates[0].container.volumeMounts[0].name",
        "volume 'wrk' not found in workflow spec, did you mean 'work'?",
    ),
    "path mounted twice": (
        main_of(
            "inputs: {artifacts: [{name: x, path: /w, raw: {data: t}}]}\nvolumes: [{name: v, emptyDir: {}}]\n"
            "container: {image: a, volumeMounts: [{name: v, mountPath: /w}]}\n"
        ),
        "spec.templates[0].inputs.artifacts[0].path",
        "templates.main.inputs.artifacts[0].path '/w' already mounted in container.volumeMounts.v",
    ),
    "input artifact without a path": (
        main_of("inputs: {artifacts: [{name: x, raw: {data: t}}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].inputs.artifacts[0]",
        "error in templates.main.inputs.artifacts.x: Artifact 'x' did not specify a path",
    ),
    "path that climbs out": (
        main_of("outputs: {artifacts: [{name: x, path: /a/b/../c}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].outputs.artifacts[0].path",
        "error in templates.main.outputs.artifacts.x: Artifact 'x' attempted to use a path containing '..'. "
        "Directory traversal is not permitted",
    ),
    "global name": (
        main_of("outputs: {parameters: [{name: o, globalName: a.b, valueFrom: {path: /o}}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].outputs.parameters[0].globalName",
        "templates.main.outputs.parameters.o.globalName: Parameter/Artifact name must consist of alpha-numeric "
        "characters, '_' or '-' e.g. my_param_1, MY-PARAM-1, found 'a.b'",
    ),
    "value and source of an output": (
        main_of("outputs: {parameters: [{name: o, value: x, valueFrom: {path: /o}}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].outputs.parameters[0]",
        "templates.main.outputs.parameters.o has both valueFrom and value specified, choose one",
    ),
    "output with two sources": (
        main_of("outputs: {parameters: [{name: o, valueFrom: {path: /o, jsonPath: x}}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].outputs.parameters[0].valueFrom",
        "templates.main.outputs.parameters.o multiple valueFrom types specified. choose one of: path, jqFilter, "
        "jsonPath, parameter, raw, expression",
    ),
    "steps output from a path": (
        main_of("outputs: {parameters: [{name: o, valueFrom: {path: /o}}]}\nsteps: [[{name: a, template: leaf}]]\n"),
        "spec.templates[0].outputs.parameters[0].valueFrom",
        "templates.main.outputs.parameters.o.parameter or expression must be specified for steps templates",
    ),
    "path of a steps artifact": (
        main_of("inputs: {artifacts: [{name: x, path: /x, optional: true}]}\nsteps: [[{name: a, template: leaf}]]\n"),
        "spec.templates[0].inputs.artifacts[0].path",
        "templates.main.inputs.artifacts.x.path only valid in container/script templates",
    ),
    "from in inputs": (
        main_of("inputs: {artifacts: [{name: x, path: /x, optional: true, from: '{{x}}'}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].inputs.artifacts[0].from",
        "templates.main.inputs.artifacts.x.from not valid in inputs",
    ),
    "argument artifact from nowhere": (
        GOOD["hello"].replace("spec:", "spec:\n  arguments: {artifacts: [{name: x}]}"),
        "spec.arguments.artifacts[0]",
        "spec.arguments.x.from, artifact location, or key is required",
    ),
    "argument with a default alone": (
        steps("{name: a, template: echo, arguments: {parameters: [{name: p, valueFrom: {default: x}}]}}"),
        "spec.templates[0].steps[0][0].arguments.parameters[0].valueFrom",
        "templates.main.steps[0].a.arguments.p.valueFrom only allows: default, configMapKeyRef and supplied",
    ),
    "empty enum": (
        GOOD["hello"].replace("spec:", "spec:\n  arguments: {parameters: [{name: p, value: c, enum: []}]}"),
        "spec.arguments.parameters[0].enum",
        "spec.arguments.p.enum should contain at least one value",
    ),
    "status of a task that is no ancestor": (
        dag("{name: a, template: leaf}", "{name: b, template: leaf, when: '{{tasks.a.status}} == Failed'}"),
        "spec.templates[0].dag.tasks[1].when",
        "templates.main.tasks.b failed to resolve {{tasks.a.status}}",
    ),
    "artifact from a parameter": (
        steps(
            "{name: a, template: echo, arguments: {parameters: [{name: p, value: 1}]}}",
            "{name: b, template: take, arguments: {artifacts: [{name: x, from: '{{steps.a.outputs.parameters.o}}'}]}}",
        )
        + "  - {name: take, inputs: {artifacts: [{name: x, path: /x}]}, container: {image: a}}\n",
        "spec.templates[0].steps[1][0].arguments.artifacts[0].from",
        "templates.main.steps an artifact comes from an artifact, found {{steps.a.outputs.parameters.o}}",
    ),
    "unresolvable target": (
        dag("{name: a, template: leaf}", rest="target: '{{inputs.parameters.t}}'"),
        "spec.templates[0].dag.target",
        "templates.main.targets failed to resolve {{inputs.parameters.t}}",
    ),
    "inherited parameter": (
        steps("{name: a, templateRef: {name: stored, template: asking}}"),
        "spec.templates[0].steps[0][0].templateRef",
        "template stored.asked: container.args[0]: templates.asked: failed to resolve {{workflow.parameters.who}}",
    ),
    "parameter of a workflow template": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n"
        "metadata: {name: w}\nspec: {workflowTemplateRef: {name: stored}, entrypoint: asking}\n",
        "spec.workflowTemplateRef",
        "template stored.asked: container.args[0]: templates.asked: failed to resolve {{workflow.parameters.who}}",
    ),
    "timeout of steps": (
        steps("{name: a, template: leaf}").replace("    steps:", "    timeout: 5s\n    steps:"),
        "spec.templates[0].timeout",
        "templates.main steps template doesn't support timeout field",
    ),
    "timeout without a unit": (
        main_of("timeout: '5'\ncontainer: {image: a}\n"),
        "spec.templates[0].timeout",
        "main has invalid duration format in timeout",
    ),
    "output without a source": (
        main_of("outputs: {parameters: [{name: o}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].outputs.parameters[0]",
        "templates.main.outputs.parameters.o does not have valueFrom or value specified",
    ),
    "output of the wrong kind": (
        main_of("outputs: {parameters: [{name: o, valueFrom: {jsonPath: '{.a}'}}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].outputs.parameters[0].valueFrom",
        "templates.main.outputs.parameters.o.path must be specified for container templates",
    ),
    "sidecar without a name": (
        main_of("container: {image: a}\nsidecars: [{image: a}]\n"),
        "spec.templates[0].sidecars[0]",
        "templates.main.sidecars[0].name is required",
    ),
    "podGC.labelSelector": (
        GOOD["hello"].replace(
            "spec:", "spec:\n  podGC: {labelSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}}"
        ),
        "spec.podGC.labelSelector",
        "podGC.labelSelector invalid: 'Is' is not an operator",
    ),
    "podGC": (
        GOOD["hello"].replace("spec:", "spec:\n  podGC: {strategy: OnPodDone}"),
        "spec.podGC.strategy",
        "podGC.strategy unknown strategy 'OnPodDone'",
    ),
    "templates beside a reference": (
        GOOD["hello"].replace("spec:", "spec:\n  workflowTemplateRef: {name: stored}"),
        "spec.templates",
        "Templates is invalid field in spec if workflow referred WorkflowTemplate reference",
    ),
    "unknown workflow template": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n"
        "metadata: {name: w}\nspec:\n  workflowTemplateRef: {name: x}\n",
        "spec.workflowTemplateRef.name",
        'workflowtemplates.argoproj.io "x" not found',
    ),
    "empty container set": (
        main_of("containerSet: {containers: []}\n"),
        "spec.templates[0].containerSet.containers",
        "templates.main.containerSet.containers must have at least one container",
    ),
    "container of a set twice": (
        main_of("containerSet: {containers: [{name: a, image: a}, {name: a, image: a}]}\n"),
        "spec.templates[0].containerSet.containers[1].name",
        "templates.main.containerSet.containers[1].name 'a' is not unique",
    ),
    "unknown dependency in a set": (
        main_of("containerSet: {containers: [{name: one, image: a}, {name: b, image: a, dependencies: [oen]}]}\n"),
        "spec.templates[0].containerSet.containers[1].dependencies[0]",
        "templates.main.containerSet.containers.b dependency 'oen' not defined, did you mean 'one'?",
    ),
    "cycle in a set": (
        main_of(
            "containerSet: {containers: [{name: a, image: a, dependencies: [b]}, "
            "{name: b, image: a, dependencies: [a]}]}\n"
        ),
        "spec.templates[0].containerSet.containers[0]",
        "templates.main.containerSet.containers sorting failed: invalid cycle: a->b->a",
    ),
    "outputs of a set without main": (
        main_of(
            "containerSet: {containers: [{name: a, image: a}]}\n"
            "outputs: {parameters: [{name: o, valueFrom: {path: /o}}]}\n"
        ),
        "spec.templates[0].containerSet.containers",
        'templates.main.containerSet.containers must have a container named "main" for input or output',
    ),
    "mount of a set without a volume": (
        main_of(
            "containerSet: {volumeMounts: [{name: wrk, mountPath: /w}], containers: [{name: a, image: a}]}\n"
            "volumes: [{name: work, emptyDir: {}}]\n"
        ),
        "spec.templates[0].containerSet.volumeMounts[0].name",
        "volume 'wrk' not found in workflow spec, did you mean 'work'?",
    ),
    "no attempt in a set": (
        main_of("containerSet: {retryStrategy: {retries: 0}, containers: [{name: a, image: a}]}\n"),
        "spec.templates[0].containerSet.retryStrategy.retries",
        "templates.main.containerSet.retryStrategy.retries must be a whole number of at least 1 or an argo variable, "
        "found 0",
    ),
    "no url": (main_of("http: {url: ''}\n"), "spec.templates[0].http.url", "templates.main.http.url may not be empty"),
    "bytes of a body": (
        main_of("http: {url: 'http://x', bodyFrom: {bytes: '???'}}\n"),
        "spec.templates[0].http.bodyFrom.bytes",
        None,
    ),
    "time-out of a request": (
        main_of("http: {url: 'http://x', timeoutSeconds: 0}\n"),
        "spec.templates[0].http.timeoutSeconds",
        "templates.main.http.timeoutSeconds must be a whole number of at least 1, found 0",
    ),
    "header from a config map": (
        main_of("http: {url: 'http://x', headers: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: k}}}]}\n"),
        "spec.templates[0].http.headers[0].valueFrom",
        "templates.main.http.headers.A.valueFrom must be a secretKeyRef",
    ),
    "no manifest": (
        main_of("resource: {action: create}\n"),
        "spec.templates[0].resource",
        "either templates.main.resource.manifest or templates.main.resource.manifestFrom must be specified",
    ),
    "manifest from nowhere": (
        main_of("resource: {action: create, manifestFrom: {artifact: {name: m}}}\n"),
        "spec.templates[0].resource.manifestFrom.artifact.name",
        "artifact m in `manifestFrom` refer to a non-exist artifact",
    ),
    "flag of kubectl": (
        main_of("resource: {action: delete, flags: [cm, x, --dry-run=server]}\n"),
        "spec.templates[0].resource.flags",
        "templates.main.resource.flags: flag --dry-run of kubectl is not supported",
    ),
    "outputs of delete": (
        main_of(
            "resource: {action: delete, flags: [cm, x]}\n"
            "outputs: {parameters: [{name: o, valueFrom: {jsonPath: '{.a}'}}]}\n"
        ),
        "spec.templates[0].resource",
        "templates.main.resource: successCondition, failureCondition and outputs are not supported for delete action",
    ),
    "kind of an object": (
        main_of(
            "resource: {action: create, manifest: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}'}\n"
        ),
        "spec.templates[0].resource.manifest",
        "templates.main.resource.manifest: kind 'Deployment' of apps/v1 is not served here",
    ),
    "kind in flags": (
        main_of("resource: {action: delete, flags: [configmp, x]}\n"),
        "spec.templates[0].resource.flags",
        "templates.main.resource.flags: 'configmp' is not a kind of resource",
    ),
    "two plugins": (
        main_of("plugin: {a: {}, b: {}}\n"),
        "spec.templates[0].plugin",
        "templates.main.plugin: expected exactly one key, got 2",
    ),
    "container with a path for a name": (
        main_of("container: {image: a}\nsidecars: [{name: ../x, image: a}]\n"),
        "spec.templates[0].sidecars[0].name",
        "templates.main.sidecars[0].name '../x' is invalid: a container's name is lower case letters, digits and '-'",
    ),
    "sidecar named as main": (
        main_of("container: {image: a}\nsidecars: [{name: main, image: a}]\n"),
        "spec.templates[0].sidecars[0].name",
        "templates.main.sidecars[0].name 'main' is not unique",
    ),
    "container named as Argo's": (
        main_of("containerSet: {containers: [{name: wait, image: a}]}\n"),
        "spec.templates[0].containerSet.containers[0].name",
        "templates.main.containerSet.containers[0].name 'wait' is that of one of Argo's own containers",
    ),
}
