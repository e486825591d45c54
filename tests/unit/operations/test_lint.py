"""Lint: Argo's messages word for word, each once, with path and place; and nothing where nothing is wrong."""

from __future__ import annotations

import pytest

from setpoint.apis.argo import TemplateCatalog
from setpoint.apis.errors import NotSupported
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.operations.lint import Report, lint, lint_resource, lint_text
from tests.unit.operations.lint_manifests import GOOD, STORED, dag, main_of, steps
from tests.unit.operations.lint_mistakes import BAD

CATALOG = TemplateCatalog.of(decode_document(item) for item in load_documents(STORED, "stored.yaml"))


def report_of(text: str, *, submit: bool = True) -> Report:
    return lint_text(text, "f.yaml", CATALOG, submit=submit)


def the_error(text: str, *, submit: bool = True) -> tuple[str, str]:
    """(path, reason) of the only error."""
    report = report_of(text, submit=submit)
    assert [str(error) for error in report.errors[1:]] == []
    (error,) = report.errors
    assert error.location is not None and error.location.line is not None
    return error.path, error.reason


@pytest.mark.parametrize("name", list(GOOD))
def test_nothing_is_said_about_what_is_right(name: str) -> None:
    report = report_of(GOOD[name])
    assert [str(error) for error in report.errors] == []
    assert [str(error) for error in report.warnings if "ignored: workflows run side by side" not in str(error)] == []


@pytest.mark.parametrize("name", list(BAD))
@pytest.mark.rule(
    "validation.entrypoint",
    "validation.reference",
    "validation.unique-names",
    "validation.arguments",
    "validation.cycle",
    "validation.loop",
    "validation.leaf-only",
    "validation.retry-policy",
    "validation.value-from",
    "validation.resource-action",
    "objects.one-template-type",
    "objects.templates-beside-ref",
    "objects.name-length",
    "dag.depends-mixed",
    "dag.depends-names",
    "dag.ancestry",
    "loops.one-kind",
    "steps.scope",
    "parameters.enum",
)
def test_one_mistake_is_one_message(name: str) -> None:
    text, path, reason = BAD[name]
    found = the_error(text)
    assert found == (path, reason if reason is not None else found[1])


@pytest.mark.rule("objects.generate-name")
def test_without_submit_a_workflow_may_lack_its_name_and_values() -> None:
    for name in ("no name", "workflow argument without a value"):
        assert report_of(BAD[name][0], submit=False).errors == ()


def test_a_reference_into_nowhere_is_only_a_warning_where_a_cluster_waits_for_ever() -> None:
    text = dag("{name: a, template: leaf}", "{name: b, template: leaf, when: 'x{{tasks.a.outputs.result}} == x'}")
    report = report_of(text)
    assert report.errors == ()
    (warning,) = report.warnings
    assert warning.reason == (
        "templates.main.tasks.b uses {{tasks.a...}} but does not wait for it: add 'a' to its dependencies"
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("container: {image: a, args: ['{{=1 +}}']}\n", "container.args[0]"),
        ("retryStrategy: {expression: 'asInt('}\nsuspend: {}\n", "retryStrategy.expression"),
        (
            "outputs: {parameters: [{name: o, valueFrom: {expression: 'a ? b'}}]}\n"
            "steps: [[{name: a, template: leaf}]]\n",
            "outputs.parameters[0].valueFrom.expression",
        ),
    ],
)
def test_an_expression_that_cannot_be_read_is_a_warning(body: str, path: str) -> None:
    report = report_of(main_of(body))
    assert report.errors == ()
    (warning,) = report.warnings
    assert warning.path == f"spec.templates[0].{path}"
    assert "cannot be read: " in warning.reason


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("inputs.parameters.mesage", "inputs.parameters.mesage has no value here, did you mean"),
        ("steps.a.outputs.result", "steps.a.outputs.result has no value here"),
        ("workflow.parameters.x ?? 1", "workflow.parameters.x has no value here"),
        ("inputs.parameters['message']", None),
        ("inputs.parameters.message.x", None),
        ("keys(inputs.parameters)", None),
        ("workflow.labels.x ?? 1", None),
        ("asInt(retries) + 1", None),
    ],
)
def test_a_name_in_an_expression_that_is_nil_is_a_warning(expression: str, said: str | None) -> None:
    text = main_of(
        "inputs: {parameters: [{name: message, value: x}]}\n"
        f'container: {{image: a, args: ["{{{{inputs.parameters.message}}}}", "{{{{={expression}}}}}"]}}\n'
    )
    report = report_of(text)
    assert report.errors == ()
    found = [warning.reason for warning in report.warnings]
    assert found == [] if said is None else (len(found) == 1 and said in found[0])


def test_an_argument_that_nobody_takes_is_a_warning() -> None:
    report = report_of(steps("{name: a, template: leaf, arguments: {parameters: [{name: p, value: 1}]}}"))
    assert report.errors == ()
    assert [warning.path for warning in report.warnings] == ["spec.templates[0].steps[0][0].arguments.parameters[0]"]


UNUSED = {
    "input of a leaf": (
        main_of("inputs: {parameters: [{name: p, value: x}]}\ncontainer: {image: a}\n"),
        "spec.templates[0].inputs.parameters[0]",
        "templates.main: input parameter 'p' is never used",
    ),
    "input artifact of steps": (
        main_of("inputs: {artifacts: [{name: x, optional: true}]}\nsteps: [[{name: a, template: leaf}]]\n"),
        "spec.templates[0].inputs.artifacts[0]",
        "templates.main: input artifact 'x' is never used",
    ),
    "argument of the workflow": (
        GOOD["hello"].replace("spec:", "spec:\n  arguments: {parameters: [{name: p, value: x}]}"),
        "spec.arguments.parameters[0]",
        "parameter 'p' of the workflow is never used",
    ),
}


@pytest.mark.parametrize("name", list(UNUSED))
def test_what_is_never_used_is_a_warning(name: str) -> None:
    text, path, reason = UNUSED[name]
    report = report_of(text)
    assert [str(error) for error in report.errors] == []
    assert [(warning.path, warning.reason) for warning in report.warnings] == [(path, reason)]


def test_a_template_that_is_not_known_yet_may_use_every_argument() -> None:
    text = steps("{name: a, templateRef: {name: '{{workflow.parameters.p}}', template: x}}")
    report = report_of(
        text.replace("spec:", "spec:\n  arguments: {parameters: [{name: p, value: x}, {name: q, value: y}]}")
    )
    assert [str(warning) for warning in report.warnings] == []


@pytest.mark.parametrize(
    "use",
    [
        "container: {image: a, args: ['{{ inputs.parameters.p-q }}']}",
        "container: {image: a, args: ['{{inputs.parameters}}']}",
        "container: {image: a, args: ['{{inputs.parameters.{{item}}}}']}",
        "container: {image: a, args: [\"{{=inputs.parameters['p-q']}}\"]}",
        'container: {image: a, args: [\'{{=inputs["parameters"]["p-q"]}}\']}',
        "container: {image: a, args: ['{{=toJson(inputs)}}']}",
        "{container: {image: a}, retryStrategy: {expression: 'inputs.parameters[\"p-q\"] == lastRetry.status'}}",
        "steps: [[{name: a, template: leaf, when: '{{inputs.parameters.p-q}} == 1'}]]",
        "suspend: {}",
        "plugin: {mine: {}}",
    ],
)
def test_every_way_to_use_an_input_counts(use: str) -> None:
    text = main_of("inputs: {parameters: [{name: p-q, value: x}]}\n" + use.strip("{}").replace("}, retry", "}\nretry"))
    assert [str(warning) for warning in report_of(text).warnings if "never used" in str(warning)] == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            "parameters: [{name: p, value: '{{steps.a.outputs.artifacts.f}}'}]",
            "templates.main.steps {{steps.a.outputs.artifacts.f}} is an artifact, which has no text: "
            "pass it on by `from`",
        ),
        (
            "parameters: [{name: p, value: 1}], artifacts: [{name: p, from: '{{steps.a.outputs.artifacts.f}}'}]",
            "templates.main.steps[1].b: template 'echo' has no input artifact 'p': it is an input parameter",
        ),
    ],
)
def test_parameters_and_artifacts_are_told_apart(arguments: str, reason: str) -> None:
    first = "{name: a, template: echo, arguments: {parameters: [{name: p, value: 1}]}}"
    report = report_of(steps(first, f"{{name: b, template: echo, arguments: {{{arguments}}}}}"))
    assert report.errors == ()
    assert [warning.reason for warning in report.warnings] == [reason]


def test_a_volume_that_only_an_unused_template_misses_is_a_warning() -> None:
    text = GOOD["hello"] + "  - {name: old, container: {image: a, volumeMounts: [{name: gone, mountPath: /x}]}}\n"
    report = report_of(text)
    assert report.errors == ()
    assert [warning.reason for warning in report.warnings] == ["volume 'gone' not found in workflow spec"]


def test_what_only_fails_after_a_failure_is_a_warning() -> None:
    report = report_of(main_of("retryStrategy: {limit: 1, backoff: {factor: 2}}\ncontainer: {image: a}\n"))
    assert report.errors == ()
    assert [warning.path for warning in report.warnings] == ["spec.templates[0].retryStrategy.backoff"]


def test_an_exit_handler_of_a_step_takes_the_arguments_of_the_workflow() -> None:
    for handler in ("onExit: echo", "hooks: {exit: {template: echo}}"):
        text = steps(f"{{name: a, template: leaf, {handler}}}")
        report = report_of(text.replace("spec:", "spec:\n  arguments: {parameters: [{name: p, value: x}]}"))
        assert [str(item) for item in (*report.errors, *report.warnings)] == []


def test_a_suspension_takes_no_timeout() -> None:
    (error,) = report_of(main_of("timeout: 5s\nsuspend: {}\n")).invalid
    assert error.reason == "templates.main suspend template doesn't support timeout field"


@pytest.mark.parametrize(
    ("store", "reasons"),
    [
        ("git: {revision: main}", ["git.repo is required"]),
        ("hdfs: {path: /x}", ["hdfs.addresses is required", "either {0}.hdfs.hdfsUser, {0}.hdfs.krbCCacheSecret or "
                              "{0}.hdfs.krbKeytabSecret is required"]),
        ("hdfs: {addresses: [a], path: /x, hdfsUser: me}", []),
        ("git: {repo: 'https://x'}", []),
    ],
)  # fmt: skip
def test_stores_have_what_they_cannot_do_without(store: str, reasons: list[str]) -> None:
    text = main_of(f"inputs: {{artifacts: [{{name: a, path: /a, {store}}}]}}\ncontainer: {{image: a}}\n")
    said = "templates.main.inputs.artifacts.a"
    wanted = [reason.format(said) if reason.startswith("either") else f"{said}.{reason}" for reason in reasons]
    assert [error.reason for error in report_of(text).invalid] == wanted


def test_several_mistakes_are_told_in_the_order_of_the_file() -> None:
    text = dag(
        "{name: a, template: nope}",
        "{name: b, template: leaf, depends: c}",
        "{name: d, template: echo}",
    )
    lines = [error.location.line or 0 for error in report_of(text).errors if error.location]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_templates_in_the_same_file_know_each_other() -> None:
    call = steps("{name: a, templateRef: {name: near, template: work}, arguments: {parameters: [{name: p, value: 1}]}}")
    text = call + "---\n" + STORED.replace("name: stored", "name: near")
    assert report_of(text).invalid == ()
    assert report_of(call).errors != ()


def test_a_template_object_leaves_parameters_and_labels_to_its_users() -> None:
    text = (
        STORED + "  - {name: x, container: {image: a, args: ['{{workflow.parameters.any}} {{workflow.labels.l}}']}}\n"
    )
    assert report_of(text.replace("name: stored", "name: t")).invalid == ()


CRON = """\
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: c}
spec:
  schedules: ["0 6 * * *"]
  workflowSpec:
    entrypoint: main
    templates: [{name: main, container: {image: alpine}}]
"""


@pytest.mark.parametrize(
    ("old", "new", "path", "reason"),
    [
        ("{name: c}", "{name: " + "c" * 53 + "}", "metadata.name", "must not be more than 52 characters long"),
        ("0 6 * * *", "0 6 * *", "spec.schedules[0]", "cron schedule is malformed: expected exactly 5 fields, found 4"),
        ("schedules", "concurrencyPolicy: Forbit\n  schedules", "spec.concurrencyPolicy", "did you mean 'Forbid'?"),
        ("image: alpine", "command: [ls]", "spec.workflowSpec.templates[0].container", "image may not be empty"),
        ("entrypoint: main", "entrypoint: m", "spec.workflowSpec.entrypoint", "template name 'm' undefined"),
    ],
)
def test_cron_workflows(old: str, new: str, path: str, reason: str) -> None:
    assert report_of(CRON).errors == ()
    found = the_error(CRON.replace(old, new))
    assert found[0] == path
    assert reason in found[1]


def test_an_object_without_a_file_is_checked_too() -> None:
    (document,) = load_documents(BAD["no image"][0], "f.yaml")
    report = lint_resource(decode_document(document))
    assert [str(error) for error in report.errors] == [
        "spec.templates[0].container: templates.main.container.image may not be empty"
    ]


def test_raise_first_prefers_what_is_invalid_anywhere() -> None:
    text = main_of("container: {command: [ls], volumeDevices: [{name: d, devicePath: /dev/d}]}\n")
    report = report_of(text)
    assert len(report.errors) == 2
    with pytest.raises(type(report.invalid[0]), match="image may not be empty"):
        report.raise_first()
    Report().raise_first()


def test_a_document_of_another_kind_is_only_read() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: '1'}\n"
    assert report_of(text) == Report()
    assert lint(()) == Report()


KEPT_ONLY = (
    "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: p}\nspec:\n  pytorchReplicaSpecs:\n"
    "    Master: {template: {spec: {containers: [{name: a, image: b}]}}}\n"
)


def test_a_kind_that_is_kept_and_not_run_is_warned_of_and_refused_for_a_run() -> None:
    report = lint_text(KEPT_ONLY, "f.yaml")
    assert report.ok
    (warning,) = report.warnings
    assert "kind 'PyTorchJob' of kubeflow.org/v1 is kept by the API server, but nothing here runs it" in str(warning)
    (error,) = lint_text(KEPT_ONLY, "f.yaml", submit=True).errors
    assert isinstance(error, NotSupported)
    assert error.path == "kind"


def test_a_kind_that_is_kept_and_not_run_is_checked_by_its_type() -> None:
    (error,) = lint_text(KEPT_ONLY.replace("image: b", "imag: b"), "f.yaml").errors
    assert error.path.endswith("Master.template.spec.containers[0].imag")
    assert "did you mean 'image'?" in str(error)


def test_a_kind_that_nobody_knows_is_not_checked() -> None:
    report = lint_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: 5\n", "f.yaml")
    assert report.ok
    (warning,) = report.warnings
    assert str(warning).endswith("kind 'Deployment' of apps/v1 is not served here: not checked")
